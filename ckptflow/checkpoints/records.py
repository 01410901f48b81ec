"""Edge. The record log: what makes a chunk done, in order of completion.

Rules: one run writes one log, in segments `records/<run>-<seq>.jsonl` that no other run touches; a line is added in
one write, so a killed process loses nothing that was recorded; a line that was cut off at the end of a segment is
dropped, a bad one in the middle is reported and passed over. The objects that a record names are in the store first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from ..dataclass import dataclass
from ..errors import StoreError
from ..ids import ChunkKey, Digest
from ..plan.model import Partial, Record
from ..store import layout
from ..store.oserrors import store_error
from ..store.protocol import NotThere, Store
from . import lines

SEGMENT_BYTES = 64 << 20


class Durability(StrEnum):
    """When records and their objects are made to survive a loss of power. A killed process never loses any."""

    STRICT = "strict"  # the objects before their record, the record before the next
    BATCH = "batch"  # a group at a time, when `sync` is called: at least every second
    OFF = "off"  # when the system does it by itself


@dataclass(frozen=True, slots=True)
class Damage:
    """A line of a segment that was passed over; `offset` and `bytes` say where it is."""

    segment: str
    offset: int
    bytes: int
    problem: str

    def __str__(self) -> str:
        return f"{self.segment} at byte {self.offset}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a line stands: segment, offset and length in bytes, without its end of line."""

    segment: str
    offset: int
    bytes: int


class RecordLog:
    """The log of one run. Makes no file before the first line. `listener` hears of every record that was added, and of
    what is kept of unfinished chunks.

    Every method raises `StoreError`.

    After an error the lines added before are whole, and the next line starts a new segment.
    """

    __slots__ = ("_durability", "_listener", "_named", "_run", "_segment", "_segment_bytes", "_seq", "_size", "_store")

    def __init__(
        self,
        store: Store,
        run: str,
        *,
        durability: Durability = Durability.BATCH,
        segment_bytes: int = SEGMENT_BYTES,
        listener: Callable[[Record | Partial], None] | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._listener = listener
        self._seq = 0
        self._segment: str | None = None
        self._size = 0
        self._named: list[str] = []  # objects of the records since the last sync, which workers wrote

    def add(self, record: Record) -> Spot:
        """Append `record`. Its objects must be in the store. Returns where it stands."""
        return self._add(record, (part.object for part in record.parts), lines.encode_record(record))

    def add_partial(self, partial: Partial) -> Spot:
        """Append how far a chunk is. Its objects must be in the store. Returns where it stands."""
        return self._add(partial, (part.object for part in partial.headway.parts), lines.encode_partial(partial))

    def _add(self, what: Record | Partial, objects: Iterable[Digest], line: bytes) -> Spot:
        if self._durability is not Durability.OFF:
            self._named += map(layout.object_name, objects)
        if self._durability is Durability.STRICT:
            self._sync()
        spot = self._append(line)
        if self._durability is Durability.STRICT:
            self._sync()
        if self._listener is not None:
            self._listener(what)
        return spot

    @property
    def end(self) -> tuple[str, int] | None:
        """The segment that is written to, and how many bytes it has; None before the first line."""
        return None if self._segment is None else (self._segment, self._size)

    def forget(self, key: ChunkKey) -> Spot:
        """Append that what was recorded under `key` so far is not to be used."""
        return self._append(lines.encode_forget(key))

    def sync(self) -> None:
        """Make all that was added so far, and the objects it names, survive a loss of power (unless `off`)."""
        if self._durability is not Durability.OFF:
            self._sync()

    def _sync(self) -> None:
        # Objects and records reach the disk in one call. A record that gets there first, by that call or by the
        # system's own writing-back, names an object that is missing or torn: found when it is read, and a miss.
        named, self._named = self._named, []  # `add` may go on in another thread
        self._store.sync(named)

    def _append(self, line: bytes) -> Spot:
        if self._segment is None or self._size + len(line) > self._segment_bytes:
            self._next_segment()
        segment = self._segment
        assert segment is not None
        try:
            self._store.append(segment, line)
        except StoreError:
            self._segment = None  # its end may be torn: nothing more is written after it
            raise
        spot = Spot(segment, self._size, len(line) - 1)
        self._size += len(line)
        return spot

    def _next_segment(self) -> None:
        self._segment = None
        while self._segment is None:
            self._seq += 1
            name = layout.segment_name(self._run, self._seq)
            if self._store.create(name, b""):
                self._segment, self._size = name, 0


class SegmentReader:
    """Reads parts of one segment: a context manager. Raises `NotThere` and `StoreError`."""

    __slots__ = ("_data", "_fd", "_segment", "_store")

    def __init__(self, store: Store, segment: str) -> None:
        self._store = store
        self._segment = segment
        self._fd = -1
        self._data = b""

    def __enter__(self) -> SegmentReader:
        path = self._store.local(self._segment)
        if path is None:
            self._data = self._store.get(self._segment)
            return self
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NotThere(f"no {self._segment} in {self._store.url}") from None
        except OSError as error:
            raise store_error(error, f"read {self._segment}", self._store.url) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, at: int, size: int) -> bytes:
        """Return up to `size` bytes from offset `at` on; fewer, or none, where the segment ends."""
        if at < 0 or size < 0:
            return b""
        if self._fd < 0:
            return self._data[at : at + size]
        try:
            return os.pread(self._fd, size, at)
        except OSError as error:
            raise store_error(error, f"read {self._segment}", self._store.url) from error


def split_lines(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without its end) of the whole lines of `data`, whose first byte stands at offset `start`.

    A tail without an end of line is left out.
    """
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield start + at, data[at:end]
        at = end + 1


def read_segment(store: Store, segment: str, damage: list[Damage]) -> Iterator[tuple[Spot, lines.Line]]:
    """Yield the good lines of a segment in order; bad ones are added to `damage`. Raises `StoreError`, `NotThere`."""
    for at, line in split_lines(store.get(segment)):
        try:
            yield Spot(segment, at, len(line)), lines.decode(line)
        except lines.BadLine as error:
            damage.append(Damage(segment, at, len(line), str(error)))


def segments(store: Store) -> Iterator[tuple[str, int, int]]:
    """Yield (name, size in bytes, time written in ns) of every segment, in the order in which later ones win."""
    for entry in store.list(layout.RECORDS):
        if layout.segment_of(entry.name) is not None:
            yield entry.name, entry.bytes, entry.written_ns
