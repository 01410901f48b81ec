"""Edge. The items of a stage that failed, in one table for people: `.ckptflow/quarantine/<stage>.parquet`.

What failed in a chunk is a table in the store that the chunk's record names; this is all of them, with the chunks'
numbers, as of the last run in which the stage came to its end. Derived data: nothing is decided by it.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chunk.model import Part
from ..errors import DepMissing
from ..ids import StageName
from ..plan.stagerun import StageRun
from ..store.layout import escape
from ..store.oserrors import store_error
from ..workspace.locate import STATE_DIR
from .session import Session

if TYPE_CHECKING:
    import pyarrow as pa

_FOLDER = "quarantine/"
COLUMNS = ("chunk", "index", "item", "error", "message", "traceback", "attempts")


def quarantine_path(session: Session, stage: StageName) -> Path:
    """Return where the table of a stage is; it is there only while something is in it."""
    return session.location.state / _table_of(stage)


def _table_of(stage: StageName) -> str:
    return f"{_FOLDER}{escape(stage)}.parquet"


def tables(session: Session) -> frozenset[str]:
    """Return which tables there are, for `keep_quarantine`: one look for all stages. Raises `StoreError`."""
    try:
        return frozenset(f"{_FOLDER}{name}" for name in os.listdir(f"{session.root}/{STATE_DIR}/{_FOLDER}"))  # noqa: PTH208
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise store_error(error, f"read {_FOLDER}", str(session.root)) from error


def keep_quarantine(session: Session, run: StageRun, before: Collection[str]) -> None:
    """Write the table of a stage whose chunks are done; remove it where nothing failed and it is among those that were
    there before. Raises `StoreError`.
    """
    bad = sorted(run.done.quarantine.items())
    try:
        if not bad:
            if before and (table := _table_of(run.name)) in before:
                (session.location.state / table).unlink(missing_ok=True)
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = quarantine_path(session, run.name)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(".tmp")
        pq.write_table(pa.concat_tables(_table(session, index, part) for index, part in bad), temporary)
        temporary.replace(path)
    except OSError as error:
        raise store_error(error, f"write {_table_of(run.name)}", str(session.root)) from error


def read_quarantine(session: Session, stage: StageName) -> pa.Table:
    """Return the table of a stage. Raises `DepMissing` where nothing is in quarantine."""
    import pyarrow.parquet as pq

    path = quarantine_path(session, stage)
    if not path.exists():
        raise DepMissing(f"no item of `{stage}` is in quarantine")
    return pq.read_table(path)


def _table(session: Session, index: int, part: Part) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: Any = pq.read_table(session.objects.path(part.object), columns=list(COLUMNS[1:]))
    return found.add_column(0, "chunk", pa.array([index] * found.num_rows, pa.int64()))
