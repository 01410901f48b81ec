"""Edge. One run's journal while it is written.

On a local disk a line is in the file when `write` returns, so a killed process loses nothing. On object storage lines
are collected and sent by a thread of their own within a second; sixteen parts of one size become one, so that a run of
days leaves some dozen parts, and every byte is sent a handful of times at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from ...dataclass import dataclass, field
from ...errors import CkptflowError, StoreError
from ...store import layout
from ...store.local import LocalStore
from ...store.protocol import Store
from ..records import Durability
from .place import Place

SYNC_SECONDS = 1.0
FLUSH_SECONDS = 1.0
FLUSH_BYTES = 256 << 10
WAITING_BYTES = 8 << 20
"""More than this is not collected: `write` waits until it is sent."""

FACTOR = 16
WHOLE_BYTES = 4 << 20
"""Parts of this size are merged no more."""


class Lane(Protocol):
    """A journal that is open for writing. Every method raises `StoreError`."""

    name: str
    size: int
    """How many bytes were written, those among them that are not flushed yet."""

    def write(self, data: bytes) -> None:
        """Add whole lines."""
        ...

    def flush(self) -> None:
        """Return when all that was written is in the store, and survives a loss of power as far as is asked for."""
        ...

    def close(self) -> None:
        """Flush, and let go. Nothing is written after it."""
        ...


def begin(place: Place, store: Store, dataset: str, start: Callable[[], str], first: bytes) -> Lane:
    """Return a new journal that begins with the lines `first`. `start` gives a timestamp, another at each call."""
    while True:
        lane = layout.journal_lane(dataset, start())
        span = None if place.is_local else (1, 1)
        name = layout.journal_name(dataset, lane, span)
        if store.create(name, first):
            break
    if isinstance(store, LocalStore):
        place.sync(store, [name])
        return FileLane(place, store, lane, name, len(first))
    return PartsLane(store, dataset, lane, first)


@dataclass(slots=True)
class FileLane:
    """A file that grows, one write a call."""

    place: Place
    store: LocalStore
    name: str
    path: str
    size: int
    _synced: float = field(default_factory=time.monotonic)
    _torn: bool = False

    def write(self, data: bytes) -> None:
        """See `Lane`. After an error the end of the file may be half a line, which the next write ends."""
        data = b"\n" + data if self._torn else data
        self._torn = True
        self.store.append(self.path, data)
        self._torn = False
        self.size += len(data)
        durability = self.place.durability
        if durability is Durability.STRICT or (
            durability is Durability.BATCH and time.monotonic() - self._synced >= SYNC_SECONDS
        ):
            self.flush()

    def flush(self) -> None:
        """See `Lane`."""
        self.place.sync(self.store, [self.path], folders=False)
        self._synced = time.monotonic()

    def close(self) -> None:
        """See `Lane`."""
        self.flush()
        self.store.close()


@dataclass(slots=True)
class _Piece:
    first: int
    last: int
    data: bytes
    level: int = 0


class PartsLane:
    """Parts on object storage. What a thread could not send is tried again by the next `write` or `flush`, which then
    raises what went wrong; nothing is dropped.
    """

    def __init__(self, store: Store, dataset: str, name: str, first: bytes) -> None:
        self.name = name
        self.size = len(first)
        self.sent_bytes = len(first)
        self._store = store
        self._dataset = dataset
        self._pieces = [_Piece(1, 1, first)]
        self._flushes = 1
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._since = 0.0
        self._urgent = False
        self._sending = False
        self._closed = False
        self._error: CkptflowError | None = None
        self._thread: threading.Thread | None = None

    def write(self, data: bytes) -> None:
        """See `Lane`. Waits only where much more is written than can be sent."""
        with self._changed:
            self._raise_error()
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self.size += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"journal of {self._dataset}", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            while self._waiting_bytes > WAITING_BYTES and self._error is None:
                self._changed.wait()

    def flush(self) -> None:
        """See `Lane`."""
        with self._changed:
            self._error = None  # what failed before is tried again now
            self._urgent = bool(self._waiting)
            self._changed.notify_all()
            while (self._waiting or self._sending) and self._error is None:
                self._changed.wait()
            self._raise_error()

    def close(self) -> None:
        """See `Lane`."""
        try:
            self.flush()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            if self._thread is not None:
                self._thread.join()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._due():
                    self._changed.wait(self._patience())
                if self._closed:
                    return
                lines, self._waiting = self._waiting, []
                self._sending, self._urgent = True, False
            data = b"".join(lines)
            try:
                self._send(data)
                failed = None
            except CkptflowError as error:
                failed = error
            with self._changed:
                self._sending = False
                if failed is None:
                    self._waiting_bytes -= len(data)
                else:
                    self._waiting[:0] = [data]
                    self._error = failed
                self._since = time.monotonic()
                self._changed.notify_all()

    def _due(self) -> bool:
        if not self._waiting or self._error is not None:
            return False
        waited = time.monotonic() - self._since
        return self._urgent or waited >= FLUSH_SECONDS or self._waiting_bytes >= FLUSH_BYTES

    def _patience(self) -> float | None:
        if not self._waiting or self._error is not None:
            return None
        return max(0.0, FLUSH_SECONDS - (time.monotonic() - self._since))

    def _send(self, data: bytes) -> None:
        number = self._flushes + 1
        self._put(_Piece(number, number, data))
        self._flushes = number
        with suppress(StoreError):  # merging is tidiness: the parts are all there
            while self._merge():
                pass

    def _put(self, piece: _Piece) -> None:
        self._store.put(layout.journal_name(self._dataset, self.name, (piece.first, piece.last)), piece.data)
        self.sent_bytes += len(piece.data)
        self._pieces.append(piece)

    def _merge(self) -> bool:
        """Make one part of the last `FACTOR` of one level, if there are so many; the old ones go when it is there."""
        last = self._pieces[-FACTOR:]
        if len(last) < FACTOR or len({piece.level for piece in last}) > 1:
            return False
        data = b"".join(piece.data for piece in last)
        merged = _Piece(last[0].first, last[-1].last, data, last[0].level + 1)
        self._put(merged)
        del self._pieces[-FACTOR - 1 : -1]
        for piece in last:
            self._store.delete(layout.journal_name(self._dataset, self.name, (piece.first, piece.last)))
        if len(data) >= WHOLE_BYTES:
            self._pieces.clear()  # merged no more, and needed no more
        return True
