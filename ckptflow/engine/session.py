"""Edge. A project opened for work: settings, store, cache and what looks at the workspace, made once and passed on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.records import RecordLog
from ..checkpoints.trees import get_tree, is_here, is_present
from ..checkpoints.trust import FROM, counts_here
from ..checkpoints.verified import VerifiedFiles
from ..chunk.tree import Tree
from ..dataclass import dataclass, field
from ..ids import ChunkKey, Digest, StageName
from ..plan.model import Partial, Record, Refusal
from ..plan.schedule import Schedule
from ..run.storing import Staging
from ..spec.model import Out, Stage
from ..store.lent import LentObjects
from ..store.local import LocalStore
from ..store.marker import open_store
from ..store.memory import MemoryStore
from ..store.objects import Objects
from ..store.oserrors import store_error
from ..store.protocol import Store
from ..workspace.cache import Cache
from ..workspace.keys import Key, find_key
from ..workspace.locate import Location
from ..workspace.observe import Observer
from ..workspace.place import Placer
from ..workspace.settings import Settings
from ..workspace.sources import ProjectSources

CACHE = "cache.db"
IGNORED_BY_GIT = "/store/\n/remotes/\n/tmp/\n/logs/\n/cuts/\n/quarantine/\n/fresh/\n/cache.db*\n/config.local.yaml\n"


@dataclass(slots=True)
class Session:
    """Everything that a use case needs of one project. `close` lets go of it."""

    location: Location
    settings: Settings
    cache: Cache
    store: Store
    store_root: Path
    objects: Objects
    observer: Observer
    placer: Placer
    sources: ProjectSources
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> Path:
        """The project's root directory."""
        return self.location.root

    @property
    def spills(self) -> Path:
        """Where partitions of cut deps lie; derived data."""
        return self.location.state / "cuts"

    @property
    def logs(self) -> Path:
        """Where the output of chunks goes."""
        return self.location.state / "logs"

    @property
    def cache_path(self) -> Path:
        """The file of all derived data."""
        return self.location.state / CACHE

    def key(self) -> Key | None:
        """Return the project's key, None where none is set. Reads it anew. Raises `KeyUnusable`."""
        return find_key(self.root, self.settings.key_file, self.env)

    def close(self) -> None:
        """Close the cache and the store."""
        self.cache.close()
        if isinstance(self.store, LocalStore):
            self.store.close()

    def look_again(self) -> None:
        """Forget what was seen of the workspace and of the code."""
        self.observer.forget()
        self.sources = ProjectSources(self.root)


def open_session(
    location: Location, settings: Settings, *, create: bool, env: Mapping[str, str] | None = None
) -> Session:
    """Open a project. `create` makes the store if there is none. Without it nothing is written to the store, and a
    project that has none has nothing done yet. `env` is where the project's key may be.

    Of a store that is far away, what is here is a copy of parts: it is made in either case.

    Raises `StoreError`.
    """
    create = create or settings.far
    store_root = location.root / settings.local_store
    store: Store
    if create or store_root.exists():
        if create:
            make_state(location)
        store = LocalStore(store_root, create=create)
        open_store(store, create=create)
        store.sync()
    else:
        store = MemoryStore()
    cache_path = location.state / CACHE if location.state.is_dir() else None
    cache = Cache(cache_path)
    objects = (Objects if create else LentObjects)(store, VerifiedFiles(cache_path))
    observer = Observer(location.root, cache)
    return Session(
        location=location,
        settings=settings,
        cache=cache,
        store=store,
        store_root=store_root,
        objects=objects,
        observer=observer,
        placer=Placer(location.root, objects, observer, cache, settings.link),
        sources=ProjectSources(location.root),
        env=env or {},
    )


def make_state(location: Location) -> None:
    """Make the state directory, and tell git what in it is not to be kept. Raises `StoreError`."""
    try:
        location.state.mkdir(exist_ok=True)
        ignore = location.state / ".gitignore"
        present = ignore.read_text() if ignore.exists() else ""
        missing = [line for line in IGNORED_BY_GIT.splitlines() if line not in present.splitlines()]
        if missing:
            end = "\n" if present and not present.endswith("\n") else ""
            ignore.write_text(present + end + "".join(f"{line}\n" for line in missing))
    except OSError as error:
        raise store_error(error, f"make {location.state}", str(location.root)) from error


def new_run_id() -> str:
    """Return a name for a run that sorts by time: `20261123T101500Z-3f9a`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.urandom(2).hex()}"


def note_failures(cache: Cache, schedule: Schedule) -> None:
    """Keep which chunks failed, for `stage#failed` and `--retry-failed`."""
    runs = [run for run in schedule.stages.values() if run.states and not run.fresh]
    cache.keep_documents("failed", {str(run.name): sorted(run.failures) for run in runs})


def failed_before(cache: Cache) -> Callable[[StageName], frozenset[int]]:
    """Return what tells the chunks of a stage that failed in its last run."""
    return lambda stage: frozenset(cache.document("failed", stage) or ())


def staging(session: Session, objects: Objects | None = None) -> Staging:
    """Return what is needed to put files of the workspace into the store from this process, or into `objects`."""
    return Staging(
        objects or session.objects, session.store_root / "tmp", session.store_root, session.root, session.spills
    )


def may_stay(session: Session, out: Out, tree: Tree) -> bool:
    """Tell whether an out need not be in the workspace: it is far away, and nothing stands in its place."""
    if session.objects.elsewhere is None or not out.workspace or os.path.lexists(session.root / out.path):
        return False
    return not all(is_here(session.objects, part) for part in tree.parts)


class Regainer(Protocol):
    """Finds what the store has lost: see `plan.model.Past`."""

    def regain(self, stage: Stage, key: ChunkKey, noted: Mapping[str, Digest]) -> Record | None:
        """Return it as a record, its objects in the store."""
        ...


class Adopter(Protocol):
    """Finds what another program has made: see `plan.model.Past`."""

    def adopt(self, stage: Stage, key: ChunkKey, upstream: Mapping[str, Tree]) -> Record | Refusal | None:
        """Return it as a record, its objects in the store."""
        ...


class Far(Protocol):
    """Finished work that other machines share."""

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """Return the records of those `keys` that have one, and may be used for this stage."""
        ...

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """Return, by loose key, the records of those `keys` that have any, and may be used for this stage."""
        ...

    def partials(self, stage: StageName, key: ChunkKey) -> list[Partial]:
        """Return what is kept of an unfinished chunk, and may be used for this stage, the furthest first."""
        ...

    def guards(self, tree: Digest) -> bool:
        """Tell whether an out of this name counts only where records that may be used come to it."""
        ...

    def disown(self, objects: Iterable[str]) -> None:
        """Count on these objects no more: they are missing there, or damaged."""
        ...

    def brought(self, objects: int, bytes: int) -> None:
        """Count what a worker fetched from there."""
        ...


class StorePast:
    """Finished work as the planner sees it: a record counts only if the objects that it names are there in full.

    `far` is asked for what is not found here; what is found there is `borrowed`. `code` returns the labels of outs that
    run code when they are loaded, by stage.
    """

    def __init__(
        self,
        session: Session,
        log: RecordLog | None = None,
        adopter: Adopter | None = None,
        regainer: Regainer | None = None,
        far: Far | None = None,
        code: Callable[[], Mapping[StageName, frozenset[str]]] = dict,
    ) -> None:
        self._objects = session.objects
        self._log = log
        self._adopter = adopter
        self._regainer = regainer
        self._far = far
        self._code = code
        self.borrowed: dict[ChunkKey, Record] = {}
        self.index = RecordIndex(session.store, session.cache_path if session.location.state.is_dir() else None, log)

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """See `plan.model.Past`."""
        wanted = list(keys)
        found = self._present(self._counting(stage, self.index.lookup(wanted)))
        if self._far is not None and len(found) < len(wanted):
            borrowed = self._present(self._far.lookup(stage, [key for key in wanted if key not in found]))
            self.borrowed.update(borrowed)
            found.update(borrowed)
        return found

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey], code: Digest) -> dict[ChunkKey, Record]:
        """See `plan.model.Past`."""
        wanted = list(dict.fromkeys(keys))
        near = self.index.loosely(wanted)
        far = self._far.loosely(stage, wanted) if self._far is not None else {}
        found: dict[ChunkKey, Record] = {}
        for key in wanted:
            here = self._counting(stage, {record.key: record for record in near.get(key, ())})
            there = {record.key: record for record in far.get(key, ()) if record.key not in here}
            ranked = sorted({**there, **here}.values(), key=partial(_rank, code), reverse=True)
            whole = next((r for r in ranked if all(is_present(self._objects, part) for part in r.parts)), None)
            if whole is None:
                continue
            found[key] = whole
            if whole.key in there:
                self.borrowed[whole.key] = whole
        return found

    def partial(self, stage: StageName, key: ChunkKey) -> Partial | None:
        """See `plan.model.Past`."""
        found = self.index.partials(key)
        if self._far is not None:
            found += self._far.partials(stage, key)
        there = (p for p in found if all(is_present(self._objects, part) for part in p.headway.parts))
        return max(there, key=lambda partial: partial.headway.position or 0, default=None)

    def disown(self, objects: Iterable[str]) -> None:
        """Objects that were to be had elsewhere proved missing or damaged."""
        if self._far is not None:
            self._far.disown(objects)

    def _counting(self, stage: StageName, found: dict[ChunkKey, Record]) -> dict[ChunkKey, Record]:
        """Leave out what was fetched without a signature, where this stage makes what runs code when it is loaded."""
        if not any(FROM in record.extra for record in found.values()):
            return found
        code = self._code().get(stage, frozenset())
        return {key: record for key, record in found.items() if counts_here(record, code)}

    def brought(self, objects: int, bytes: int) -> None:
        """A worker has fetched so much."""
        if self._far is not None and objects:
            self._far.brought(objects, bytes)

    def _present(self, found: Mapping[ChunkKey, Record]) -> dict[ChunkKey, Record]:
        return {
            key: record
            for key, record in found.items()
            if all(is_present(self._objects, part) for part in record.parts)
        }

    def tree(self, name: Digest) -> Tree | None:
        """See `plan.model.Past`."""
        if self._far is not None and self._far.guards(name):
            return None  # that its objects are here tells nothing: they may have come here as data
        tree = self.document(name)
        return tree if tree is not None and all(is_present(self._objects, part) for part in tree.parts) else None

    def regain(self, stage: Stage, key: ChunkKey, noted: Mapping[str, Digest]) -> Record | None:
        """See `plan.model.Past`. What was found is recorded, where this past has a log."""
        found = self._regainer.regain(stage, key, noted) if self._regainer is not None else None
        self._keep(found)
        return found

    def adopt(self, stage: Stage, key: ChunkKey, upstream: Mapping[str, Tree]) -> Record | Refusal | None:
        """See `plan.model.Past`. What was found is recorded, where this past has a log."""
        found = self._adopter.adopt(stage, key, upstream) if self._adopter is not None else None
        self._keep(found)
        return found

    def _keep(self, found: Record | Refusal | None) -> None:
        if isinstance(found, Record) and self._log is not None:
            self._log.add(found)
            self.index.add(found)

    def document(self, name: Digest) -> Tree | None:
        """Return what the out of that name is made of, whether or not the objects of its files are still there."""
        tree = get_tree(self._objects, name)
        return tree if tree is not None and all(self._objects.has(p.object) for p in tree.parts if p.listing) else None


def _rank(code: Digest, record: Record) -> tuple[bool, str, ChunkKey]:
    """Return what tells which of several records with one loose key counts: the greatest. What others wrote may hold
    anything in the place of a time.
    """
    return record.code == code, str(record.finished), record.key
