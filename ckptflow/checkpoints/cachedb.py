"""Edge. `.ckptflow/cache.db`: derived data in SQLite, which may be deleted or damaged at any time.

Whoever keeps something here must be able to make it again and must not believe it unchecked. A file that is no database
is removed and started afresh; where none can be kept (read-only disk, locked for long) the same tables live in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BUSY_SECONDS = 10.0


def open_cache(path: Path | None, schema: str) -> sqlite3.Connection:
    """Open the database at `path` and run `schema` (`CREATE TABLE IF NOT EXISTS` statements). None: in memory.

    Never raises for what is wrong with the file. Statements are committed one by one outside `transaction`.
    """
    if path is not None:
        for _ in range(2):
            try:
                return _open(str(path), schema)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):  # cannot be opened, read-only, locked: not ours to remove
                    break
                discard(path)
    return _open(":memory:", schema)


def discard(path: Path) -> None:
    """Remove a database that proved damaged, with its side files."""
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + end).unlink()


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the file is bad (to be discarded), not merely locked, full or read-only (to do without)."""
    text = str(error)
    return not isinstance(error, sqlite3.OperationalError) or "malformed" in text or "no such" in text


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do the block's statements all or not at all, as the only writer."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _open(path: str, schema: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")  # a loss of power may cost the file, which is derived and checked
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db
