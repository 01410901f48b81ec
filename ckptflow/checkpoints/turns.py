"""Edge. Processes of one machine that bring objects from one remote take turns, so that no object comes twice.

Two stages that start at the same time often read the same outs. A process that brings objects holds locks on bytes of
one file, by their names: `fcntl` locks, which the kernel releases when their holder dies. Who has waited looks what
has come meanwhile. Nothing but traffic depends on it: where there are no locks, nobody waits.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..ids import Digest

_SLOTS = 1 << 16
_MOST = 1000
"""So many objects are locked one by one; more count as all, since the kernel looks through a list for each lock."""
_PAUSE_SECONDS = 0.02


@contextmanager
def taking_turns(path: Path, objects: Iterable[Digest], check: Callable[[], None]) -> Iterator[bool]:
    """Hold the turn for `objects`; `path` is the file of the remote. Yield whether another process had it before.

    `check` is called while it is waited for, and raises what is to end that.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield False
        return
    try:
        waited = False
        for start, length in _ranges(objects):
            while _is_taken(fd, start, length):
                waited = True
                check()
                time.sleep(_PAUSE_SECONDS)
        yield waited
    finally:
        os.close(fd)


def _ranges(objects: Iterable[Digest]) -> list[tuple[int, int]]:
    """Return what to lock, in an order that is the same for all: so nobody waits for somebody who waits for them."""
    slots = sorted({int(name[:4], 16) for name in objects})
    return [(slot, 1) for slot in slots] if len(slots) <= _MOST else [(0, _SLOTS)]


def _is_taken(fd: int, start: int, length: int) -> bool:
    """Take these bytes unless another process has them; tell whether one has."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # no locks here
        return False
    return False
