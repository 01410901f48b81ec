"""Edge. Starting a worker process: an interpreter, a socket to talk, a pipe that ends it when this process ends.

An interpreter and what a worker imports take as long to start as most of what this program imports itself. So the
command line starts the first worker before it imports the engine, and both are ready at about the same time. What comes
of it is nobody's concern: a worker that nobody asks for ends with this process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..dataclass import dataclass

_BOOT = """\
import gc, sys
gc.disable()
sys.path.insert(0, sys.argv[1])
import ckptflow
del sys.path[0]
from ckptflow.run.worker import main
gc.freeze()
gc.enable()
main()
"""
_HERE = str(Path(__file__).resolve().parents[2])
_KEPT_BACK = frozenset({"CKPTFLOW_KEY"})  # stages need no key, and what they print is kept in logs
_FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}


@dataclass(slots=True, eq=False)
class Booted:
    """A process that waits for its setup. `channel` is the descriptor of our end; `words` is what it says meanwhile,
    `notes` what it is at (`inhand`).
    """

    process: subprocess.Popen[bytes]
    channel: int
    lifeline: int
    words: IO[bytes]
    notes: IO[bytes]


_ahead: list[Booted] = []


def boot() -> Booted:
    """Start a worker process. Raises OSError where there is no room for one."""
    ours, theirs = socket.socketpair()
    alive, lifeline = os.pipe()
    words, notes = _unnamed_file(), _unnamed_file()
    passed = (theirs.fileno(), alive, notes.fileno())
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, _HERE, *map(str, passed)],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**{name: os.environ[name] for name in os.environ if name not in _KEPT_BACK}, **_FIXED},
            pass_fds=passed,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(lifeline)
        words.close()
        notes.close()
        raise
    finally:
        theirs.close()
        os.close(alive)
    os.set_blocking(ours.fileno(), False)
    return Booted(process, ours.detach(), lifeline, words, notes)


def _unnamed_file() -> IO[bytes]:
    """Return a file that nobody else finds: in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            return open(os.memfd_create("ckptflow"), "w+b")
    import tempfile  # costs as much as all else here

    return tempfile.TemporaryFile()


def boot_ahead() -> None:
    """Start the worker that the next `take` gives. For a process that runs one command, as soon as it is known."""
    try:
        _ahead.append(boot())
    except OSError:
        return  # whoever needs one will say so


def boot_second() -> None:
    """Start another beside the first, which is up by now; only where that was started ahead, and so for one command."""
    if len(_ahead) == 1:
        boot_ahead()


def take() -> Booted:
    """Return a worker process that nobody has. Raises OSError where there is no room for one."""
    return _ahead.pop(0) if _ahead else boot()
