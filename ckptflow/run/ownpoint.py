"""Edge. The resume point that a function keeps for itself: `context().checkpoint(state)`.

It is kept once a second, each time once nothing more is to be begun, and when the function fails. The next attempt, or
the next run of the same chunk, finds it in `context().state`.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..chunk.headway import Headway
from .context import Context
from .messages import Kept, Task
from .outcome import Desk

if TYPE_CHECKING:
    from .minding import Minder

EVERY_SECONDS = 1.0


class OwnPoint:
    """A context manager round the call of a function; costs nothing for one that keeps no point."""

    def __init__(self, task: Task, told: Context, desk: Desk) -> None:
        self._task = task
        self._desk = desk
        self._lock = threading.Lock()
        self._fresh: tuple[Any, ...] = ()
        self._kept = time.monotonic()
        self._minder: Minder | None = None
        if task.headway is not None and task.headway.own:
            told.state = task.headway.own[0]
        told._keep = self._take

    def __enter__(self) -> OwnPoint:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._minder is not None:
            self._minder.__exit__()
        if error is not None:
            with suppress(OSError):
                self._keep()

    def _take(self, state: Any) -> Any:
        """Take a new point; return it as the next attempt would find it. Raises ResultError for no plain data."""
        from .calling import plain

        value = plain(state, "state")
        with self._lock:
            self._fresh = (value,)
            if self._minder is None:
                self._minder = self._desk.minder(EVERY_SECONDS, self._keep)
                self._minder.__enter__()
        if time.monotonic() - self._kept >= EVERY_SECONDS or self._minder.stopping:
            self._keep()
        return value

    def _keep(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, ()
            if fresh:
                self._kept = time.monotonic()
                self._desk.kept(Kept(self._task.id, Headway(own=fresh)))
