"""Edge. Starting a worker process: an interpreter, a socket to talk, a pipe that ends it when this process ends.

An interpreter and what a worker imports take as long to start as most of what this program imports itself. So the
command line starts that before it imports the engine, and both are ready at about the same time. What comes of it is
nobody's concern: what nobody asks for ends with this process.

Where the system has what it takes (Linux), what is started ahead is a nursery: a process that has imported what workers
need, and forks one when it is asked, for a tenth of what starting one costs. It runs nothing but that, and has one
thread. Elsewhere it is the first worker itself.

Where only commands are to be run, a nursery need not even be started: it is forked off the command line itself, before
that has a thread or has opened anything, and shares what is imported by then. Functions never run in what comes out of
it: it has not the hash seed that they are promised.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Protocol

from ..dataclass import dataclass
from ..store.alone import is_alone

if TYPE_CHECKING:
    import subprocess

_BOOT = """\
import gc, sys
gc.disable()
sys.path.insert(0, sys.argv[1])
import ckptflow
del sys.path[0]
from ckptflow.run.{} import main
gc.freeze()
gc.enable()
main()
"""
_HERE = str(Path(__file__).resolve().parents[2])
_KEPT_BACK = frozenset({"CKPTFLOW_KEY"})  # stages need no key, and what they print is kept in logs
_FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}


_FORKS = sys.platform == "linux" and hasattr(os, "pidfd_open")
_NUMBER = struct.Struct("<i")


class Process(Protocol):
    """A process whose number is its own until `wait` has returned."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def wait(self) -> int:
        """Wait for its end; return its exit status, that of before once it was waited for."""
        ...

    def has_ended(self) -> bool:
        """Tell whether it has ended, without releasing its number where the system allows that."""
        ...


@dataclass(slots=True, eq=False)
class Booted:
    """A process that waits for its setup. `channel` is the descriptor of our end; `words` is what it says meanwhile,
    `notes` what it is at (`inhand`).
    """

    process: Process
    channel: int
    lifeline: int
    words: IO[bytes]
    notes: IO[bytes]


class _Started:
    """A process that this one has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def wait(self) -> int:
        return self._process.wait()

    def has_ended(self) -> bool:
        if hasattr(os, "waitid"):
            with suppress(ChildProcessError):
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            return True
        return self._process.poll() is not None


class _Forked:
    """A process that a nursery has started, and alone can wait for."""

    def __init__(self, nursery: _Nursery, pid: int) -> None:
        self._nursery = nursery
        self._pidfd = os.pidfd_open(pid)
        self._status: int | None = None
        self.pid = pid

    def wait(self) -> int:
        if self._status is None:
            self._status = self._nursery.wait(self.pid, self._pidfd)
            os.close(self._pidfd)
        return self._status

    def has_ended(self) -> bool:
        return self._status is not None or _is_over(self._pidfd, 0)


class _Copy:
    """This process once more, as a nursery. To be made by a process that has no other thread. Raises OSError."""

    def __init__(self, control: socket.socket) -> None:
        self.pid = os.fork()
        if not self.pid:
            _be_nursery(control)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        with suppress(ChildProcessError):  # nobody need wait for children where SIGCHLD is ignored
            os.waitpid(self.pid, 0)


def _be_nursery(control: socket.socket) -> NoReturn:
    """Go on as a nursery, with nothing of what the command line had but its code."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd, name in enumerate(("stdin", "stdout", "stderr")):
            os.dup2(nothing, fd)
            setattr(sys, name, open(fd, "w" if fd else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
        for fd in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - what is open: there may be room for a billion
            if fd > 2 and fd != control.fileno():
                with suppress(OSError):  # that of the list itself
                    os.close(fd)
        for name in _KEPT_BACK:
            os.environ.pop(name, None)
        os.environ.update(_FIXED)
        time.tzset()
        gc.set_threshold(700, 10, 10)
        gc.disable()
        from .nursery import serve

        gc.freeze()
        gc.enable()
        serve(control)
    finally:
        os._exit(1)


class _Nursery:
    """The process from which workers are forked: see `nursery` for what it is told. `functions` tells whether its
    workers may run some. Raises OSError where it cannot be started.
    """

    def __init__(self, *, functions: bool) -> None:
        self.functions = functions
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | _Copy
        with theirs:
            try:
                self._process = _interpreter("nursery", (theirs.fileno(),), None) if functions else _Copy(theirs)
            except OSError:
                self._control.close()
                raise
        atexit.register(self.close)

    def fork(self, passed: tuple[int, ...]) -> Process:
        """Return a new worker that has these descriptors. Raises OSError where there is none to be had."""
        socket.send_fds(self._control, [b"fork"], passed)
        answer = _NUMBER.unpack(self._answer())[0]
        if answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return _Forked(self, answer)

    def wait(self, pid: int, pidfd: int) -> int:
        """Return the exit status of a worker, once it has ended; that of a kill where the nursery is dead too."""
        with suppress(OSError):
            self._control.sendall(_NUMBER.pack(pid))
            return int(_NUMBER.unpack(self._answer())[0])
        _is_over(pidfd, None)
        return -9

    def close(self) -> None:
        """End it, in the middle of its imports too; workers that are left live on."""
        atexit.unregister(self.close)
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _answer(self) -> bytes:
        answer = self._control.recv(_NUMBER.size)
        if not answer:
            raise BrokenPipeError
        return answer


def _is_over(pidfd: int, milliseconds: int | None) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(milliseconds))


_ahead: list[Booted] = []
_nurseries: list[_Nursery] = []
"""At most one."""


def boot(nursery: _Nursery | None = None) -> Booted:
    """Start a worker process, out of `nursery` if there is one. Raises OSError where there is no room for one."""
    ours, theirs = socket.socketpair()
    alive, lifeline = os.pipe()
    words, notes = _unnamed_file(), _unnamed_file()
    passed = (theirs.fileno(), alive, notes.fileno())
    try:
        if nursery is not None:
            process: Process = nursery.fork((*passed, words.fileno()))
        else:
            process = _Started(_interpreter("worker", passed, words))
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


def _interpreter(module: str, passed: tuple[int, ...], words: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start `main` of a module of this room, with the descriptors as its arguments, as the head of a session."""
    import subprocess  # a run of commands does without it

    return subprocess.Popen(
        [sys.executable, "-P", "-c", _BOOT.format(module), _HERE, *map(str, passed)],
        stdin=subprocess.DEVNULL,
        stdout=words or subprocess.DEVNULL,
        stderr=words or subprocess.DEVNULL,
        env={**{name: os.environ[name] for name in os.environ if name not in _KEPT_BACK}, **_FIXED},
        pass_fds=passed,
        start_new_session=True,
    )


def _unnamed_file() -> IO[bytes]:
    """Return a file that nobody else finds: in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            return open(os.memfd_create("ckptflow"), "w+b")
    import tempfile  # costs as much as all else here

    return tempfile.TemporaryFile()


def boot_ahead(*, functions: bool = True) -> None:
    """Start what the next `take` needs. For a process that runs one command, as soon as it is known; without
    `functions`, one that has no file open.
    """
    with suppress(OSError):  # whoever needs it will say so
        if _FORKS:
            _nurseries.append(_Nursery(functions=functions or not is_alone()))
        else:
            _ahead.append(boot())


def boot_second() -> None:
    """Start another worker beside the first, if that was started ahead: it is up by now."""
    if len(_ahead) == 1:
        boot_ahead()


def take(*, functions: bool = True) -> Booted:
    """Return a worker process that nobody has, and that may run `functions`. Raises OSError where there is no room for
    one.
    """
    if _ahead:
        return _ahead.pop(0)
    if functions and _nurseries and not _nurseries[-1].functions:  # there are some where none were expected
        _nurseries.pop().close()
        boot_ahead()
    while _nurseries:
        with suppress(OSError):
            return boot(_nurseries[-1])
        _nurseries.pop()  # it is dead, or there is no room: in either case the ordinary way finds out
    return boot()
