"""DVC and ckptflow as programs that a test can run quickly: each is a process that forks for every command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

_DVC = ("dvc.cli", "dvc.repo", "dvc.repo.reproduce", "dvc.commands.repro", "dvc.parsing", "networkx", "pyparsing")
_CKPTFLOW = ("ckptflow.cli.app", "ckptflow.project", "ckptflow.engine.drive", "yaml")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command line that ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that it printed."""
        return f"{self.out}\n{self.err}"


class Program:
    """A program whose modules are loaded. `main` is its entry point, `module:function`, which takes the arguments."""

    def __init__(self, python: str, modules: Sequence[str], main: str) -> None:
        self._main = main
        self._process = subprocess.Popen(
            [python, str(HERE / "twins_fork.py"), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        )

    def run(self, *argv: str, cwd: Path, env: dict[str, str], main: str | None = None) -> Ended:
        """Run a command line, or another function of the same Python, in `cwd`."""
        request = {"call": main or self._main, "argv": argv, "cwd": str(cwd), "env": env}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{self._main} has died"
        return Ended(**json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


def find_dvc() -> tuple[str | None, str]:
    """Return the Python that DVC is installed for; None, and why, where there is no DVC."""
    named = os.environ.get("DVC_TO_TEST_WITH")
    local = ROOT / ".venv-dvc" / "bin" / "dvc"
    found = named or (str(local) if local.exists() else shutil.which("dvc"))
    if found is None:
        return None, "there is no DVC: neither DVC_TO_TEST_WITH, nor .venv-dvc/bin/dvc, nor `dvc` on PATH"
    python = Path(found).resolve().parent / "python"
    if not python.exists():
        return None, f"DVC is {found}, and there is no Python beside it"
    return str(python), ""


def dvc(python: str) -> Program:
    """Return DVC."""
    return Program(python, _DVC, "dvc.cli:main")


def ckptflow() -> Program:
    """Return ckptflow, of these sources."""
    return Program(sys.executable, _CKPTFLOW, "ckptflow.cli.main:main")
