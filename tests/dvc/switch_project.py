"""One project that DVC has run and ckptflow takes over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twins_program import Program
from twins_project import Ran, Twin


@dataclass(frozen=True, slots=True)
class Switch:
    """The project as DVC's, and the other program for it."""

    twin: Twin
    ours: Program

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            self.twin.write(name, text)

    def dvc(self, *argv: str) -> Ran:
        """Run a command line of DVC's that must succeed."""
        ran = self.twin.run(*argv)
        assert ran.ok, ran.ended.said
        return ran

    def ckptflow(self, *argv: str, code: int = 0) -> Ran:
        """Run a command line of ours that must end with `code`."""
        ran = Twin("ckptflow", self.ours, self.twin.root, self.twin.env).run(*argv)
        assert ran.ended.code == code, ran.ended.said
        return ran

    def states(self, *argv: str, code: int = 0) -> dict[str, str]:
        """Run `repro` and return each stage's state; whatever says `ran` must be what was traced."""
        ran = self.ckptflow("repro", "--json", *argv, code=code)
        states = {s["stage"]: s["state"] for s in json.loads(ran.ended.out)["stages"]}
        return states | {"": " ".join(ran.stages)}

    def status(self) -> dict[str, tuple[int, int]]:
        """Return (stale, reusable) chunks of each stage; nothing may be written."""
        before = self.everything()
        stages = self.document("status")["stages"]
        assert self.everything() == before
        return {s["stage"]: (s["chunks"]["stale"] + s["chunks"]["maybe"], s["chunks"]["reusable"]) for s in stages}

    def document(self, *argv: str) -> Any:
        """Return the JSON of a command."""
        return json.loads(self.ckptflow(*argv, "--json").ended.out)

    def everything(self) -> dict[str, bytes]:
        """All files of the project, those of both programs included."""
        files = (p for p in self.twin.root.rglob("*") if p.is_file() and "cache.db" not in p.name)
        return {str(p.relative_to(self.twin.root)): p.read_bytes() for p in files}

    def remove(self, *names: str) -> None:
        for name in names:
            self.twin.remove(name)

    def forget_cache(self) -> None:
        """Let DVC's cache be lost."""
        shutil.rmtree(self.twin.root / ".dvc/cache")
