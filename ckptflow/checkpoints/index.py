"""Edge. The past: which record stands under a key, over all segments of a store.

Rules: the log is the truth, the index only says where to look. It holds (key, segment, offset, length) and how far each
segment was read, so a start reads only what was added since. A line is checked again whenever it is used, so an index
that is stale, damaged or of another store costs time and never gives a wrong record. Of several lines with one key the
last counts, segments taken in the order of their names; a `Forget` hides those before it. Where a remote holds objects
is in the index itself: what is found there is believed for its digest alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeAlias, TypeVar

from ..chunk.tree import Tree
from ..ids import ChunkKey, Digest
from ..plan.model import Partial, Record
from ..store.objects import Objects
from ..store.packs import Held
from ..store.protocol import NotThere, Store
from . import lines, loosekeys
from .cachedb import discard, is_damage, open_cache, transaction
from .records import Damage, RecordLog, SegmentReader, segments, split_lines
from .trees import get_tree

_SCHEMA = """
CREATE TABLE IF NOT EXISTS segments_1 (
  id INTEGER PRIMARY KEY, store TEXT NOT NULL, name TEXT NOT NULL, read INTEGER NOT NULL, size INTEGER NOT NULL,
  written INTEGER NOT NULL, tail BLOB NOT NULL, UNIQUE (store, name));
CREATE TABLE IF NOT EXISTS lines_1 (
  key BLOB NOT NULL, segment INTEGER NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL, forget INTEGER NOT NULL,
  PRIMARY KEY (key, segment, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held_1 (
  object BLOB NOT NULL, segment INTEGER NOT NULL, pack BLOB, at INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (object, segment)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partials_1 (
  key BLOB NOT NULL, segment INTEGER NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (key, segment, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS damage_1 (
  segment INTEGER NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL, problem TEXT NOT NULL,
  PRIMARY KEY (segment, at)) WITHOUT ROWID;
"""
_SCHEMA += loosekeys.SCHEMA
_LINES = "FROM lines_1 JOIN segments_1 ON id = segment WHERE store = ?"
_HELD = "FROM held_1 JOIN segments_1 ON id = segment WHERE store = ?"
_PARTIALS = "FROM partials_1 JOIN segments_1 ON id = segment WHERE store = ?"
_THIS_SEGMENT = "store = ? AND name = ?"
_TABLES = ("lines_1", "partials_1", "held_1", "damage_1", *loosekeys.TABLES)
_READ_BYTES = 8 << 20
_TAIL_BYTES = 32  # holds the checksum of the last line that was read: tells a log that grew from another one
_KEYS_A_QUERY = 500
_GAP_BYTES = 4096  # so little between two lines is read along, rather than to read twice
_BLOCK_BYTES = 1 << 20
_FRESH_MOST = 20_000

_T = TypeVar("_T")
_Name = TypeVar("_Name", bound=str)
_Row: TypeAlias = tuple[bytes, str, int, int, int]
"""(key, segment's name, offset, length, whether it is a `Forget`)."""


class Past:
    """Records by key. `db` is `.ckptflow/cache.db`, or None to keep the index in memory. Raises `StoreError`.

    `log` is the log of the running process, which `forget` writes to; reading commands have none. Records of other
    processes are seen as of the first question or the last `refresh`. Implements `plan.model.Past`.
    """

    __slots__ = (
        "_any_partial",
        "_db",
        "_fresh",
        "_log",
        "_objects",
        "_partials",
        "_path",
        "_refreshed",
        "_spill_at",
        "_store",
    )

    def __init__(self, store: Store, db: Path | None = None, log: RecordLog | None = None) -> None:
        self._store = store
        self._objects = Objects(store)
        self._path = db
        self._log = log
        self._db = open_cache(db, _SCHEMA)
        self._fresh: dict[ChunkKey, Record | None] = {}  # of this process, before the index; None: forgotten
        self._partials: dict[ChunkKey, list[Partial]] = {}  # of this process
        self._any_partial = True
        self._spill_at = _FRESH_MOST
        self._refreshed = False

    def lookup(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """Return the records of those `keys` that have one. The objects they name are not looked at."""
        wanted = list(dict.fromkeys(keys))
        found = {key: record for key in wanted if (record := self._fresh.get(key)) is not None}
        rest = [key for key in wanted if key not in self._fresh]
        if rest:
            self._ready()
            found.update(self._safely(lambda: self._from_index(rest)))
        return found

    def loosely(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """Return by loose key all records of those `keys` that have any. The objects they name are not looked at.

        What the running process adds is not among them: it has its own key.
        """
        self._ready()
        wanted = list(dict.fromkeys(keys))
        found: dict[ChunkKey, list[Record]] = {key: [] for key in wanted}
        for record in self.lookup(self._safely(lambda: self._loosely(wanted))).values():
            if record.loose in found:
                found[record.loose].append(record)
        return {key: records for key, records in found.items() if records}

    def _loosely(self, keys: list[ChunkKey]) -> list[ChunkKey]:
        loosekeys.catch_up(self._db, self._store, _READ_BYTES)
        return [key for batch in _batches(keys) for key in loosekeys.keys_of(self._db, self._store, batch)]

    def partials(self, key: ChunkKey) -> list[Partial]:
        """Return what is kept of the unfinished chunk `key`, the furthest first, later ones before earlier ones.

        The objects they name are not looked at.
        """
        self._ready()
        found = self._safely(lambda: self._partials_of(key)) if self._any_partial else []
        found += self._partials.get(key, ())
        found.reverse()
        return sorted(found, key=lambda partial: -(partial.headway.position or 0))

    def add_partial(self, partial: Partial) -> None:
        """Take in what the running process has just added to its log."""
        self._partials.setdefault(partial.key, []).append(partial)

    def _partials_of(self, key: ChunkKey) -> list[Partial]:
        asked = (self._store.url, _raw(key))
        rows = self._db.execute(f"SELECT name, at, bytes {_PARTIALS} AND key = ? ORDER BY name, at", asked).fetchall()
        taken_back = (
            self._db.execute(f"SELECT name, at {_LINES} AND key = ? AND forget", asked).fetchall() if rows else []
        )
        since = max(taken_back, default=("", -1))
        found = []
        for segment, at, size in rows:
            if (segment, at) < since:
                continue
            with suppress(lines.BadLine, NotThere), SegmentReader(self._store, segment) as reader:
                line = lines.decode(reader.read(at, size))
                if isinstance(line, Partial) and line.key == key:
                    found.append(line)
        return found

    def tree(self, name: Digest) -> Tree | None:
        """Return the out of that name, None if the store does not have it whole."""
        return get_tree(self._objects, name)

    def add(self, record: Record) -> None:
        """Take in a record that the running process has just added to its log."""
        self._fresh[record.key] = record
        self._partials.pop(record.key, None)
        if len(self._fresh) > self._spill_at:
            self._spill()

    def forget(self, key: ChunkKey) -> None:
        """Use what is recorded under `key` no more, in later runs neither, until it is recorded anew."""
        if self._log is not None:
            self._log.forget(key)
        self._fresh[key] = None
        self._partials.pop(key, None)

    def refresh(self) -> None:
        """Read what was added to the store's log since the last time, by whomever."""
        self._safely(self._refresh)
        self._refreshed = True

    def damage(self) -> list[Damage]:
        """Return the lines that were passed over because they are damaged or of an unknown version."""
        self._ready()
        return self._safely(
            lambda: [
                Damage(*row)
                for row in self._db.execute(
                    "SELECT name, at, bytes, problem FROM damage_1 JOIN segments_1 ON id = segment"
                    " WHERE store = ? ORDER BY name, at",
                    (self._store.url,),
                )
            ]
        )

    def count(self) -> int:
        """Return the number of keys that have a record."""
        self._ready()
        own = list(self._fresh)
        indexed = self._safely(lambda: self._count() - sum(len(self._live(keys)) for keys in _batches(own)))
        return indexed + sum(record is not None for record in self._fresh.values())

    def where(self, objects: Iterable[Digest]) -> dict[Digest, list[Held]]:
        """Return where those of `objects` are that the lines of a remote tell of: all places, the last told first."""
        found: dict[Digest, list[Held]] = {}
        for name, held in self._of_all(objects, self._where):
            found.setdefault(name, []).append(held)
        return found

    def _where(self, objects: Sequence[Digest]) -> list[tuple[Digest, Held]]:
        marks = ",".join("?" * len(objects))
        rows = self._db.execute(
            f"SELECT object, pack, at, bytes {_HELD} AND object IN ({marks}) ORDER BY name DESC",
            (self._store.url, *map(_raw, objects)),
        )
        found = ((Digest(name.hex()), pack and Digest(pack.hex()), at, size) for name, pack, at, size in rows)
        return [(name, Held(name, size, pack, at)) for name, pack, at, size in found]

    def holding(self, objects: Iterable[Digest]) -> set[Digest]:
        """Return those of `objects` that the lines of a remote tell of, wherever they are."""
        return set(self._of_all(objects, self._holding))

    def _holding(self, objects: Sequence[Digest]) -> list[Digest]:
        marks = ",".join("?" * len(objects))
        rows = self._db.execute(
            f"SELECT DISTINCT object {_HELD} AND object IN ({marks})", (self._store.url, *map(_raw, objects))
        )
        return [Digest(object_.hex()) for (object_,) in rows]

    def held(self) -> Iterator[tuple[Digest, list[Held]]]:
        """Yield every object that the lines of a remote tell of, once, sorted, and where it is: see `where`."""
        self._ready()
        after = b""
        while names := self._safely(partial(self._objects_after, after)):
            after = names[-1]
            yield from self.where(Digest(name.hex()) for name in names).items()

    def _objects_after(self, object_: bytes) -> list[bytes]:
        rows = self._db.execute(
            f"SELECT DISTINCT object {_HELD} AND object > ? ORDER BY object LIMIT ?",
            (self._store.url, object_, _KEYS_A_QUERY),
        )
        return [row[0] for row in rows]

    def missing_in(self, other: Past) -> Iterator[ChunkKey]:
        """Yield, sorted, the keys that have a record in the store's log and none in the other's."""
        self.refresh()
        after = b""
        while keys := self._safely(partial(self._keys_after, after)):
            after = keys[-1]
            names = [ChunkKey(key.hex()) for key in keys]
            theirs = other.having(names)
            if rest := [name for name in names if name not in theirs]:
                yield from sorted(self.having(rest))

    def having(self, keys: Iterable[ChunkKey]) -> set[ChunkKey]:
        """Return those of `keys` that have a record in the store's log, without reading it."""
        return set(self._of_all(keys, self._having))

    def _having(self, keys: Sequence[ChunkKey]) -> list[ChunkKey]:
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(
            f"SELECT key, max(forget) {_LINES} AND key IN ({marks}) GROUP BY key", (self._store.url, *map(_raw, keys))
        ).fetchall()
        found = [key for key, forgotten in rows if not forgotten]
        if doubted := [ChunkKey(key.hex()) for key, forgotten in rows if forgotten]:
            found += (row[0] for row in self._live(doubted))
        return [ChunkKey(key.hex()) for key in found]

    def iter(self) -> Iterator[Record]:
        """Yield the record of every key once, in no order that means anything."""
        self._ready()
        yield from [record for record in self._fresh.values() if record is not None]
        own = set(self._fresh)
        after = b""
        while keys := self._safely(partial(self._keys_after, after)):
            after = keys[-1]
            names = [ChunkKey(key.hex()) for key in keys]
            yield from self.lookup(key for key in names if key not in own).values()

    def _of_all(self, names: Iterable[_Name], ask: Callable[[list[_Name]], Iterable[_T]]) -> Iterator[_T]:
        """Yield what `ask` finds of `names`, each of which is asked for once, as many at a time as a query takes.

        In the order of the index: of many names, those that are neighbours there are asked for together.
        """
        self._ready()
        for batch in _batches(sorted(set(names))):
            yield from self._safely(partial(ask, batch))

    def close(self) -> None:
        """Close the index."""
        self._db.close()

    def _ready(self) -> None:
        if not self._refreshed:
            self.refresh()

    def _spill(self) -> None:
        """Let go of what the index gives as well by now: memory does not grow with the run."""
        self.refresh()
        indexed = self._safely(lambda: self._from_index(list(self._fresh)))
        self._fresh = {key: record for key, record in self._fresh.items() if not _same(record, indexed.get(key))}
        self._spill_at = len(self._fresh) + _FRESH_MOST

    def _from_index(self, keys: list[ChunkKey]) -> dict[ChunkKey, Record]:
        found, doubtful = self._read_all(keys)
        if doubtful:  # the index does not fit the log: read those segments again, and believe that
            for segment in doubtful:
                self._drop(_THIS_SEGMENT, self._store.url, segment)
            self._refresh()
            found.update(self._read_all([key for key in keys if key not in found])[0])
        return found

    def _read_all(self, keys: list[ChunkKey]) -> tuple[dict[ChunkKey, Record], set[str]]:
        """Read the lines that the index names for `keys`; return them and the segments whose lines are not there."""
        found: dict[ChunkKey, Record] = {}
        doubtful: set[str] = set()
        rows = [row for batch in _batches(keys) for row in self._live(batch)]
        rows.sort(key=lambda row: row[1:3])
        for segment, group in groupby(rows, key=lambda row: row[1]):
            try:
                with SegmentReader(self._store, segment) as reader:
                    for start, stop, together in _neighbours(group):
                        data = reader.read(start, stop - start)
                        for key, _, at, size, _ in together:
                            line = lines.decode(data[at - start : at - start + size])
                            if not isinstance(line, Record) or line.key != key.hex():
                                raise lines.BadLine("not the line that the index means")
                            found[line.key] = line
            except (lines.BadLine, NotThere):
                doubtful.add(segment)
        return found, doubtful

    def _live(self, keys: list[ChunkKey]) -> list[_Row]:
        """Return the last line of each of `keys`, less those that are forgotten."""
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(
            f"SELECT key, name, at, bytes, forget {_LINES} AND key IN ({marks}) ORDER BY key, name, at",
            (self._store.url, *(bytes.fromhex(key) for key in keys)),
        )
        last = {row[0]: row for row in rows}
        return [row for row in last.values() if not row[4]]

    def _count(self) -> int:
        store = (self._store.url,)
        keys: int = self._db.execute(f"SELECT count(DISTINCT key) {_LINES}", store).fetchone()[0]
        rows = self._db.execute(f"SELECT DISTINCT key {_LINES} AND forget", store).fetchall()
        doubted = [ChunkKey(key.hex()) for (key,) in rows]
        return keys - len(doubted) + sum(len(self._live(batch)) for batch in _batches(doubted))

    def _keys_after(self, key: bytes) -> list[bytes]:
        rows = self._db.execute(
            f"SELECT DISTINCT key {_LINES} AND key > ? ORDER BY key LIMIT ?",
            (self._store.url, key, _KEYS_A_QUERY),
        )
        return [row[0] for row in rows]

    def _refresh(self) -> None:
        known = {
            name: (read, size, written)
            for name, read, size, written in self._db.execute(
                "SELECT name, read, size, written FROM segments_1 WHERE store = ?", (self._store.url,)
            )
        }
        for name, size, written in segments(self._store):
            read, old_size, old_written = known.pop(name, (0, 0, -1))
            if (size, written) == (old_size, old_written):
                continue
            if size < read or (size == old_size and size > 0):  # shrunk or written anew
                self._drop(_THIS_SEGMENT, self._store.url, name)
            with suppress(NotThere):
                self._take_in(name, size, written)
        for name in known:
            self._drop(_THIS_SEGMENT, self._store.url, name)
        self._any_partial = self._db.execute(f"SELECT 1 {_PARTIALS} LIMIT 1", (self._store.url,)).fetchone() is not None

    def _take_in(self, name: str, size: int, written: int) -> None:
        """Index the whole lines of a segment up to `size`, from where it was read to, in one transaction."""
        store = self._store.url
        with transaction(self._db), SegmentReader(self._store, name) as reader:
            self._db.execute("INSERT OR IGNORE INTO segments_1 VALUES (NULL, ?, ?, 0, 0, -1, x'')", (store, name))
            query = "SELECT id, read, tail FROM segments_1 WHERE store = ? AND name = ?"
            id_, read, tail = self._db.execute(query, (store, name)).fetchone()
            if reader.read(read - len(tail), len(tail)) != tail:  # no longer what was read
                for table in _TABLES:
                    self._db.execute(f"DELETE FROM {table} WHERE segment = ?", (id_,))  # noqa: S608
                read = 0
            block = _READ_BYTES
            while read < size:
                data = reader.read(read, min(block, size - read))
                rows, held, partials, bad, end = _index_lines(id_, data, read)
                self._db.executemany("INSERT OR REPLACE INTO lines_1 VALUES (?, ?, ?, ?, ?)", rows)
                self._db.executemany("INSERT OR REPLACE INTO held_1 VALUES (?, ?, ?, ?, ?)", held)
                self._db.executemany("INSERT OR REPLACE INTO partials_1 VALUES (?, ?, ?, ?)", partials)
                self._db.executemany("INSERT OR REPLACE INTO damage_1 VALUES (?, ?, ?, ?)", bad)
                if end == read and len(data) < block:
                    break  # a torn tail, or a line that is just being written
                block = _READ_BYTES if end > read else block * 2
                read = end
            tail = reader.read(max(0, read - _TAIL_BYTES), min(read, _TAIL_BYTES))
            query = "UPDATE segments_1 SET read = ?, size = ?, written = ?, tail = ? WHERE id = ?"
            self._db.execute(query, (read, size, written, tail, id_))

    def drop_stores(self, urls: Iterable[str]) -> None:
        """Let go of what is indexed of other stores, which are there no more."""
        for url in urls:
            self._safely(partial(self._drop, "store = ?", url))

    def _drop(self, which: str, *values: str) -> None:
        """Let go of the segments that the condition `which` holds for."""
        with transaction(self._db):
            for table in (*_TABLES, "segments_1"):
                column = "id" if table == "segments_1" else "segment"
                of = f"(SELECT id FROM segments_1 WHERE {which})"  # noqa: S608
                self._db.execute(f"DELETE FROM {table} WHERE {column} IN {of}", values)  # noqa: S608

    def _safely(self, work: Callable[[], _T]) -> _T:
        """Do `work`; where the database fails, do it again on a new one, and at last on one in memory."""
        for _ in range(2):
            try:
                return work()
            except sqlite3.ProgrammingError:
                raise
            except sqlite3.DatabaseError as error:
                self._db.close()
                path, self._path = self._path, None
                if path is not None and is_damage(error):
                    discard(path)
                    self._db = open_cache(path, _SCHEMA)
                else:
                    self._db = open_cache(None, _SCHEMA)
                with suppress(sqlite3.DatabaseError):
                    self._refresh()
        return work()


_Rows: TypeAlias = list[tuple[object, ...]]


def _index_lines(id_: int, data: bytes, start: int) -> tuple[_Rows, _Rows, _Rows, _Rows, int]:
    """Return (rows of good lines, of held objects, of what unfinished chunks have kept, of damage, offset behind the
    last whole line) of a block of segment `id_`.
    """
    rows: _Rows = []
    held: _Rows = []
    partials: _Rows = []
    bad: _Rows = []
    end = start
    for at, line in split_lines(data, start):
        end = at + len(line) + 1
        try:
            if lines.is_holding(line):
                held += ((_raw(h.object), id_, h.pack and _raw(h.pack), h.offset, h.bytes) for h in lines.held_in(line))
                continue
            if (partial := lines.partial_key(line)) is not None:
                partials.append((partial, id_, at, len(line)))
                continue
            key, forget = lines.glance(line)
        except lines.BadLine as error:
            bad.append((id_, at, len(line), str(error)))
        else:
            rows.append((key, id_, at, len(line), forget))
    for found in (rows, held, partials):
        found.sort(key=lambda row: row[0])  # type: ignore[arg-type, return-value]  # bytes: neighbours in the table
    return rows, held, partials, bad, end


def _raw(name: str) -> bytes:
    return bytes.fromhex(name)


def _neighbours(rows: Iterable[_Row]) -> Iterator[tuple[int, int, list[_Row]]]:
    """Yield (offset, offset behind, rows) of lines that stand together and are read at once; `rows` are of one segment
    and in order.
    """
    together: list[_Row] = []
    start = stop = 0
    for row in rows:
        at, size = row[2:4]
        if together and (at > stop + _GAP_BYTES or at + size > start + _BLOCK_BYTES):
            yield start, stop, together
            together = []
        if not together:
            start = at
        together.append(row)
        stop = at + size
    if together:
        yield start, stop, together


def _same(a: Record | None, b: Record | None) -> bool:
    if a is None or b is None:
        return a is b
    return lines.encode_record(a) == lines.encode_record(b)


def _batches(keys: list[_Name]) -> Iterator[list[_Name]]:
    for at in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[at : at + _KEYS_A_QUERY]
