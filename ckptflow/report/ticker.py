"""Edge. A thread that calls a function every few seconds: for what must be said although no event comes."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ticker:
    """Calls `tick` every `every` seconds until `stop`. An exception of `tick` ends the ticking, not the program."""

    def __init__(self, tick: Callable[[], None], every: float) -> None:
        self._tick = tick
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="ckptflow-ticker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when no call of `tick` is running and none will follow. Safe to call again."""
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._tick()
            except OSError:  # the stream is gone: nobody is reading
                return
