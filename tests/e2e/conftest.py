"""A project in a directory of its own, and the real command run on it in processes of its own, as a stranger would."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.place import PATIENCE, Place, is_running, until


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty project with one worker, which is the quickest to start; tests of parallel work ask for more."""
    root = tmp_path / "project"
    root.mkdir()
    side = tmp_path / "side.txt"
    env = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_")}
    env |= {"SIDE": str(side), "XDG_CONFIG_HOME": str(tmp_path / "config"), "CKPTFLOW_JOBS": "1", "NO_COLOR": "1"}
    return Place(root, side, env)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    return until


@pytest.fixture
def running() -> Callable[[int], bool]:
    return is_running


@pytest.fixture
def kill_all() -> Callable[[subprocess.Popen[str]], None]:
    """SIGKILL to the engine alone, as `kill -9` or the kernel does it; its workers must see to themselves."""

    def kill(process: subprocess.Popen[str]) -> None:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)

    return kill
