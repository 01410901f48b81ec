"""Edge. One writer per stage and store: locks that the kernel releases when their holder dies.

A lock is `flock` on a file under `locks/`; what stands in the file (host, pid, since, run) is for people and decides
nothing. Lock files stay when they are released: removing one that somebody waits for would give two holders.
Several locks are taken in sorted order, so two runs never wait for each other. Where the store's file system has no
locks, a directory of this machine stands in.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..dataclass import asdict, dataclass
from ..errors import Locked, StoreError
from ..ids import digest
from ..store import layout
from ..store.oserrors import store_error

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; `since` is ISO 8601 in UTC."""

    host: str
    pid: int
    since: str
    run: str

    def __str__(self) -> str:
        run = f"run {self.run}, " if self.run else ""
        return f"{run}pid {self.pid} on {self.host} since {self.since}"


UNKNOWN = "another process"

STORE = "store"
"""The lock on a whole store: shared by all who add to it or rely on what is there, held alone by who deletes."""


@contextmanager
def hold(
    store_dir: Path,
    names: Iterable[str],
    *,
    run: str = "",
    on_wait: Callable[[str, str], None] | None = None,
    timeout: float | None = None,
    place: Callable[[str], str] = layout.lock_name,
) -> Iterator[None]:
    """Hold the locks called `names` (any texts) of the store in `store_dir` for the length of the block.

    `place` says which file of the store belongs to a name. `on_wait(name, holder)` is called once for each lock that
    has to be waited for. After `timeout` seconds in all (0: at once, None: never) raises `Locked`, holding nothing.
    Raises `StoreError`.
    Not reentrant: a lock taken twice by one process waits for itself.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with ExitStack() as held:
        for name in sorted(set(names)):
            fd = _take(store_dir, name, on_wait, deadline, fcntl.LOCK_EX, place)
            held.callback(_release, fd)
            _sign(fd, name, run)
        yield


@contextmanager
def share(
    store_dir: Path,
    name: str = STORE,
    *,
    run: str = "",
    on_wait: Callable[[str, str], None] | None = None,
    timeout: float | None = None,
) -> Iterator[None]:
    """Hold a lock together with all others that share it, for the length of the block; nobody can `hold` it meanwhile.

    Who comes last signs. Waits and raises as `hold` does.
    """
    fd = _take(store_dir, name, on_wait, None if timeout is None else time.monotonic() + timeout, fcntl.LOCK_SH)
    signed = _sign(fd, name, run)
    try:
        yield
    finally:
        _release(fd, signed)


def holder(store_dir: Path, name: str) -> Holder | None:
    """Return what the last holder wrote, None if the lock is free or says nothing. Never waits; for people only."""
    with suppress(OSError):
        return _read(store_dir / layout.lock_name(name))
    return None


def _take(
    store_dir: Path,
    name: str,
    on_wait: Callable[[str, str], None] | None,
    deadline: float | None,
    mode: int = fcntl.LOCK_EX,
    place: Callable[[str], str] = layout.lock_name,
) -> int:
    path = store_dir / place(name)
    pause, told = _FIRST_PAUSE, False
    while True:
        fd = _open(store_dir, path)
        try:
            if _try_lock(fd, path, mode):
                _held.add(fd)
                return fd
        except _NoLocks:
            os.close(fd)
            store_dir = _substitute(store_dir)  # a local disk; should it have none either, this ends in an error
            path = store_dir / place(name)
            continue
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        who = _who(path)
        if deadline is not None and time.monotonic() >= deadline:
            raise Locked(name, who)
        if not told and on_wait is not None:
            on_wait(name, who)
        told = True
        left = _LONGEST_PAUSE if deadline is None else max(0.0, deadline - time.monotonic())
        time.sleep(min(pause, left))
        pause = min(_LONGEST_PAUSE, pause * 1.5)


_held: set[int] = set()


def _let_go_in_child() -> None:
    """A process made by fork shares the locks of its parent, and would keep them when that dies: it closes them."""
    for fd in _held:
        with suppress(OSError):
            os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class _NoLocks(Exception):  # control flow of this module only
    """The file system of the store has no locks."""


def _substitute(store_dir: Path) -> Path:
    """Return a directory of this user's on this machine for the locks of a store whose file system has none.

    Runs of other machines are not kept out by them. Nothing is lost by that: no two runs write one file of a store.
    """
    from tempfile import gettempdir  # next to no run needs it

    folder = Path(gettempdir()) / f"ckptflow-locks-{os.getuid()}"
    if folder in store_dir.parents:
        raise StoreError(f"neither the store's file system nor that of {folder} has locks", hint="set TMPDIR")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise StoreError(f"{folder} is somebody else's", hint="remove it, or set TMPDIR to a directory of your own")
        inner = folder / digest(str(store_dir.resolve()).encode("utf-8", "surrogateescape"))[:32]
        inner.mkdir(exist_ok=True)
    except OSError as error:
        raise store_error(error, "make a place for locks", str(folder)) from error
    return inner


def _open(store_dir: Path, path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            return os.open(path, flags, 0o666)
    except OSError as error:
        raise store_error(error, "take a lock", str(store_dir)) from error


def _try_lock(fd: int, path: Path, mode: int) -> bool:
    """Lock `fd` if it is free and still the file of that name: one that was removed meanwhile locks nothing."""
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
            return False
        if error.errno in _UNSUPPORTED:
            raise _NoLocks(path) from error
        raise StoreError(
            f"cannot lock {path}: {os.strerror(error.errno or 0)}",
            hint="is the disk sound?",
        ) from error
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _sign(fd: int, name: str, run: str) -> bytes:
    """Write into the file who holds it; return the text."""
    me = Holder(socket.gethostname(), os.getpid(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), run)
    text = (json.dumps({"lock": name, **asdict(me)}, sort_keys=True) + "\n").encode()
    with suppress(OSError):  # a full disk makes a lock anonymous, not useless
        os.ftruncate(fd, 0)
        os.pwrite(fd, text, 0)
    return text


def _release(fd: int, signed: bytes | None = None) -> None:
    """Let go; what stands in the file goes too, unless somebody who shares the lock has `signed` it since."""
    if fd not in _held:  # a child of fork that leaves the holder's `with`
        return
    _held.discard(fd)
    with suppress(OSError):
        if signed is None or os.pread(fd, len(signed) + 1, 0) == signed:
            os.ftruncate(fd, 0)
    os.close(fd)


def _read(path: Path) -> Holder | None:
    try:
        doc = json.loads(path.read_bytes())
        return Holder(str(doc["host"]), int(doc["pid"]), str(doc["since"]), str(doc["run"]))
    except (ValueError, KeyError, TypeError):  # free, or its holder is just writing
        return None


def _who(path: Path) -> str:
    with suppress(OSError):
        return str(_read(path) or UNKNOWN)
    return UNKNOWN
