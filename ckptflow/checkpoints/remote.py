"""Edge. One remote: what it holds, asked of the mirror; what it is asked itself; what is fetched from it.

Rules: "not there" counts only after the remote's marker was read. What is fetched is believed for its hash alone;
bytes that prove bad are asked for once more, then the object is disowned: for the rest of the run the remote does not
have it. A segment that was listed and is gone was merged into another one meanwhile: the remote is listed again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock, RLock
from typing import Any, TypeVar

from ..dataclass import dataclass, field
from ..errors import StoreDamaged, StoreError
from ..ids import ChunkKey, Digest, digest
from ..plan.model import Partial, Record
from ..store import layout, packs
from ..store.bucket import Bucket, Unavailable
from ..store.hashing import hash_file
from ..store.local import LocalStore
from ..store.marker import Marker, open_store, read_marker
from ..store.oserrors import store_error
from ..store.packs import Held
from ..store.protocol import Entry, NotThere
from . import lines
from .ages import Moment
from .condemned import BadDocument, Condemned, blob_of, is_document
from .mirror import Mirror
from .turns import taking_turns

_T = TypeVar("_T")
_R = TypeVar("_R")

FRESH_SECONDS = 600.0
"""How long what was listed may be relied on; far less than the grace time after which `gc` deletes."""
_LISTINGS_MOST = 5
_LOOK_SECONDS = 0.3
TURNS = "turns"
"""In the mirror's folder: the file whose bytes are locked while objects are brought."""
THREADS = 16
"""Requests at once, unless said otherwise."""


@dataclass(slots=True)
class Traffic:
    """What went over the wire, summed up by all threads of a process."""

    objects: int = 0
    bytes: int = 0
    requests: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *, objects: int = 0, bytes: int = 0, requests: int = 0) -> None:
        """Count."""
        with self._lock:
            self.objects += objects
            self.bytes += bytes
            self.requests += requests


@dataclass(slots=True)
class _Shared:
    """What all threads know of a remote."""

    make_bucket: Callable[[], Bucket]
    bucket: Bucket | None = None
    marker: Marker | None = None
    listed: Moment | None = None
    looked: Moment | None = None
    condemned: dict[Entry, frozenset[str]] = field(default_factory=dict)
    ahead: dict[str, Future[Any]] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)


class Remote:
    """A remote for one thread; `twin` is the same remote for another. Every method raises `StoreError`.

    `make_bucket` is called when the remote is first asked something. `store` is the local store that fetched objects
    go to, `folder` and `db` those of the mirror. `threads` is how many requests are made at once; with `interruptible`
    even one alone is left to a thread, since drivers do not hear signals while they wait, and `check` is called every
    now and then meanwhile: it raises what is to end the waiting. Implements `store.objects.Elsewhere`.
    """

    def __init__(
        self, name: str, make_bucket: Callable[[], Bucket], folder: Path, db: Path | None, store: LocalStore
    ) -> None:
        self.name = name
        self.threads = THREADS
        self.interruptible = False
        self.check: Callable[[], None] = _go_on
        self.mirror = Mirror(folder, db)
        self.store = store
        self.disowned: set[Digest] = set()
        self.fetched = Traffic()
        self._folder = folder
        self._db = db
        self._pool: ThreadPoolExecutor | None = None
        self._shared = _Shared(make_bucket)

    def twin(self) -> Remote:
        """Return the same remote for another thread; what one disowns the other disowns as well."""
        other = Remote(self.name, self._shared.make_bucket, self._folder, self._db, self.store)
        other.disowned, other.fetched, other._shared = self.disowned, self.fetched, self._shared
        other.threads, other.interruptible = self.threads, self.interruptible
        return other

    @property
    def bucket(self) -> Bucket:
        """The bucket, one for all threads."""
        shared = self._shared
        if shared.bucket is None:  # without the lock where it is there: one thread may hold it while it asks the remote
            with shared.lock:
                if shared.bucket is None:
                    shared.bucket = shared.make_bucket()
        return shared.bucket

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self.bucket.url

    @property
    def store_id(self) -> str:
        """What its marker calls it; as far as is known here, where it was not connected to. Raises `StoreError`."""
        if self._shared.marker is not None:
            return self._shared.marker.repository
        return self.mirror.store_id or self.connect().repository

    def connect(self, *, create: bool = False) -> Marker:
        """Read the marker, once; with `create`, write one where there is nothing at all."""
        shared = self._shared
        with self._locked():
            if shared.marker is None:
                with suppress(NotThere):
                    shared.marker = self._asked_ahead(layout.MARKER)
                bucket = self.bucket
                if shared.marker is None:
                    shared.marker = self._alone(lambda: open_store(bucket, create=create))
                self.fetched.add(requests=1)
            self.mirror.begin(shared.marker)
            return shared.marker

    def ask_ahead(self, *prefixes: str) -> None:
        """Begin to read the marker and to list what starts with each of `prefixes`, all at once and in threads: who
        needs it later in this process waits the less. What goes wrong is raised then.
        """
        pool, began, shared = self._threads(), Moment(), self._shared
        shared.ahead[layout.MARKER] = pool.submit(lambda: read_marker(self.bucket))
        for prefix in prefixes:
            shared.ahead[prefix] = pool.submit(self._list_since, began, prefix)

    def _list_since(self, began: Moment, prefix: str) -> tuple[Moment, list[Entry]]:
        return began, list(self.bucket.list(prefix))

    def _asked_ahead(self, what: str) -> Any:
        """Wait for what was asked ahead, None if it was not, or if that was told to somebody already."""
        future = self._shared.ahead.pop(what, None)
        return None if future is None else next(_in_order([future], self.check))

    def listing(self, prefix: str) -> tuple[Moment, list[Entry]]:
        """Return what starts with `prefix` there, and as of when."""
        self.fetched.add(requests=1)
        answer: tuple[Moment, list[Entry]] | None = self._asked_ahead(prefix)
        return answer or self._alone(partial(self._list_since, Moment(), prefix))

    def refresh(self, *, seconds: float = 0.0) -> None:
        """Learn what the remote holds now: one listing, and what is new in it. Not if it was listed `seconds` ago."""
        with self._locked():
            if self._shared.listed is None or self._shared.listed.age >= seconds:
                for last in range(_LISTINGS_MOST, 0, -1):
                    try:
                        began = self._list()
                        break
                    except NotThere:
                        if last == 1:
                            raise
                self._shared.listed = began
        self.mirror.refresh()

    def _list(self) -> Moment:
        """Bring the mirror up to date; return as of when."""
        self.connect()
        known = self.mirror.segments()
        began, entries = self.listing(layout.RECORDS)
        listed = {entry.name: entry.bytes for entry in entries if layout.segment_of(entry.name) is not None}
        new = [name for name, size in listed.items() if known.get(name) != size]
        self.fetched.add(requests=len(new))
        for name, data in zip(new, self.map(self._segment, new), strict=True):
            self.mirror.keep(name, data)
        self.mirror.drop(known.keys() - listed.keys())
        return began

    def _segment(self, name: str) -> bytes:
        """Return a segment; asked for once more where a line is damaged, which may have happened on its way here."""
        data = self.bucket.get(name)
        return data if lines.are_sound(data) else self.bucket.get(name)

    def look(self, *, seconds: float) -> None:
        """See to it that what is known here of the remote, and of what is condemned there, is at most `seconds` old.

        Two listings, if any, and what is new in them. Raises `Unavailable` where the remote is too slow for that.
        """
        for _ in range(_LISTINGS_MOST):
            self.refresh(seconds=seconds)
            self.look_for_condemned(seconds=seconds)
            shared = self._shared
            if all(moment is not None and moment.age < seconds for moment in (shared.listed, shared.looked)):
                return
        raise Unavailable(f"{self.url} is too slow: a listing takes longer than {seconds:.0f} s")

    def look_for_condemned(self, *, seconds: float = 0.0) -> None:
        """Learn what is condemned now: one listing, and what is new in it. Not if it was listed `seconds` ago."""
        with self._shared.lock:
            if self._shared.looked is None or self._shared.looked.age >= seconds:
                began, entries = self.listing(layout.CONDEMNED)
                self._shared.condemned = dict(self._read_condemned([e for e in entries if is_document(e.name)]))
                self._shared.looked = began

    def _read_condemned(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, frozenset[str]]]:
        known = self._shared.condemned
        new = [entry for entry in entries if entry not in known]
        self.fetched.add(requests=len(new))
        yield from ((entry, known[entry]) for entry in entries if entry in known)
        for entry, data in zip(new, self.map(self.bucket.get, [entry.name for entry in new]), strict=True):
            try:
                yield entry, frozenset(Condemned.decode(entry.name, data).blobs)
            except BadDocument as error:
                hint = "a newer ckptflow may have written it: nothing can be sent before this one can read it"
                raise StoreError(f"{error} (in {self.url})", hint=hint) from error

    @property
    def condemned(self) -> frozenset[str]:
        """The names of objects and packs that are to be deleted, or were of late, as of the last look.

        What is there is not to be relied on, and nothing may be written under these names.
        """
        return frozenset().union(*self._shared.condemned.values())

    def lookup(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """Return the records of those `keys` that have one, as far as is known here."""
        return self.mirror.lookup(keys)

    def loosely(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """Return by loose key all records of those `keys` that have any, as far as is known here."""
        return self.mirror.loosely(keys)

    def partials(self, key: ChunkKey) -> list[Partial]:
        """Return what is kept of an unfinished chunk, as far as is known here, the furthest first."""
        return self.mirror.partials(key)

    def where(self, objects: Iterable[Digest]) -> dict[Digest, Held]:
        """Return where those of `objects` are that the remote holds, as far as is known here."""
        found = self.mirror.where(objects)
        return {name: held[0] for name, held in found.items() if name not in self.disowned}

    def keeps(self, objects: Iterable[Digest]) -> dict[Digest, Held]:
        """Return where those of `objects` are that the remote holds and keeps on holding."""
        condemned = self.condemned
        found = self.mirror.where(objects)
        kept = {name: [held for held in places if blob_of(held) not in condemned] for name, places in found.items()}
        return {name: places[0] for name, places in kept.items() if places and name not in self.disowned}

    def lacks(self, objects: Iterable[Digest]) -> list[Digest]:
        """Return those of `objects` that the remote does not hold, or will not keep on holding."""
        wanted = list(objects)
        sure = not self.condemned and not self.disowned  # so that it does not matter where they are
        held = self.mirror.holding(wanted) if sure else self.keeps(wanted)
        return [name for name in wanted if name not in held]

    def holds(self, object_: Digest) -> bool:
        """See `store.objects.Elsewhere`."""
        return object_ not in self.disowned and bool(self.mirror.where((object_,)))

    def fetch(self, objects: Sequence[Digest]) -> None:
        """See `store.objects.Elsewhere`. Raises `StoreDamaged` naming objects that are not what they should be.

        What proves bad in one place is sought in the others that were told of: somebody may have sent it anew, and
        which of two was told last is not certain where clocks differ.
        """
        places = {name: held for name, held in self.mirror.where(objects).items() if name not in self.disowned}
        bad: list[Digest] = []
        with taking_turns(self._folder / TURNS, places, self.check) as waited:
            if waited:  # for somebody who has brought some of them
                places = {n: held for n, held in places.items() if self.store.stat(layout.object_name(n)) is None}
            while places:
                failed = set(self._fetch([held.pop(0) for held in places.values()]))
                bad += (name for name in failed if not places[name])
                places = {name: held for name, held in places.items() if held and name in failed}
        if bad:
            self.disowned.update(bad)
            raise StoreDamaged(
                f"{len(bad)} object(s) in {self.url} are missing or damaged, among them {bad[0][:12]}",
                hint=f"`ckptflow verify -r {self.name}` checks the remote; a run makes them again",
                objects=tuple(bad),
            )

    def _fetch(self, wanted: Sequence[Held]) -> list[Digest]:
        """Fetch objects from these places; return those that were not there, or not good."""
        single = [held for held in wanted if held.pack is None or (held.bytes > packs.PACK_BYTES and not held.offset)]
        work: list[Callable[[], list[Digest]]] = [
            *(partial(self._fetch_span, span) for span in packs.spans({*wanted} - {*single})),
            *(partial(self._fetch_single, held) for held in sorted(single, key=lambda held: -held.bytes)),
        ]
        return [name for names in self.map(_call, work) for name in names]

    def _fetch_span(self, span: packs.Span) -> list[Digest]:
        """Fetch a range of a pack; return the objects that were not there, or not good at the second time either."""
        wanted = span.wanted
        for _ in range(2):
            try:
                data = self.bucket.get(layout.pack_name(span.pack), span.start, span.stop - span.start)
            except NotThere:
                break
            self.fetched.add(bytes=len(data), requests=1)
            left = []
            for held in wanted:
                start = held.offset - span.start
                if not self._take(held.object, data[start : start + held.bytes]):
                    left.append(held)
            wanted = tuple(left)
            if not wanted:
                break
        return [held.object for held in wanted]

    def _fetch_single(self, held: Held) -> list[Digest]:
        name = blob_of(held)
        for _ in range(2):
            try:
                if held.bytes <= packs.PACKED_MOST:
                    data = self.bucket.get(name)
                    self.fetched.add(bytes=len(data), requests=1)
                    good = self._take(held.object, data)
                else:
                    good = self._download(name, held)
            except NotThere:
                break
            if good:
                return []
        return [held.object]

    def _take(self, object_: Digest, data: bytes) -> bool:
        if digest(data) != object_:
            return False
        self.store.put(layout.object_name(object_), data)
        self.fetched.add(objects=1)
        return True

    def _download(self, name: str, held: Held) -> bool:
        path = self.store.root / layout.temporary_name(f"{os.getpid()}-{os.urandom(6).hex()}")
        try:
            path.parent.mkdir(exist_ok=True)
            size = self.bucket.download(name, path)
            self.fetched.add(bytes=size, requests=1)
            if held.pack is not None and size > held.bytes:
                os.truncate(path, held.bytes)  # the index of a pack stands behind what is in it
            if hash_file(path) != held.object:
                return False
            self.store.adopt(path, layout.object_name(held.object))
        except OSError as error:
            raise store_error(error, f"write {name}", self.store.url) from error
        finally:
            path.unlink(missing_ok=True)
        self.fetched.add(objects=1)
        return True

    def map(self, work: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
        """Do `work` for each of `items`, several at once, and yield what comes of it in their order."""
        if not items or not (self.interruptible or (len(items) > 1 and self.threads > 1)):
            return map(work, items)
        pool = self._threads()
        return _in_order([pool.submit(work, item) for item in items], self.check)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="ckptflow-fetch")
        return self._pool

    def _alone(self, work: Callable[[], _R]) -> _R:
        """Do `work` so that it can be interrupted, where that is wanted."""
        (done,) = self.map(_call, (work,))
        return done

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold what threads that share the remote hold while they ask it what all want to know."""
        while not self._shared.lock.acquire(timeout=_LOOK_SECONDS):
            self.check()
        try:
            yield
        finally:
            self._shared.lock.release()

    def close(self, *, wait: bool = True) -> None:
        """Let go of the mirror and of the threads; the bucket stays open for twins. Without `wait`, requests that were
        made already are left to themselves; so is what was asked ahead and that nobody wanted to know.
        """
        self.mirror.close()
        if self._pool is not None:
            unwanted = any(not future.done() for future in self._shared.ahead.values())
            self._pool.shutdown(wait=wait and not unwanted, cancel_futures=True)
            self._pool = None


def _in_order(futures: list[Future[_R]], check: Callable[[], None]) -> Iterator[_R]:
    """Yield what comes of `futures` in their order; those that are not begun are cancelled when one fails.

    It is looked again and again instead of waited for: a signal that another thread has taken wakes nobody who waits.
    """
    try:
        futures.reverse()
        while futures:
            while not wait(futures[-1:], timeout=_LOOK_SECONDS).done:
                check()
            yield futures.pop().result()
    finally:
        for future in futures:
            future.cancel()


def _go_on() -> None:
    pass


def _call(task: Callable[[], _T]) -> _T:
    return task()
