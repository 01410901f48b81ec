"""Edge. Uploading in the background: what a run finishes is in the remote about a second later.

Threads take what is finished from queues, a group at a time, and send each group as `sending` does. Small results and
large ones have queues of their own, so that a result of a few gigabytes holds up none of a few kilobytes. The run never
waits for the remote: what cannot be sent stays on the list and is tried again, and what is still on it at the end is
sent by the next run, or by `ckptflow push`. That something is on it is told by a file, made before the first entry and
removed after the last, so that a kill leaves it there.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import uniform
from typing import TypeAlias

from ..dataclass import dataclass, field
from ..errors import CkptflowError, StoreError
from ..ids import Digest
from ..plan.model import Partial, Record
from ..store import layout
from ..store.objects import Objects
from ..store.oserrors import store_error
from .remote import Remote, Traffic
from .sending import Sender, Sign

GROUP_SECONDS = 0.4
"""How long a group is collected: a record is in the remote this long, and the requests, after it was made."""
LARGE_BYTES = 4 << 20
GROUP_RECORDS = 4096
WAITING_MOST = 50_000
"""Records that wait, at most; the others are found in the log when these are sent: memory stays bounded."""
_LARGE_LANES = 2
_RETRY_SECONDS = (1.0, 30.0)
_DEAF_SECONDS = 0.2

Backlog: TypeAlias = Callable[[Remote], Iterable[Record]]
"""Yields what earlier runs finished and the remote lacks. Called in a thread of the uploader."""


@dataclass(slots=True)
class _Group:
    records: list[Record | Partial] = field(default_factory=list)
    objects: list[Digest] = field(default_factory=list)
    documents: dict[str, Callable[[], bytes]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.records or self.objects or self.documents)


class _Lane:
    """One queue."""

    def __init__(self) -> None:
        self.waiting = _Group()
        self.changed = threading.Condition()
        self.busy = 0


class Uploader:
    """Uploads to `remote` until `finish`. Adding never blocks and never fails.

    `note` is the path of the file that says that something is to be sent. `make_objects` returns the local objects for
    one thread. `sign` returns a record as it is to stand in the remote.
    """

    def __init__(
        self,
        remote: Remote,
        make_objects: Callable[[], Objects],
        run: str,
        note: Path,
        *,
        backlog: Backlog | None = None,
        sign: Sign | None = None,
    ) -> None:
        self._remote = remote
        self._make_objects = make_objects
        self._run = run
        self._note = note
        self._backlog = backlog
        self._sign = sign
        self._small, self._large = _Lane(), _Lane()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._ready = threading.Event()
        self._overflown = False
        self._heard = time.monotonic()
        self.sent = Traffic()
        self.records = 0
        self._problems: dict[int, CkptflowError] = {}  # of each thread, what failed last

    @property
    def problem(self) -> CkptflowError | None:
        """What failed and did not succeed since."""
        return next(iter(self._problems.values()), None)

    def start(self) -> None:
        """Begin, with what earlier runs left; done by itself when something is added. Raises `StoreError`."""
        if self._threads:
            return
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.touch()
        except OSError as error:
            raise store_error(error, "note what is to be sent", str(self._note)) from error
        lanes = (self._small, *(self._large for _ in range(_LARGE_LANES)))
        for number, lane in enumerate(lanes):
            thread = threading.Thread(target=self._serve, args=(lane, number), name=f"ckptflow-up{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def add(self, record: Record | Partial) -> None:
        """Send a record, or what is kept of an unfinished chunk, and the objects that it names."""
        parts = record.parts if isinstance(record, Record) else record.headway.parts
        large = sum(part.bytes for part in parts) > LARGE_BYTES
        lane = self._large if large else self._small
        if len(lane.waiting.records) >= WAITING_MOST:
            self._overflown = True
            return
        self._put(lane, lambda group: group.records.append(record))

    def add_objects(self, objects: Iterable[Digest]) -> None:
        """Send objects that no record names: trees, sources, texts."""
        wanted = list(objects)
        self._put(self._small, lambda group: group.objects.extend(wanted))

    def add_document(self, name: str, read: Callable[[], bytes]) -> None:
        """Send a document; `read` returns it as it is then. After the records and objects that were added before."""
        self._put(self._small, lambda group: group.documents.update({name: read}))

    def abandon(self) -> None:
        """Send nothing more. Does nothing after `finish`."""
        self._abandoned.set()
        self._closing.set()

    def finish(self, give_up: Callable[[], bool], patience: float = math.inf) -> bool:
        """Wait until all is sent, or the remote has let a request fail; tell whether all is. Not when `give_up` says
        so, and not longer than `patience` seconds without anything sent: for buckets whose requests have no limit of
        their own. The uploader is of no use afterwards.
        """
        if not self._threads:
            return True
        self._heard, requests = time.monotonic(), self.sent.requests
        self._closing.set()
        for lane in (self._small, self._large):
            with lane.changed:
                lane.changed.notify_all()
        while any(thread.is_alive() for thread in self._threads):
            if self.sent.requests != requests:
                requests, self._heard = self.sent.requests, time.monotonic()
            if give_up() or time.monotonic() - self._heard > patience:
                self._abandoned.set()
                break
            for thread in self._threads:
                thread.join(_DEAF_SECONDS / len(self._threads))
        left = any(lane.waiting or lane.busy for lane in (self._small, self._large))
        if left or self._overflown or not self._ready.is_set():
            return False
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
        return True

    def _put(self, lane: _Lane, change: Callable[[_Group], None]) -> None:
        self.start()
        with lane.changed:
            change(lane.waiting)
            lane.changed.notify()

    # ---- in the threads

    def _serve(self, lane: _Lane, number: int) -> None:
        remote = self._remote.twin()
        try:
            sender = Sender(remote, self._make_objects(), f"{self._run}-{number}", sign=self._sign)
            sender.sent = self.sent
            if number == 0:
                self._insist(number, lambda: self._open(remote))
                self._ready.set()
            while not self._ready.wait(_DEAF_SECONDS):
                if self._abandoned.is_set():
                    return
            self._insist(number, lambda: self._learn(remote))
            while group := self._collect(lane):
                self._insist(number, partial(self._send, sender, group))
                with lane.changed:
                    lane.busy -= 1
                if self._overflown and not lane.waiting and number == 0:
                    self._overflown = False
                    self._insist(number, lambda: self._refill(remote))
        except CkptflowError as error:
            self._problems[number] = error
            self._abandoned.set()
        except Exception as error:
            self._problems[number] = StoreError(f"uploading to {self._remote.name} failed: {error!r}")
            self._abandoned.set()
        finally:
            remote.close()

    def _open(self, remote: Remote) -> None:
        remote.connect(create=True)
        remote.refresh()
        self._refill(remote)

    def _refill(self, remote: Remote) -> None:
        for record in self._backlog(remote) if self._backlog is not None else ():
            self.add(record)

    def _learn(self, remote: Remote) -> None:
        remote.connect()
        remote.mirror.refresh()

    def _collect(self, lane: _Lane) -> _Group | None:
        """Wait for work, then a moment for more; None at the end."""
        with lane.changed:
            while not lane.waiting:
                if self._closing.is_set() or self._abandoned.is_set():
                    return None
                lane.changed.wait(_DEAF_SECONDS)
            began = time.monotonic()
            while not self._closing.is_set() and lane is self._small:
                left = began + GROUP_SECONDS - time.monotonic()
                if left <= 0 or len(lane.waiting.records) >= GROUP_RECORDS:
                    break
                lane.changed.wait(left)
            if lane is self._small:
                group, lane.waiting = lane.waiting, _Group()
            else:  # one at a time: the other lanes take the others
                group = _Group(records=[lane.waiting.records.pop(0)])
            lane.busy += 1
            return group

    def _send(self, sender: Sender, group: _Group) -> None:
        before = sender.records
        sender.send(group.records, group.objects)
        self.records += sender.records - before
        group.records, group.objects = [], []
        pointers = {name for name in group.documents if name.endswith(f"/{layout.LATEST}")}
        for names in (group.documents.keys() - pointers, pointers):  # what is pointed to, then what points
            for name in sender.documents({name: group.documents[name] for name in sorted(names)}):
                del group.documents[name]

    def _insist(self, number: int, work: Callable[[], None]) -> None:
        """Do `work` until it is done, or until it fails while nothing is waited for but this."""
        delay = _RETRY_SECONDS[0]
        while True:
            try:
                work()
            except CkptflowError as error:
                self._problems[number] = error
                if self._abandoned.is_set() or self._closing.is_set():
                    raise
                self._closing.wait(uniform(delay / 2, delay))
                delay = min(delay * 2, _RETRY_SECONDS[1])
            else:
                self._problems.pop(number, None)
                self._heard = time.monotonic()
                return
