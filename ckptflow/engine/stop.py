"""Edge. When to stop before the end: SIGINT, SIGTERM, or the time that was given is up.

The first signal asks for a clean stop, the second for one at once. Handlers are set only in the main thread (elsewhere,
in a notebook's thread say, signals are not ours) and put back on leaving.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self


class Stop:
    """Collects wishes to stop. Use as a context manager; give `fd` of a pipe that wakes the waiting loop."""

    def __init__(self, seconds: float | None = None) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._old: dict[int, Any] = {}
        self._old_fd = -1
        self.signals: list[int] = []

    @property
    def wanted(self) -> bool:
        """Whether no new work should start."""
        return bool(self.signals) or self.time_is_up

    @property
    def at_once(self) -> bool:
        """Whether work at hand should be abandoned too."""
        return len(self.signals) > 1

    def check(self) -> None:
        """Raise `KeyboardInterrupt`, with the number of the signal, if work at hand should be abandoned too."""
        if self.at_once:
            raise KeyboardInterrupt(self.signals[0])

    @property
    def time_is_up(self) -> bool:
        """Whether the given time is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    @property
    def reason(self) -> str:
        """A word for people."""
        return signal.Signals(self.signals[0]).name if self.signals else "time is up"

    def left(self) -> float | None:
        """Return the seconds until the time is up, None where there is no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def wake(self, fd: int) -> None:
        """Let signals write to `fd`."""
        if self._old:
            signal.set_wakeup_fd(fd, warn_on_full_buffer=False)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._take)
            self._old_fd = signal.set_wakeup_fd(-1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._old:
            signal.set_wakeup_fd(self._old_fd)
            for number, handler in self._old.items():
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.signals.append(number)
