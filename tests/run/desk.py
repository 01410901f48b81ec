"""A desk in the test's own process: what a worker gives to those who keep what is finished, with a real channel, a
real minder, a real store, and an engine that only writes down what it hears.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ckptflow.chunk.headway import Headway
from ckptflow.chunk.model import AtRows, Part, Piece
from ckptflow.errors import Failure
from ckptflow.formats.forms import Form
from ckptflow.formats.registry import get_format
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.run.channel import Channel
from ckptflow.run.halving import run_halving
from ckptflow.run.inhand import Note, Pad, read_note
from ckptflow.run.items import run_items
from ckptflow.run.messages import Each, Input, Kept, Output, Source, Task, Tried
from ckptflow.run.minding import Minder
from ckptflow.run.outcome import Outcome
from ckptflow.run.storing import Staging
from ckptflow.run.tracebacks import message
from ckptflow.store.local import LocalStore
from ckptflow.store.objects import Objects

MODULE = "functions_of_the_test"
TABLE = Output("out", "out.parquet", "parquet", name="out")
DEP = "row"


class Desk:
    """See the module. `function` is what tasks call."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "store").mkdir()
        ours, theirs = socket.socketpair()
        self.channel, self.engine = Channel(ours.detach()), Channel(theirs.detach())
        self.heard: list[Any] = []
        self.kept_: list[Kept] = []
        self.trials: list[Failure | None] = []
        self._notes = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._stagings = 0

    # ---- what a worker does

    def minder(self, seconds: float, keep: Callable[[], None]) -> Minder:
        return Minder(self.channel, seconds, keep, self.heard.append)

    def kept(self, report: Kept) -> None:
        self.kept_.append(report)

    def tried(self, report: Tried) -> None:
        self.trials.append(report.failure)

    def pad(self, task: int) -> Pad:
        return Pad(self._notes.fileno(), task)

    def failure(self, error: BaseException) -> Failure:
        return Failure("exception", message(error), error=type(error).__qualname__)

    def keeping(self) -> Staging:
        return self.staging()

    # ---- what tests do

    def staging(self) -> Staging:
        self._stagings += 1
        place = self.root / f"staging{self._stagings}"
        return Staging(Objects(LocalStore(self.root / "store")), place, self.root / "store", self.root, self.root)

    def note(self, task: int = 1) -> Note | None:
        return read_note(self._notes.fileno(), task)

    @property
    def positions(self) -> list[int | None]:
        """How far the chunk was each time that something was kept."""
        return [report.headway.position for report in self.kept_]

    @property
    def headway(self) -> Headway:
        return self.kept_[-1].headway

    def task(
        self, function: Callable[..., Any], rows: int, outputs: tuple[Output, ...] = (TABLE,), **more: Any
    ) -> Task:
        module = types.ModuleType(MODULE)
        module.function = function  # type: ignore[attr-defined]
        sys.modules[MODULE] = module
        piece = Piece(digest(b"rows"), AtRows(100, 100 + rows), rows, 0)
        fields: dict[str, Any] = {"index": 0, "chunks": 1, "keep_seconds": 3600.0, **more}
        return Task(
            id=1,
            stage=StageName("s"),
            key=ChunkKey("0" * 64),
            inputs=(Input(DEP, Source("rows.csv", "csv", "rows"), name=DEP, piece=piece),),
            outputs=outputs,
            log=os.devnull,
            call=f"{MODULE}:function",
            **fields,
        )

    def items(self, function: Callable[..., Any], rows: int, **more: Any) -> Outcome:
        """Do a chunk of so many rows, with one column `x`, one by one."""
        each = {name: more.pop(name) for name in ("retries", "backoff", "quarantine") if name in more}
        task = self.task(function, rows, each=Each(DEP, **each), **more)
        return run_items(task, self.staging(), lambda _: _table(rows), self)

    def halves(self, function: Callable[..., Any], rows: int, **more: Any) -> Outcome:
        """Do such a chunk whole, and by halves where that fails."""
        return run_halving(self.task(function, rows, halve=True, **more), self.staging(), lambda _: _table(rows), self)

    def value(self, part: Part, format: str = "parquet") -> Any:
        return get_format(format).read(self.staging().objects.path(part.object), Form.NATURAL)

    def made(self, outcome: Outcome, column: str = "x") -> list[Any]:
        return self.value(outcome.outs["out"])[column].to_pylist()  # type: ignore[no-any-return]

    def bad(self, outcome: Outcome) -> dict[int, dict[str, Any]]:
        """The table of items that failed, by number."""
        if outcome.quarantine is None:
            return {}
        return {row["index"]: row for row in self.value(outcome.quarantine).to_pylist()}

    def kept_bad(self) -> list[int]:
        """The numbers of items that failed in what was kept last; read as the next attempt does."""
        return [row["index"] for part in self.headway.failed for row in self.value(part, "arrow").to_pylist()]

    def close(self) -> None:
        sys.modules.pop(MODULE, None)
        self._notes.close()
        self.channel.close()
        self.engine.close()


def _table(rows: int) -> pa.Table:
    return pa.table({"x": pa.array(range(rows), pa.int64())})
