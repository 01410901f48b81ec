"""Two copies of one project: one that DVC runs, one that ckptflow runs, with the same steps applied to both.

Commands of stages call `ran NAME`, which appends NAME to a file outside of the project, so that what ran, and in which
order, is counted and not read from what is printed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twins_program import Ended, Program

_RAN = '#!/bin/sh\necho "$*" >> "$TRACE"\n'
_NO_SCM = "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"
_SITE = tempfile.TemporaryDirectory(prefix="dvc-site-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
"""What DVC notes of all projects, by their paths: in memory, since it waits for the disk a dozen times a command."""
_OWN = {".dvc", ".ckptflow", ".git", "dvc.lock", "pipeline.lock", "dvc.ckptflow.lock", ".gitignore", ".dvcignore"}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command line did: the names that were traced, whether it succeeded, what it said."""

    stages: tuple[str, ...]
    ok: bool
    ended: Ended


@dataclass(frozen=True, slots=True)
class Twin:
    """One of the two: a program on a project of its own."""

    name: str
    program: Program
    root: Path
    env: dict[str, str]

    @classmethod
    def made(cls, name: str, program: Program, home: Path) -> Twin:
        """Return an empty project of `program` below `home`."""
        root, tools = home / "project", home / "tools"
        root.mkdir(parents=True)
        tools.mkdir()
        (tools / "ran").write_text(_RAN)
        (tools / "ran").chmod(0o755)
        if name == "dvc":  # as `dvc init --no-scm` leaves it
            (root / ".dvc").mkdir()
            (root / ".dvc/config").write_text(_NO_SCM)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("CKPTFLOW_", "DVC_"))}
        env |= {"PATH": f"{tools}{os.pathsep}{env['PATH']}", "TRACE": str(home / "trace"), "SHELL": "/bin/sh"}
        env |= {"NO_COLOR": "1", "HOME": str(home / "home"), "XDG_CONFIG_HOME": str(home / "home/.config")}
        env |= {"CKPTFLOW_JOBS": "1", "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": _SITE.name}
        env |= {"DVC_GLOBAL_CONFIG_DIR": str(home / "none"), "DVC_SYSTEM_CONFIG_DIR": str(home / "none")}
        return cls(name, program, root, env)

    def run(self, *argv: str, cwd: str = ".") -> Ran:
        """Run a command line in a directory of the project."""
        trace = Path(self.env["TRACE"])
        trace.write_text("")
        ended = self.program.run(*argv, cwd=self.root / cwd, env=self.env)
        return Ran(tuple(trace.read_text().split()), ended.code == 0, ended)

    def write(self, name: str, text: str) -> None:
        """Write a file, whoever linked it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)

    def remove(self, name: str) -> None:
        """Remove a file or directory."""
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def files(self) -> Mapping[str, bytes]:
        """Return what lies in the workspace, without what the two programs keep for themselves."""
        found: dict[str, bytes] = {}
        for path in sorted(self.root.rglob("*")):
            parts = path.relative_to(self.root).parts
            if path.is_file() and _OWN.isdisjoint(parts):
                found["/".join(parts)] = path.read_bytes()
        return found
