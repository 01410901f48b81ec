"""Edge. The digest of a very large file by a process of its own, which maps the file.

What is mapped is not copied to be hashed, which is a fifth of the CPU and more where others use the processor's caches,
and hashing need not wait for blocks. But a mapped file kills the process (SIGBUS) when somebody shortens it or the disk
fails. So another process maps it (`mapper`), and either says the digest or, whatever became of it, does not.

It is in a group of its own, for what a terminal sends to this one (Ctrl-C) is not meant for it. It is killed when this
one stops waiting, and ends by itself, within a window, when this one is killed.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import blake3

from ..ids import DIGEST_LENGTH, Digest

WINDOW = 256 << 20
"""Bytes mapped at a time, a multiple of the size of a page. At the end of each one thread waits for the others."""

_PROGRAM = str(Path(__file__).with_name("mapper.py"))
_LIBRARIES = str(Path(blake3.__file__).parents[1])


def hash_mapped(fd: int, window: int = WINDOW) -> Digest | None:
    """Return the digest of the file that is open as `fd`; None if it could not be had so, or the size has changed."""
    size = os.fstat(fd).st_size
    try:
        answer = _ask(fd, size, window)
    except OSError:  # no process or descriptor to be had
        return None
    if len(answer) != DIGEST_LENGTH or os.fstat(fd).st_size != size:  # within a page, a shortened file ends in zeros
        return None
    return Digest(answer.decode())


def _ask(fd: int, size: int, window: int) -> bytes:
    """Return what the other process has said when it has ended."""
    told, telling = os.pipe()
    process = 0
    try:
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", _PROGRAM, _LIBRARIES, str(size), str(window), str(os.getpid())],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, fd, 0),
                (os.POSIX_SPAWN_DUP2, telling, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setpgroup=0,
        )
        _wait(process)
        process = 0
        os.set_blocking(told, False)  # not until its end: another process may have been forked with that
        with suppress(BlockingIOError):
            return os.read(told, DIGEST_LENGTH)
        return b""
    finally:
        if process:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            _wait(process)
        os.close(told)
        os.close(telling)


def _wait(process: int) -> None:
    with suppress(ChildProcessError):  # somebody else in this process waits for all that it has started
        os.waitpid(process, 0)
