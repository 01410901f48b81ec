"""Edge. A function that takes whole chunks, and fails: the items that make it fail are found by halving, and set aside.

Rules: an item is to blame where the function fails on it alone. What comes of parts of a chunk is only looked at for
failure, and never put together: a function may look at all of its rows. The outs are what it makes of the chunk without
the items to blame, in one call. Where no item fails alone, the chunk as a whole has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..chunk.headway import Items
from ..chunk.model import AtFiles
from ..dataclass import replace
from ..errors import CkptflowError
from ..formats.deliver import as_form
from ..formats.forms import TABLE_FORMS, Form
from .calling import Read, run_call
from .itemised import ItemSource, item_source
from .messages import Input, Task
from .outcome import Outcome
from .quarantined import QUARANTINE, bad_row
from .sinks import Rows
from .storing import Staging

_Some = Callable[[list[int]], Any]
"""Returns the dep with just these of its items, in the form that the function takes."""


def run_halving(task: Task, staging: Staging, read: Read) -> Outcome:
    """Call the task's function; where it fails, on the chunk without the items to blame. Raises as `run_call`."""
    try:
        return Outcome(*run_call(task, staging, read))
    except Exception as error:
        found = None if isinstance(error, CkptflowError | MemoryError) else _cut_dep(task, read)
        if found is None:
            raise
        return _without_bad(task, staging, read, error, *found)


def _without_bad(
    task: Task, staging: Staging, read: Read, error: Exception, source: Input, items: ItemSource, some: _Some
) -> Outcome:
    bad: dict[int, Exception] = {}
    while True:
        before = len(bad)
        left = [index for index in range(len(items)) if index not in bad]
        _search(left, lambda indexes: _try(task, staging, read, source, some(indexes)), bad, known=error)
        if len(bad) == before:
            raise error
        left = [index for index in left if index not in bad]
        try:
            outs, state = run_call(task, staging, _giving(read, source, some(left)))
        except Exception as again:
            if isinstance(again, CkptflowError | MemoryError):
                raise
            error = again
            continue
        rows = Rows(QUARANTINE)
        rows.add([bad_row(i, items, bad[i], task.attempt, str(staging.root), {}) for i in sorted(bad)])
        return Outcome(outs, state, Items(ok=len(left), failed=len(bad)), rows.finish(staging))


def _search(
    indexes: list[int], attempt: Callable[[list[int]], Exception | None], bad: dict[int, Exception], known: Exception
) -> None:
    """Find the items among `indexes`, on which the function fails together, on which it fails alone."""
    if len(indexes) == 1:
        bad[indexes[0]] = known
        return
    middle = len(indexes) // 2
    for half in (indexes[:middle], indexes[middle:]):
        if half and (failure := attempt(half)) is not None:
            _search(half, attempt, bad, failure)


def _try(task: Task, staging: Staging, read: Read, source: Input, value: Any) -> Exception | None:
    try:
        run_call(task, staging, _giving(read, source, value), trial=True)
    except Exception as error:
        if isinstance(error, CkptflowError | MemoryError):
            raise
        return error
    return None


def _giving(read: Read, source: Input, value: Any) -> Read:
    return lambda item: value if item.label == source.label else read(item)


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
    return lambda indexes: as_form(table.take(indexes), item.form)


def _some_values(value: str | list[Any]) -> _Some:
    if isinstance(value, list):
        return lambda indexes: [value[i] for i in indexes]
    lines = value.split("\n")
    return lambda indexes: "".join(f"{lines[i]}\n" for i in indexes)
