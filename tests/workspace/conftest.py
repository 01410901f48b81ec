from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.workspace import observe
from ckptflow.workspace.cache import Cache
from ckptflow.workspace.observe import Observer


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file below the root, an hour old unless said otherwise, so that its stamp can be believed."""

    def write_(name: str, text: str = "", age: float = 3600.5) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        then = time.time_ns() - int(age * 1e9)
        os.utime(path, ns=(then, then))
        return path

    return write_


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / ".ckptflow-cache.db")


@pytest.fixture
def observer(tmp_path: Path, cache: Cache) -> Observer:
    return Observer(tmp_path, cache)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed from now on."""
    names: list[str] = []
    real = observe.hash_file

    def hash_file(path: Path | str) -> object:
        names.append(os.path.basename(path))
        return real(path)

    monkeypatch.setattr(observe, "hash_file", hash_file)
    return names
