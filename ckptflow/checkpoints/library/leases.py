"""Edge. A lock on object storage: an object that its holder renews, and that counts until it has grown old.

Rules: it is taken, renewed and given back by conditional writes, so of two that try at once one fails. It has grown old
by the server's clock, never by this machine's. Who could not renew it in time, or finds another's name in it, has lost
it and is told at the next item (`check`). A holder that is known to be dead, being a process of this very machine, is
not waited for.

Without conditional writes (some servers ignore conditions, which is found out as the lock is taken) the last of two
that write within a moment wins, and the others find out when they look again after that moment: then two hold it for
no longer than that, unless a request hangs on its way for longer.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...dataclass import dataclass, field
from ...errors import CheckpointError, Locked, StoreError
from ...store import layout
from ...store.bucket import Bucket
from ...store.protocol import NotThere
from ..ages import Moment
from ..lease import server_now
from ..locks import UNKNOWN, Holder

LEASE_SECONDS = 30.0
SETTLING_SECONDS = 2.0
"""How long two writers may cross on a server without conditions."""

_MARGIN_SECONDS = 2.0
"""Servers tell times in whole seconds."""

_LONGEST_PAUSE = 2.0
_log = logging.getLogger("ckptflow.checkpoints")


@dataclass(slots=True)
class Lease:
    """A lock that is held. `check` is for the holder's own thread, everything else for the one that renews it."""

    bucket: Bucket
    dataset: str
    seconds: float
    guarded: bool = True
    """Whether the server keeps conditions."""
    _doc: dict[str, Any] = field(default_factory=dict)
    _version: str = ""
    _renewed: Moment = field(default_factory=Moment)
    _lost: str | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The object's name."""
        return layout.dataset_lock(self.dataset)

    def check(self) -> None:
        """Raise `CheckpointError` if the lock was lost: what is done from now on, another may do too."""
        if self._lost is None and self._renewed.age > self.seconds:
            self._lost = f"it could not be renewed for {self.seconds:g} s"
        if self._lost is not None:
            raise CheckpointError(
                f"the lock on {self.dataset} at {self.bucket.url} is lost: {self._lost}",
                hint="another process may have gone on with it; what was recorded so far counts. Start again",
            )

    def renew(self) -> None:
        """Write it anew. Raises `StoreError` where the server cannot be asked; that it was lost is noted."""
        with self._turn:
            if self._ended.is_set() or self._lost is not None:
                return
            began = Moment()
            data = self._next()
            if self.guarded:
                written = self.bucket.replace(self.name, data, self._version)
            else:
                written = self._is_mine()
                if written:
                    self.bucket.put(self.name, data)
            if not written:
                self._lost = f"{_holder(self._present()[0]) or UNKNOWN} has taken it"
                _log.error("the lock on %s is lost: %s", self.dataset, self._lost)
                return
            self._version = self._present()[1]
            self._renewed = began

    def give_back(self) -> None:
        """Let others have it at once. Tells of errors and raises none: it grows old by itself."""
        self._ended.set()
        with self._turn:
            if self._lost is not None:
                return
            try:
                free = _encode({**self._doc, "free": True})
                if self.guarded:
                    self.bucket.replace(self.name, free, self._version)
                elif self._is_mine():
                    self.bucket.put(self.name, free)
            except StoreError as error:
                _log.warning("the lock on %s could not be given back: %s", self.dataset, error)

    def acquire(self, known: tuple[bytes, str] | None) -> bool:
        """Try to take it: `known` is what stands there (bytes, version), None for nothing. Raises `StoreError`."""
        began = Moment()
        data = self._next()
        if known is None:
            if not self.bucket.create(self.name, data):
                return False
            # Once more: a server that keeps conditions refuses, one that ignores them overwrites what is ours anyway.
            again = self._next()
            self.guarded = not self.bucket.create(self.name, again)
        elif not self.bucket.replace(self.name, data, known[1]):
            return False
        else:
            stale = self._next()
            self.guarded = not self.bucket.replace(self.name, stale, known[1])
        if not self.guarded:
            _log.warning(
                "%s ignores conditions: the lock on %s keeps out those that come later, and of those that come within "
                "%g s of each other all but one; nothing more can be promised there",
                self.bucket.url, self.dataset, SETTLING_SECONDS,
            )  # fmt: skip
            time.sleep(SETTLING_SECONDS)
        found, self._version = self._present()
        if _token(found) != self._doc["token"]:
            return False
        self._renewed = began
        return True

    def sign(self) -> None:
        """Make the text that tells who holds it."""
        self._doc = {
            "lock": self.dataset,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "run": "",
            "seconds": self.seconds,
            "token": os.urandom(8).hex(),
            "process": _process(os.getpid()),
            "renewed": 0,
        }

    def keep(self) -> None:
        """Renew it until it is given back; for a thread of its own."""
        while not self._ended.wait(self.seconds / 3):
            try:
                self.renew()
            except StoreError as error:
                _log.warning("the lock on %s could not be renewed, trying again: %s", self.dataset, error)

    def _next(self) -> bytes:
        self._doc["renewed"] += 1
        return _encode(self._doc)

    def _present(self) -> tuple[bytes, str]:
        try:
            return self.bucket.read(self.name)
        except NotThere:
            return b"", ""

    def _is_mine(self) -> bool:
        return _token(self._present()[0]) == str(self._doc["token"])


@contextmanager
def hold_lease(
    bucket: Bucket,
    dataset: str,
    *,
    timeout: float | None,
    seconds: float = LEASE_SECONDS,
    on_wait: Callable[[str, str], None] | None = None,
) -> Iterator[Lease]:
    """Hold the lock on `dataset` for the length of the block. Raises `Locked` after `timeout` seconds (None: never).

    One that was not renewed for the `seconds` that its holder promised is taken over. Raises `StoreError`.
    """
    lease = _take(bucket, dataset, timeout, seconds, on_wait)
    thread = threading.Thread(target=lease.keep, name=f"lock on {dataset}", daemon=True)
    thread.start()
    _held.append(lease)
    try:
        yield lease
    finally:
        if lease in _held:
            _held.remove(lease)
            lease.give_back()
        thread.join()


_held: list[Lease] = []


def give_back_all() -> None:
    """Give back what this process holds, which is about to end by a signal."""
    while _held:
        _held.pop().give_back()


os.register_at_fork(after_in_child=_held.clear)


def _take(
    bucket: Bucket,
    dataset: str,
    timeout: float | None,
    seconds: float,
    on_wait: Callable[[str, str], None] | None,
) -> Lease:
    lease = Lease(bucket, dataset, seconds)
    lease.sign()
    deadline = None if timeout is None else time.monotonic() + timeout
    pause, clock = 0.1, _Clock(bucket)
    while True:
        if lease.acquire(None):
            return lease
        try:
            data, version = bucket.read(lease.name)
        except NotThere:
            continue
        left = _seconds_left(bucket, lease.name, data, clock)
        if left <= 0:
            _log.info("the lock on %s is free, or its holder is gone: %s", dataset, _holder(data) or UNKNOWN)
            if lease.acquire((data, version)):
                return lease
            continue
        who = _holder(data) or UNKNOWN
        if deadline is not None and time.monotonic() >= deadline:
            raise Locked(dataset, f"{who}; it is taken over if it is not renewed within {left:.0f} s")
        if on_wait is not None:
            on_wait(dataset, who)
            on_wait = None
        rest = _LONGEST_PAUSE if deadline is None else max(0.0, deadline - time.monotonic())
        time.sleep(min(pause, rest, left))
        pause = min(_LONGEST_PAUSE, pause * 2)


@dataclass(slots=True)
class _Clock:
    """The server's clock: asked once, then carried on by this machine's."""

    bucket: Bucket
    _told: int | None = None
    _at: float = 0.0

    def now_ns(self) -> int:
        if self._told is None:
            self._told = server_now(self.bucket, layout.DATASET_LOCKS)
            self._at = time.monotonic()
        return self._told + int((time.monotonic() - self._at) * 1e9)


def _seconds_left(bucket: Bucket, name: str, data: bytes, clock: _Clock) -> float:
    """Return how long what stands there still counts; 0 for what is free, or nobody's any more."""
    try:
        doc = json.loads(data)
        promised = float(doc["seconds"])
        if doc.get("free") is True or _is_dead(doc):
            return 0.0
    except (ValueError, KeyError, TypeError, AttributeError):
        promised = LEASE_SECONDS  # nothing that we wrote: it gets the time to be renewed
    entry = bucket.stat(name)
    if entry is None:
        return 0.0
    return promised + _MARGIN_SECONDS - (clock.now_ns() - entry.written_ns) / 1e9


def _is_dead(doc: dict[str, Any]) -> bool:
    """Tell whether the holder was a process of this machine that has ended."""
    process, pid = doc.get("process"), doc.get("pid")
    if not isinstance(process, list) or not isinstance(pid, int):
        return False
    mine = _process(os.getpid())
    return mine is not None and process[:2] == mine[:2] and _process(pid) != process


def _process(pid: int) -> list[str] | None:
    """Return what names a process for good: the machine's start, the space that numbers it, its own start.

    None where the system does not tell, or, for another process, where there is none.
    """
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [boot, space, told[19]] if told[0] not in "ZX" else None  # one that ended and was not waited for
    return None


def _encode(doc: dict[str, Any]) -> bytes:
    return json.dumps(doc, sort_keys=True).encode("ascii")


def _token(data: bytes) -> str | None:
    with suppress(ValueError, TypeError, AttributeError):
        token: str | None = json.loads(data).get("token")
        return token
    return None


def _holder(data: bytes) -> str | None:
    with suppress(ValueError, KeyError, TypeError):
        doc = json.loads(data)
        return str(Holder(str(doc["host"]), int(doc["pid"]), str(doc["since"]), str(doc["run"])))
    return None
