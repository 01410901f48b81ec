"""Edge. Which object files of this machine were hashed and found good, kept in `.ckptflow/cache.db`.

Rules: a file is believed while its size, modification time and inode are those of the one that was hashed. One that was
written a moment ago is not remembered: it may not have reached the disk, and after a loss of power the same file may
come back with other bytes. Nor is one whose clock is ahead of ours.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..ids import Digest
from ..store.objects import FileState
from .cachedb import open_cache

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verified_1 (
  object BLOB PRIMARY KEY, bytes INTEGER NOT NULL, modified INTEGER NOT NULL, inode INTEGER NOT NULL) WITHOUT ROWID;
"""
SETTLED_NS = 120 * 10**9
"""Systems write back within half a minute; beyond that age a file is taken to be on the disk."""


class VerifiedFiles:
    """Implements `store.objects.Verified`. Forgets everything when the database is lost; never fails."""

    __slots__ = ("_clock", "_db")

    def __init__(self, db: Path | None, clock: Callable[[], int] = time.time_ns) -> None:
        self._db = open_cache(db, _SCHEMA)
        self._clock = clock

    def knows(self, object_: Digest, state: FileState) -> bool:
        """Tell whether this very file was found good."""
        with suppress(sqlite3.DatabaseError):
            row = self._db.execute(
                "SELECT bytes, modified, inode FROM verified_1 WHERE object = ?", (bytes.fromhex(object_),)
            ).fetchone()
            return row is not None and tuple(row) == state.identity
        return False

    def remember(self, object_: Digest, state: FileState) -> None:
        """The file, as it is now, is good. Kept only if nothing about the file is recent."""
        if max(state.modified_ns, state.changed_ns) + SETTLED_NS > self._clock():
            return
        with suppress(sqlite3.DatabaseError):
            self._db.execute(
                "INSERT OR REPLACE INTO verified_1 VALUES (?, ?, ?, ?)", (bytes.fromhex(object_), *state.identity)
            )

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()
