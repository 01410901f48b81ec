"""Edge. Keeping what is finished of a task while the user's code is at work: a thread beside it.

It listens to the engine in the place of the worker, which is busy: when no more is to be begun (a signal came, the time
is up), what is finished is kept at once, however long the item in hand may take. It also keeps by time. The worker's
thread only ever asks a flag.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

from .channel import Channel


class Minder:
    """A context manager round the user's code. `keep` is called in the thread; what it raises is raised by `check`.

    `hear` is told every message that came meanwhile; None among them means: begin nothing more.
    """

    def __init__(
        self, channel: Channel, seconds: float, keep: Callable[[], None], hear: Callable[[int | None], None]
    ) -> None:
        self._channel = channel
        self._seconds = seconds
        self._keep = keep
        self._hear = hear
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True, name="ckptflow-minder")

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._stopping.is_set()

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._error is not None:
            raise self._error

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until nothing more is to be begun."""
        self._stopping.wait(seconds)

    def __enter__(self) -> Minder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake_write, b"\0")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _take(self, message: int | None) -> None:
        self._hear(message)
        if message is None:
            self._stopping.set()
            self._keep()

    def _run(self) -> None:
        due = time.monotonic() + self._seconds
        channel: tuple[int, ...] = (self._channel.fd,)
        try:
            while True:
                ready, _, _ = select.select((self._wake_read, *channel), (), (), max(0.0, due - time.monotonic()))
                if self._wake_read in ready:
                    return
                if not ready:
                    self._keep()
                    due = time.monotonic() + self._seconds
                    continue
                try:
                    while self._channel.pending():  # several may come at once
                        self._take(self._channel.recv())
                except EOFError:  # the engine is gone, and so is this process in a moment
                    channel = ()
        except BaseException as error:
            self._error = error
