"""Edge. The call of the user's function that a worker is at, noted where it outlives the worker: in memory that the
engine holds too. A note costs less than half a microsecond, so there is one for each item.
"""

from __future__ import annotations

import os
import struct
import time

from ..dataclass import dataclass

_NOTE = struct.Struct("@qqqqd")
"""Task, number, attempt, whether it is the first call for the task, when it began."""
_NONE = -1


@dataclass(frozen=True, slots=True)
class Note:
    """A call: the number of its item (or of the trial, where a chunk is halved) and its attempt, counted from 1.

    `first`: nothing else was called for this task before. `began` is a time of `time.monotonic`, which is the same for
    all processes of a machine. `number` is None between two calls, and `began` then tells since when.
    """

    number: int | None
    attempt: int
    first: bool
    began: float


class Pad:
    """Where a worker writes its notes on one task. `fd` is a file that is shared with the engine."""

    __slots__ = ("_first", "_map", "_task")

    def __init__(self, fd: int, task: int) -> None:
        if os.fstat(fd).st_size < _NOTE.size:
            os.ftruncate(fd, _NOTE.size)
        import mmap  # most workers never need it

        self._map = mmap.mmap(fd, _NOTE.size)
        self._task = task
        self._first: int | None = None

    def at(self, number: int, attempt: int = 1, delay: float = 0.0) -> None:
        """Begin a call, now or after `delay` seconds."""
        if self._first is None:
            self._first = number
        first = number == self._first
        _NOTE.pack_into(self._map, 0, self._task, number, attempt, first, time.monotonic() + delay)

    def between(self) -> None:
        """The call is over."""
        _NOTE.pack_into(self._map, 0, self._task, _NONE, 0, False, time.monotonic())


def read_note(fd: int, task: int) -> Note | None:
    """Return the last note on a task; None where there is none."""
    data = os.pread(fd, _NOTE.size, 0)
    if len(data) < _NOTE.size:
        return None
    about, number, attempt, first, began = _NOTE.unpack(data)
    if about != task:
        return None
    return Note(None if number == _NONE else number, attempt, bool(first), began)
