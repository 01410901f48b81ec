"""Edge. Standard output and error of a task, and of what it starts, go to the task's own log file.

Making a file costs more than all else that a small task needs. So the file of a task that printed nothing is kept open
and renamed for the next one; it is at its task's path while the task runs, and a log that stays empty is never left.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from ..dataclass import replace
from ..errors import Failure

OUTPUT_BYTES = 4096
"""How much of the end of a task's output goes with its failure; all of it is in its log."""


class Capture:
    """The two streams of this process. `begin` and `end` come in pairs."""

    __slots__ = ("_fd", "_path", "_streams")

    def __init__(self) -> None:
        self._streams: list[Any] = [sys.stdout, sys.stderr]
        for stream in self._streams:
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
        self._fd: int | None = None
        self._path = ""

    def begin(self, log: str) -> None:
        """Let what is printed go to the new file `log`. Raises OSError where it cannot be made."""
        if not self._take_along(log):
            self._make(log)
        assert self._fd is not None
        for fd, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(self._fd, fd)
            # The task before may have closed the streams, or put others there.
            if self._streams[fd - 1].closed:
                self._streams[fd - 1] = open(fd, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115 - lives on
            setattr(sys, name, self._streams[fd - 1])

    def end(self) -> bool:
        """Write out what is buffered; tell whether anything was printed."""
        for stream in (*self._streams, sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or replaced, by the user's code
                stream.flush()
        if self._fd is None or not os.fstat(self._fd).st_size:
            return False
        os.close(self._fd)
        self._fd = None
        return True

    def close(self) -> None:
        """Remove the file that is kept for the next task."""
        if self._fd is not None:
            _unlink(self._path)

    def _take_along(self, log: str) -> bool:
        """Give the file of the task before the name `log`, if that task printed nothing and nobody took it away."""
        if self._fd is None or os.fstat(self._fd).st_size:  # a process left behind may have printed since
            return False
        try:
            _rename(self._path, log)
        except FileNotFoundError:
            return False
        self._path = log
        return True

    def _make(self, log: str) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            self._fd = os.open(log, flags, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(log), exist_ok=True)  # noqa: PTH103, PTH120 - a text, once a directory
            self._fd = os.open(log, flags, 0o666)
        self._path = log


def _rename(path: str, log: str) -> None:
    """Rename a file, into a directory that is made if it is missing. Raises FileNotFoundError where the file is."""
    try:
        os.rename(path, log)  # noqa: PTH104 - texts, once a chunk
    except FileNotFoundError:
        os.makedirs(os.path.dirname(log), exist_ok=True)  # noqa: PTH103, PTH120
        os.rename(path, log)  # noqa: PTH104


def log_tail(failure: Failure, log: str) -> Failure:
    """Return `failure` with the end of what was printed, and where all of it is; remove a log that is empty."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - OUTPUT_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return failure
    if not size:
        _unlink(log)
    if size > OUTPUT_BYTES:
        text = text.partition("\n")[2] or text
    return replace(failure, output=text, log=log) if text else failure


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
