"""Edge. The part of the index that finds records by their loose key; filled only when somebody asks for it.

Few runs do: the others pay nothing for it. Each segment is read once more for that, up to where the index has read it.
What stands here says only where to look, like the rest of the index: the record is read, and has its loose key in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from ..ids import ChunkKey
from ..store.protocol import NotThere, Store
from . import lines
from .cachedb import transaction
from .records import SegmentReader, split_lines

SCHEMA = """
CREATE TABLE IF NOT EXISTS loose_1 (
  loose BLOB NOT NULL, key BLOB NOT NULL, segment INTEGER NOT NULL, PRIMARY KEY (loose, key, segment)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loose_read_1 (segment INTEGER PRIMARY KEY, read INTEGER NOT NULL);
"""
TABLES = ("loose_1", "loose_read_1")
_LOOSE = "FROM loose_1 JOIN segments_1 ON id = segment WHERE store = ?"
_READ = "FROM segments_1 AS s LEFT JOIN loose_read_1 AS l ON l.segment = s.id WHERE s.store = ?"


def keys_of(db: sqlite3.Connection, store: Store, loose: Sequence[ChunkKey]) -> list[ChunkKey]:
    """Return the keys of what was recorded under these loose keys, in the segments as far as they were caught up with.

    A later line may have given a key another loose key, or taken it back.
    """
    marks = ",".join("?" * len(loose))
    query = f"SELECT DISTINCT key {_LOOSE} AND loose IN ({marks}) ORDER BY key"
    rows = db.execute(query, (store.url, *map(bytes.fromhex, loose)))
    return [ChunkKey(row[0].hex()) for row in rows]


def catch_up(db: sqlite3.Connection, store: Store, block: int) -> None:
    """Take in the segments up to where the index has read them, `block` bytes at a time."""
    behind = db.execute(f"SELECT s.name {_READ} AND s.read > ifnull(l.read, 0)", (store.url,)).fetchall()
    for (name,) in behind:
        with suppress(NotThere):
            _take_in(db, store, name, block)


def _take_in(db: sqlite3.Connection, store: Store, name: str, block: int) -> None:
    with transaction(db), SegmentReader(store, name) as reader:
        query = f"SELECT s.id, s.read, ifnull(l.read, 0) {_READ} AND s.name = ?"
        for id_, stop, at in db.execute(query, (store.url, name)).fetchall():
            size = block
            while at < stop:
                data = reader.read(at, min(size, stop - at))
                end = at
                rows = []
                for start, line in split_lines(data, at):
                    end = start + len(line) + 1
                    if (found := lines.loose_key(line)) is not None:
                        rows.append((*found, id_))
                db.executemany("INSERT OR REPLACE INTO loose_1 VALUES (?, ?, ?)", sorted(rows))
                if end == at and len(data) < size:
                    break  # it is shorter than it was: found out when the index is refreshed
                size = block if end > at else size * 2
                at = end
            db.execute("INSERT OR REPLACE INTO loose_read_1 VALUES (?, ?)", (id_, at))
