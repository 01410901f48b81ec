"""Edge. A function that takes whole chunks, and fails: the items that make it fail are found by halving, and set aside.

Rules: an item is to blame where the function fails on it alone. What comes of parts of a chunk is only looked at for
failure, and never put together: a function may look at all of its rows. The outs are what it makes of the chunk without
the items to blame, in one call. Where no item fails alone, the chunk as a whole has failed.

Each call is a trial. Which trials there are follows from what came of those before, so the engine is told of each: a
worker that takes over from one that died in a trial counts that one as failed, and begins behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..chunk.headway import Items
from ..chunk.model import AtFiles, Part
from ..dataclass import dataclass, replace
from ..errors import CkptflowError, Failure
from ..formats.deliver import as_form
from ..formats.forms import TABLE_FORMS, Form
from ..formats.registry import TABULAR
from .calling import Read, run_call
from .inhand import Pad
from .itemised import ItemSource, item_source
from .messages import Input, Task, Tried
from .outcome import Desk, Known, Outcome
from .quarantined import QUARANTINE, bad_row
from .sinks import Rows
from .storing import Staging

_Some = Callable[[list[int]], Any]
"""Returns the dep with just these of its items, in the form that the function takes."""

_Fails = Callable[[list[int]], Failure | None]
"""Tells whether the function fails on these items together, and why."""


def run_halving(task: Task, staging: Staging, read: Read, desk: Desk) -> Outcome:
    """Call the task's function; where it fails, on the chunk without the items to blame.

    Raises as `run_call`, but for what the function raises: that comes as `Known`.
    """
    trials = _Trials(task, staging, desk, desk.pad(task.id))
    failure = trials.next(read)
    if failure is not None:
        found = _cut_dep(task, read)
        if found is None:
            raise Known(failure)
        return _without_bad(task, trials, read, failure, *found)
    return trials.outcome()


@dataclass(slots=True)
class _Trials:
    """The calls by which the items to blame are found."""

    task: Task
    staging: Staging
    desk: Desk
    pad: Pad
    _number: int = 0
    _made: tuple[Any, ...] = ()

    def next(self, read: Read, *, stored: bool = True) -> Failure | None:
        """Call the function on what `read` gives; return why it fails. What is known of a trial is not done again.

        Raises what tells of the machine or the run, and not of what the function was given.
        """
        number, self._number = self._number, self._number + 1
        if number < len(self.task.tried):
            return self.task.tried[number]
        self.pad.at(number)
        failure = None
        try:
            self._made = run_call(self.task, self.staging, read, trial=not stored)
        except (Exception, SystemExit) as error:
            if isinstance(error, CkptflowError | MemoryError):
                raise
            failure = self.desk.failure(error)
        self.pad.between()
        self.desk.tried(Tried(self.task.id, failure))
        return failure

    def make_nothing(self) -> bool:
        """Make tables without rows and columns, for a function that takes no chunk without items; False where an out is
        no table, or a state is handed on.
        """
        if self.task.state is not None or any(output.format not in TABULAR for output in self.task.outputs):
            return False
        self._made = {output.label: Rows(output).finish(self.staging) for output in self.task.outputs}, None
        return True

    def outcome(self, items: Items | None = None, quarantine: Part | None = None) -> Outcome:
        """Return what the last trial has made."""
        outs, state = self._made
        return Outcome(outs, state, items, quarantine)


def _without_bad(
    task: Task, trials: _Trials, read: Read, failure: Failure, source: Input, items: ItemSource, some: _Some
) -> Outcome:
    bad: dict[int, Failure] = {}
    while True:
        before = len(bad)
        left = [index for index in range(len(items)) if index not in bad]
        _search(left, lambda some_: trials.next(_giving(read, source, some, some_), stored=False), bad, failure)
        if len(bad) == before:
            raise Known(failure)
        left = [index for index in left if index not in bad]
        again = trials.next(_giving(read, source, some, left))
        if again is None or (not left and trials.make_nothing()):
            rows = Rows(QUARANTINE)
            rows.add([bad_row(i, items, bad[i], task.attempt, {}) for i in sorted(bad)])
            return trials.outcome(Items(ok=len(left), failed=len(bad)), rows.finish(trials.staging))
        failure = again


def _search(indexes: list[int], fails: _Fails, bad: dict[int, Failure], known: Failure) -> None:
    """Find the items among `indexes`, on which the function fails together, on which it fails alone."""
    if len(indexes) == 1:
        bad[indexes[0]] = known
        return
    middle = len(indexes) // 2
    for half in (indexes[:middle], indexes[middle:]):
        if half and (failure := fails(half)) is not None:
            _search(half, fails, bad, failure)


def _giving(read: Read, source: Input, some: _Some, indexes: list[int]) -> Read:
    return lambda item: some(indexes) if item.label == source.label else read(item)


def _cut_dep(task: Task, read: Read) -> tuple[Input, ItemSource, _Some] | None:
    """Return the first dep of the chunk that has items, the items, and how to give some of them; None if none has."""
    for item in task.inputs:
        if item.piece is None or item.name is None:
            continue
        where = item.piece.where
        if isinstance(where, AtFiles) and item.piece.rows is None:
            paths = read(replace(item, form=Form.PATHS))
            return item, item_source(paths, item), _some_files(item, where, read)
        if item.form is Form.NATURAL or item.form in TABLE_FORMS:
            value = read(replace(item, form=Form.NATURAL))
            if hasattr(value, "to_batches"):
                return item, item_source(value, item), _some_rows(item, value)
            if isinstance(value, str | list):
                return item, item_source(value, item), _some_values(value)
    return None


def _some_files(item: Input, where: AtFiles, read: Read) -> _Some:
    assert item.piece is not None
    piece = item.piece
    return lambda indexes: read(
        replace(item, piece=replace(piece, where=AtFiles(tuple(where.files[i] for i in indexes))))
    )


def _some_rows(item: Input, table: Any) -> _Some:
    import pyarrow as pa

    return lambda indexes: as_form(table.take(pa.array(indexes, pa.int64())), item.form)


def _some_values(value: str | list[Any]) -> _Some:
    if isinstance(value, list):
        return lambda indexes: [value[i] for i in indexes]
    lines = value.split("\n")
    return lambda indexes: "".join(f"{lines[i]}\n" for i in indexes)
