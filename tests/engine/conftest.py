"""A project on disk and its Python API, with an environment of its own."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ckptflow.project import Project

Files = Callable[[Path, Mapping[str, str]], None]


@pytest.fixture(scope="session")
def write_files() -> Files:
    """Write files below a directory, an hour old, so that their stamps can be believed."""

    def write(root: Path, files: Mapping[str, str]) -> None:
        then = time.time_ns() - 3_600_500_000_000
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            os.utime(path, ns=(then, then))

    return write


@pytest.fixture(scope="session")
def open_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Project]:
    home = tmp_path_factory.mktemp("home")

    def open_(root: Path) -> Project:
        return Project(root, overrides={"jobs": 1}, env={"HOME": str(home), "XDG_CONFIG_HOME": str(home)})

    return open_
