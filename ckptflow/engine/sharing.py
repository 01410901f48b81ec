"""Edge. Sharing finished work through a remote while a project is worked on.

A run that shares finds records in the remote as if they were its own, brings objects when they are read, and, with
`sync: auto`, uploads what it finishes. Reading commands ask nobody: they go by what is known of the remote.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.remote import Remote, Traffic
from ..checkpoints.uploader import Uploader
from ..errors import StoreDamaged, StoreError, UsageError
from ..events import Note, Reporter
from ..ids import ChunkKey, Digest, StageName
from ..plan.model import Partial, Record
from ..run.messages import RemoteSetup
from ..store.bucket import Bucket
from ..store.local import LocalStore
from ..store.objects import Objects
from ..workspace.locate import STATE_DIR
from ..workspace.remotes import find_remote
from ..workspace.settings import FAR_STORE, Settings
from .gate import Gate
from .result import Shared
from .session import Far, Session
from .survey import Survey

LOOK_AGAIN_SECONDS = 15.0
"""How often, at most, a run looks for what other machines have finished meanwhile."""

DEAF_SECONDS = 600.0
"""How long a remote that did not answer in the middle of a run is asked for nothing that can be done without."""

KEYS_AT_ONCE = 500

FOLDER = "remotes"
"""Below the state directory: what is known of each remote, and whether something is to be sent to it."""


_ALONE = "to go on without the remote: "


class Offline:
    """What a remote held when it was last asked. Nobody is asked, nothing is brought: who looks does not wait.

    Implements `store.objects.Elsewhere` and `session.Far`.
    """

    def __init__(self, remote: Remote, gate: Gate) -> None:
        self._remote = remote
        self._gate = gate

    def holds(self, object_: Digest) -> bool:
        """See `store.objects.Elsewhere`."""
        return self._remote.holds(object_)

    def fetch(self, objects: Sequence[Digest]) -> None:
        """Bring nothing."""

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """See `session.Far`."""
        return self._gate.admitted(stage, self._remote.lookup(keys))

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """See `session.Far`."""
        return _admitted_loosely(self._gate, stage, self._remote.loosely(keys))

    def partials(self, stage: StageName, key: ChunkKey) -> list[Partial]:
        """See `session.Far`."""
        return [partial for partial in self._remote.partials(key) if self._gate.admits(stage, partial)]

    def guards(self, tree: Digest) -> bool:
        """See `session.Far`."""
        return self._gate.guards(tree)

    def disown(self, objects: Iterable[str]) -> None:
        """See `session.Far`."""

    def brought(self, objects: int, bytes: int) -> None:
        """See `session.Far`."""


class Sharing:
    """One run and its remote. `auto`: what the run finishes is uploaded while it goes on. Raises `StoreError`."""

    def __init__(self, session: Session, remote: Remote, run: str, *, auto: bool) -> None:
        self.remote = remote
        self.auto = auto
        self._kept_back: frozenset[StageName] = frozenset()
        self._listed = False
        self._deaf = 0.0
        self._session = session
        self._gate = Gate(session, remote)
        self._uploader = self._start(run) if auto else None

    @property
    def unsent(self) -> str:
        """The path, from the project's root, of the file that is there while something is to be sent."""
        return f"{STATE_DIR}/{FOLDER}/{self.remote.name}.unsent"

    def survey(self, survey: Survey) -> None:
        """Take note of the pipeline that is to be worked on, before anything is looked up."""
        stages = survey.pipeline.stages.items()
        # What a stage with an out that says `push: false` makes stays here.
        self._kept_back = frozenset(name for name, stage in stages if not all(out.push for out in stage.outs))
        self._gate.survey(survey)

    @property
    def refused(self) -> dict[StageName, str]:
        """Why work of a stage that the remote has was not used, in a sentence."""
        return self._gate.refused

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """Return the records of those `keys` that the remote has, as of some seconds ago at most, and that may be used
        for `stage`.
        """
        self.look()
        found = self._gate.admitted(stage, self.remote.lookup(keys))
        self._prepare(found.values())
        return found

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """Return, by loose key, the records of those `keys` that the remote was seen to have, and that may be used for
        `stage`.
        """
        found = _admitted_loosely(self._gate, stage, self.remote.loosely(keys))
        self._prepare(record for records in found.values() for record in records)
        return found

    def _prepare(self, found: Iterable[Record]) -> None:
        """Bring listings, which are read to see whether what they list is there: at once rather than one by one."""
        with suppress(StoreDamaged):  # what is bad there is not there from now on
            self._session.objects.prepare(p.object for r in found for p in r.outs.values() if p.listing)

    def partials(self, stage: StageName, key: ChunkKey) -> list[Partial]:
        """Return what the remote was seen to have of an unfinished chunk, and what may be used for `stage`."""
        return [partial for partial in self.remote.partials(key) if self._gate.admits(stage, partial)]

    def look(self) -> None:
        """Learn what the remote holds now, or held some seconds ago.

        One that was listed in this run and does not answer any more counts as holding what it held then: what other
        machines have finished since is made again, and nobody waits. Raises `StoreError` where it never was listed.
        """
        if self._listed and (time.monotonic() < self._deaf or (self._uploader and self._uploader.problem)):
            return
        try:
            self.remote.connect(create=self.auto)
            self.remote.refresh(seconds=LOOK_AGAIN_SECONDS)
            self._listed = True
        except StoreError as error:
            if not self._listed:
                way = "set CKPTFLOW_SYNC=manual" if self.auto else "leave out `--pull`"
                error.hint = f"{error.hint}; {_ALONE}{way}" if error.hint else f"{_ALONE}{way}"
                raise
            self._deaf = time.monotonic() + DEAF_SECONDS

    def guards(self, tree: Digest) -> bool:
        """See `session.Far`."""
        return self._gate.guards(tree)

    def disown(self, objects: Iterable[str]) -> None:
        """Count on these objects no more: they are missing there, or damaged."""
        self.remote.disowned.update(map(Digest, objects))

    def add(self, record: Record | Partial) -> None:
        """Let the remote have a record, or what is kept of an unfinished chunk, and what it names."""
        if self._uploader is not None and record.stage not in self._kept_back:
            self._uploader.add(record)

    def publish(self, documents: Iterable[str], objects: Iterable[Digest]) -> None:
        """Let the remote have documents of the store, as they are when they are sent, and objects before them."""
        if self._uploader is not None:
            self._uploader.add_objects(objects)
            for name in documents:
                self._uploader.add_document(name, partial(self._document, name))

    def _document(self, name: str) -> bytes:
        return self._gate.document(name, self._session.store.get(name))

    def brought(self, objects: int, bytes: int) -> None:
        """Count what a worker fetched."""
        self.remote.fetched.add(objects=objects, bytes=bytes)

    def finish(self, reporter: Reporter, give_up: Callable[[], bool], left: Iterable[str]) -> Shared:
        """Wait until all is sent, as long as the remote answers; tell people where it does not take everything: that
        is kept here, and sent by the next run or by `ckptflow push`. `left` are outs that stay in the remote.
        """
        uploader, fetched = self._uploader, self.remote.fetched
        complete = uploader is None or uploader.finish(give_up)
        problem = None
        if uploader is not None and not complete:
            problem = uploader.problem.message if uploader.problem is not None else "it was not waited for"
            text = f"not all that was finished could be sent to `{self.remote.name}`: {problem}"
            reporter.emit(Note("warning", f"{text}. The next run sends it, or `ckptflow push`"))
        sent = uploader.sent if uploader is not None else Traffic()
        return Shared(
            self.remote.name,
            self._session.settings.remotes[self.remote.name].shown,
            sent.objects,
            sent.bytes,
            fetched.objects,
            fetched.bytes,
            complete,
            problem,
            tuple(sorted(left)),
        )

    def setup(self) -> RemoteSetup:
        """Return what workers need to bring objects themselves."""
        session, name = self._session, self.remote.name
        remote = session.settings.remotes[name]
        return RemoteSetup(
            name=name,
            url=remote.url,
            options=remote.options,
            timeout=session.settings.remote_timeout,
            folder=str(session.location.state / FOLDER / name),
            cache=str(session.cache_path),
        )

    def close(self) -> None:
        """Let go of the remote."""
        if self._uploader is not None:
            self._uploader.abandon()
        self.remote.close(wait=False)  # nobody reads what is still on its way

    def _start(self, run: str) -> Uploader:
        session, note = self._session, self._session.root / self.unsent
        uploader = Uploader(
            self.remote,
            lambda: Objects(local_store(session)),
            run,
            note,
            backlog=self._backlog,
            sign=self._gate.sign,
        )
        if note.exists():
            uploader.start()
        return uploader

    def _backlog(self, remote: Remote) -> Iterator[Record]:
        """Yield what is recorded here and not there."""
        theirs = remote.mirror.past()
        assert theirs is not None  # the remote was connected to
        own = RecordIndex(local_store(self._session), self._session.cache_path)
        try:
            keys = own.missing_in(theirs)
            while some := list(islice(keys, KEYS_AT_ONCE)):
                yield from (r for r in own.lookup(some).values() if r.stage not in self._kept_back)
        finally:
            own.close()


def _admitted_loosely(
    gate: Gate, stage: StageName, found: dict[ChunkKey, list[Record]]
) -> dict[ChunkKey, list[Record]]:
    """Return those of the records, by loose key, that may be used for `stage`.

    A signature covers the loose key, and that the function's name: nobody without the key can say of what another
    function has made that it is what this one did.
    """
    usable = {key: list(gate.admitted(stage, {r.key: r for r in records}).values()) for key, records in found.items()}
    return {key: records for key, records in usable.items() if records}


def share(session: Session, run: str, check: Callable[[], None]) -> Sharing:
    """Let a run share through the remote of its settings: it finds work there, and brings what it reads.

    `check` is called every now and then while the remote is waited for; it raises what is to end that.
    """
    remote = open_remote(session, shared_with(session.settings))
    remote.interruptible, remote.check = True, check
    session.objects.elsewhere = remote
    return Sharing(session, remote, run, auto=session.settings.shares)


def look_there(session: Session, survey: Survey) -> Far | None:
    """Let a session that only looks count what the remote held when it was last asked, where `sync: auto` says so.

    Where the store itself is far away it is asked now, and what is read is brought.
    """
    if not session.settings.shares or not isinstance(session.store, LocalStore):
        return None
    remote = open_remote(session, shared_with(session.settings))
    gate = Gate(session, remote)
    gate.survey(survey)
    offline = Offline(remote, gate)
    session.objects.elsewhere = remote if session.settings.far else offline
    if session.settings.far:
        remote.connect(create=True)
        remote.refresh()
    return offline


def open_remote(session: Session, name: str | None = None) -> Remote:
    """Return the remote of this name, or of the settings. Nothing is asked yet. Raises `UsageError`."""
    chosen = chosen_remote(session.settings, name)
    folder = session.location.state / FOLDER / chosen
    return Remote(
        chosen, maker(session.settings, session.root, chosen), folder, session.cache_path, local_store(session)
    )


def shared_with(settings: Settings) -> str:
    """Return the name of the remote that runs share their work through."""
    return FAR_STORE if settings.far else chosen_remote(settings)


def chosen_remote(settings: Settings, name: str | None = None) -> str:
    """Return the name of the remote that is meant: the one named, that of the settings, or the only one."""
    names = list(settings.remotes)
    chosen = name or settings.remote or (names[0] if len(names) == 1 else None)
    if chosen is None:
        if not names:
            raise UsageError("there is no remote", hint="`ckptflow remote add NAME URL --default` adds one")
        hint = f"say which: {' or '.join(f'-r {known}' for known in names)}"
        raise UsageError("there are several remotes and none is the default", hint=hint)
    find_remote(settings.remotes, chosen)
    return chosen


def maker(settings: Settings, root: Path, name: str) -> Callable[[], Bucket]:
    """Return what opens the bucket of a remote, when it is first asked something."""
    remote = settings.remotes[name]

    def make() -> Bucket:
        from ..store.buckets.opening import open_bucket

        return open_bucket(remote.url, remote.options, root=root, timeout=settings.remote_timeout)

    return make


def local_store(session: Session) -> LocalStore:
    if not isinstance(session.store, LocalStore):
        raise StoreError("there is no local store", hint="`ckptflow repro` makes one")
    return LocalStore(session.store_root)
