"""Edge. A last word before the process is stopped: what is done at SIGINT and SIGTERM before they take their course.

Handlers are set in the main thread only, where the signal does anything at all, and put back at the end. A signal that
comes while the run is just writing waits until that is finished; a second one does not. Then the handler that was there
before is called, or the process ends by the signal as it would have.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_log = logging.getLogger("ckptflow.checkpoints")


class Section:
    """Used as `with section:` round all that must not be torn by a signal or mixed by threads."""

    def __init__(self, last_word: Callable[[str], None], farewell: Callable[[], None]) -> None:
        """`last_word` is called with the signal's name, `farewell` when the process is about to end by it."""
        self._last_word = last_word
        self._farewell = farewell
        self._lock = threading.RLock()
        self._owner = 0
        self._depth = 0
        self._waiting: list[int] = []
        self._former: dict[int, Any] = {}
        self._own: dict[int, Any] = {}
        self._pid = os.getpid()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        self._owner = threading.get_ident()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
        self._lock.release()
        if self._waiting and threading.current_thread() is threading.main_thread() and self._owner == 0:
            self._deliver(self._waiting.pop(0), None)

    def listen(self) -> None:
        """Set the handlers, in the main thread; those who ignore a signal go on doing so."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            former = signal.getsignal(number)
            if former is not None and former is not signal.SIG_IGN:
                self._own[number] = self._take
                self._former[number] = former
                signal.signal(number, self._own[number])

    def leave(self) -> None:
        """Put back what was there. Where somebody has set a handler since, ours stays below it and just passes on."""
        for number, own in self._own.items():
            if signal.getsignal(number) == own and threading.current_thread() is threading.main_thread():
                signal.signal(number, self._former[number])
        self._own = {}

    def _take(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid or number not in self._own:  # a child made by fork; a handler left behind
            self._pass_on(number, frame)
        elif self._owner == threading.get_ident() and number not in self._waiting:
            self._waiting.append(number)
        elif number in self._waiting:
            self._waiting.remove(number)
            self._pass_on(number, frame)
        else:
            self._deliver(number, frame)

    def _deliver(self, number: int, frame: FrameType | None) -> None:
        former, own = self._former[number], self._own.get(number)
        if own is None:
            return self._pass_on(number, frame)
        signal.signal(number, former)  # a second signal takes its course at once
        try:
            try:
                self._last_word(signal.Signals(number).name)
            except Exception as error:
                _log.error("no checkpoint at %s: %s", signal.Signals(number).name, error)
            self._pass_on(number, frame)
        finally:
            if number in self._own:
                signal.signal(number, own)
        return None

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        former = self._former[number]
        if callable(former):
            former(number, frame)
        elif former == signal.SIG_DFL:
            if os.getpid() == self._pid:
                self._farewell()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
