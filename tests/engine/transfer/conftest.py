from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.project import Project
from ckptflow.store.buckets import opening
from tests.engine.transfer.world import CONFIG, PIPELINE, STAGES, Counted, Made


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Counted:
    one = Counted()
    monkeypatch.setattr(opening, "open_bucket", lambda *args, **kwargs: one)
    return one


@pytest.fixture
def open_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Project]:
    """Open a project with the key of this process's environment, if there is one, and nothing else of it."""
    home = str(tmp_path_factory.mktemp("home"))

    def open_(root: Path) -> Project:
        key = {name: value for name, value in os.environ.items() if name == "CKPTFLOW_KEY"}
        return Project(root, overrides={"jobs": 1}, env={"HOME": home, "XDG_CONFIG_HOME": home, **key})

    return open_


@pytest.fixture
def make(tmp_path: Path, bucket: Counted, write_files: Any, open_project: Any) -> Made:
    def make(name: str, pipeline: str = PIPELINE, rows: int = 50, config: str = CONFIG) -> Project:
        files = {
            "pipeline.yaml": pipeline,
            "work.py": STAGES,
            "rows.csv": "x\n" + "".join(f"{i}\n" for i in range(rows)),
            ".ckptflow/config.yaml": config,
        }
        write_files(tmp_path / name, files)
        return open_project(tmp_path / name)

    return make
