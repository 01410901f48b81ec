"""Edge. One run of the past, or one that is going on: what it came to, and what happened to checkpoints meanwhile.

The result is in the store, once the run has ended; the log is beside what the stages printed, line by line, so it is
there after a kill too, on the machine that ran it, as long as the logs of the run are kept.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from ..dataclass import dataclass
from ..errors import VersionNotFound
from ..store import layout
from ..store.protocol import NotThere
from .session import Session

CHECKPOINT_LOG = "checkpoints.log"
"""In the directory of a run's logs: no stage's, whose names have a number before `.log`."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the log: when (ISO 8601, UTC), how much it matters (`info`, `warning`), what happened."""

    time: str
    level: str
    text: str

    def to_json(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"time": self.time, "level": self.level, "text": self.text}


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run: its result as `repro --json` gave it, None where it has not ended or was killed; and the log."""

    run: str
    result: dict[str, Any] | None
    checkpoints: tuple[Operation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"run": self.run, "result": self.result, "checkpoints": [each.to_json() for each in self.checkpoints]}


def run_detail(session: Session, run: str) -> RunDetail:
    """Return what is known of a run, by its name or the beginning of it. Raises `VersionNotFound`, `StoreError`."""
    ended = {name.removeprefix(layout.RUNS).removesuffix(".json") for name in _documents(session)}
    begun = {path.name for path in session.logs.iterdir()} if session.logs.is_dir() else set()
    found = sorted(name for name in ended | begun if name.startswith(run))
    if run in found:
        found = [run]
    if len(found) != 1:
        hint = f"it could be {', '.join(found[:5])}" if found else "`ckptflow log` lists the runs"
        raise VersionNotFound(run, hint=hint)
    name = found[0]
    result: dict[str, Any] | None = None
    with suppress(NotThere, ValueError, RecursionError):
        doc = json.loads(session.store.get(layout.run_name(name))) if name in ended else None
        result = {k: v for k, v in doc.items() if k not in ("files", "locks")} if isinstance(doc, dict) else None
    return RunDetail(name, result, tuple(_operations(session, name)))


def _documents(session: Session) -> list[str]:
    return [entry.name for entry in session.store.list(layout.RUNS)]


def _operations(session: Session, run: str) -> list[Operation]:
    try:
        text = (session.logs / run / CHECKPOINT_LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    parts = (line.split(" ", 2) for line in text.splitlines())
    return [Operation(*fields) for fields in parts if len(fields) == 3]
