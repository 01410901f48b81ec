"""Edge. Is the store what it says? Everything is looked at, findings are values, nothing is changed but by `repair`.

Looked at are the marker, the names and bytes of objects, what trees and listings refer to, the record log and what
its records name, checkpoints, and the texts that runs name. Without `deep`, objects are not hashed: sizes and
references only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..chunk.model import Part
from ..chunk.tree import Listing, MalformedDocument, Tree
from ..dataclass import dataclass
from ..errors import StoreDamaged, StoreError
from ..ids import ChunkKey, Digest, digest, is_digest
from ..plan.model import Record
from ..store import layout
from ..store.marker import open_store
from ..store.objects import Elsewhere, Objects
from ..store.protocol import NotThere, Store
from .index import Past
from .records import RecordLog
from .shelf import Shelf, read_shelf

_TREE = b'{"ckptflow":"tree"'
_LISTING = b'{"ckptflow":"listing"'
_SET_ASIDE = "set aside; `ckptflow repro` makes it again"
_PASSED_OVER = "it is passed over; `ckptflow checkpoints prune --state corrupt` removes it"
_POINTED_ANEW = "the next checkpoint sets it right; so does `ckptflow checkpoints prune --state corrupt`"
_FORGET = "forgotten; `ckptflow repro` makes it again"


class What(StrEnum):
    """What kind of thing a finding is about."""

    MARKER = "marker"
    OBJECT = "object"
    TREE = "tree"
    RECORD = "record"
    CHECKPOINT = "checkpoint"
    RUN = "run"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: what it is, its name in the store, the problem and the remedy.

    `object` is the object to be set aside, `key` the record to be forgotten, where that is the repair.
    """

    what: What
    name: str
    problem: str
    remedy: str
    object: Digest | None = None
    key: ChunkKey | None = None


def verify(store: Store, *, deep: bool) -> Iterator[Finding]:
    """Yield all that is wrong with `store`. Raises `StoreError` only where the store cannot be read at all."""
    try:
        open_store(store)
    except StoreDamaged as error:
        yield Finding(What.MARKER, layout.MARKER, error.message, error.hint or "")
    sizes: dict[Digest, int] = {}
    bad: set[Digest] = set()  # damaged, or listing what is
    yield from _objects(store, deep, sizes, bad)
    yield from _trees(store, sizes, bad)
    yield from _records(store, sizes, bad)
    yield from _checkpoints(store)
    yield from _runs(store, sizes, bad)


def repair(store: Store, findings: Iterable[Finding], log: RecordLog) -> int:
    """Set bad objects aside and forget records that name bad or missing ones; return how many findings that settled.

    The chunks concerned are made again by the next run. Raises `StoreError`.
    """
    objects = Objects(store)
    settled = 0
    for finding in findings:
        if finding.key is not None:
            log.forget(finding.key)
        elif finding.what is What.RUN and finding.object is not None:
            _let_go(store, finding.name, finding.object)
        elif finding.object is not None:
            objects.quarantine(finding.object)
        else:
            continue
        settled += 1
    log.sync()
    return settled


def _objects(store: Store, deep: bool, sizes: dict[Digest, int], bad: set[Digest]) -> Iterator[Finding]:
    objects = Objects(store)
    for entry in store.list(layout.OBJECTS):
        object_ = layout.object_of(entry.name)
        if object_ is None:
            yield Finding(What.STRANGER, entry.name, "not the name of an object", "remove it")
            continue
        sizes[object_] = entry.bytes
        if deep and not objects.check(object_):
            bad.add(object_)
            yield _bad_object(object_)


def _trees(store: Store, sizes: dict[Digest, int], bad: set[Digest]) -> Iterator[Finding]:
    """Check what listings and trees refer to; an object is taken for one by how it begins."""
    for head in (_LISTING, _TREE):  # trees name listings
        for object_ in [o for o in sizes if o not in bad]:
            yield from _tree(store, object_, head, sizes, bad)


def _tree(store: Store, object_: Digest, head: bytes, sizes: dict[Digest, int], bad: set[Digest]) -> Iterator[Finding]:
    name = layout.object_name(object_)
    if _head(store, name, len(head)) != head:
        return
    try:
        data = store.get(name)
        if digest(data) != object_:
            bad.add(object_)
            yield _bad_object(object_)
            return
        wanted = _references(data)
    except NotThere:
        return
    except MalformedDocument:
        return  # bytes of a user's that begin like ours
    lost = [part for part, size in wanted if part in bad or part not in sizes or size not in (None, sizes[part])]
    if lost:
        bad.add(object_)
        problem = f"{len(lost)} of {len(wanted)} objects are missing or damaged, {lost[0]} first"
        yield Finding(What.TREE, name, problem, "`ckptflow repro` makes them again")


def _references(data: bytes) -> list[tuple[Digest, int | None]]:
    """Return the objects that a tree or listing names, with their sizes where it tells them."""
    if data.startswith(_TREE):
        return [(part.object, None if part.listing else part.bytes) for part in Tree.decode(data).parts]
    return [(file.object, file.bytes) for file in Listing.decode(data).files]


def _records(store: Store, sizes: dict[Digest, int], bad: set[Digest]) -> Iterator[Finding]:
    past = Past(store)
    try:
        for damage in past.damage():
            remedy = "the chunk is made again when it is needed; nothing else is lost"
            yield Finding(What.RECORD, f"{damage.segment}:{damage.offset}", damage.problem, remedy)
        for record in past.iter():
            problem = _record_problem(record, sizes, bad)
            if problem is not None:
                yield Finding(What.RECORD, record.key, problem, _FORGET, key=record.key)
    finally:
        past.close()


def _record_problem(record: Record, sizes: dict[Digest, int], bad: set[Digest]) -> str | None:
    for label, part in record.outs.items():
        problem = _part_problem(part, sizes, bad)
        if problem is not None:
            return f"out `{label}` of a chunk of `{record.stage}` {problem}"
    return None


def _part_problem(part: Part, sizes: dict[Digest, int], bad: set[Digest]) -> str | None:
    if part.object in bad:
        return f"names {part.object}, which is damaged or names what is missing"
    size = sizes.get(part.object)
    if size is None:
        return f"names {part.object}, which is not there"
    return None if part.listing or size == part.bytes else f"names {part.object}, which has another size"


def _checkpoints(store: Store) -> Iterator[Finding]:
    return shelf_findings(read_shelf(store, datetime.now(UTC)))


def shelf_findings(shelf: Shelf) -> Iterator[Finding]:
    """Yield what is wrong with checkpoints, and with what points to the latest ones."""
    for document in shelf.documents:
        if document.problem is not None:
            yield Finding(What.CHECKPOINT, document.name, document.problem, _PASSED_OVER)
    for pointer in shelf.pointers.values():
        if pointer.problem is not None:
            yield Finding(What.CHECKPOINT, pointer.name, pointer.problem, _POINTED_ANEW)


class RecordCheck:
    """One look at what records name; nothing is changed, nothing set aside. With `deep` objects are hashed.

    What `elsewhere` holds need not be here.
    """

    def __init__(self, store: Store, *, deep: bool, elsewhere: Elsewhere | None = None) -> None:
        self._objects = Objects(store)
        self._deep = deep
        self._elsewhere = elsewhere
        self._sizes: dict[Digest, int] = {}
        self._bad: set[Digest] = set()
        self.records = 0

    @property
    def objects(self) -> int:
        """How many objects were looked at."""
        return len(self._sizes)

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(self._sizes.values())

    def look(self, records: Iterable[Record]) -> Iterator[Finding]:
        """Yield a finding for each record that names what is missing or bad, with its key, and for each bad object."""
        for record in records:
            self.records += 1
            lost: list[Digest] = []
            for object_ in self._named(record):
                yield from self._see(object_)
                if object_ in self._bad or not self._is_there(object_):
                    lost.append(object_)
            lost += (p.object for p in record.parts if not p.listing and self._sizes.get(p.object, p.bytes) != p.bytes)
            if lost:
                problem = f"a chunk of `{record.stage}` names {lost[0]}, which is missing or damaged"
                yield Finding(What.RECORD, record.key, problem, _FORGET, key=record.key)

    def _see(self, object_: Digest) -> Iterator[Finding]:
        if object_ in self._sizes:
            return
        size = self._objects.size(object_)
        if size is None:
            return
        self._sizes[object_] = size
        if self._deep and not self._objects.check(object_):
            self._bad.add(object_)
            yield _bad_object(object_)

    def _is_there(self, object_: Digest) -> bool:
        return object_ in self._sizes or (self._elsewhere is not None and self._elsewhere.holds(object_))

    def _named(self, record: Record) -> Iterator[Digest]:
        """Yield all objects that a record leads to."""
        for part in record.parts:
            yield part.object
            if part.listing and self._objects.is_here(part.object) and self._objects.check(part.object):
                with suppress(MalformedDocument, NotThere):
                    yield from (file.object for file in Listing.decode(self._objects.get(part.object)).files)


def _runs(store: Store, sizes: dict[Digest, int], bad: set[Digest]) -> Iterator[Finding]:
    """Check the texts that runs name: of the pipeline files and lock files as they were."""
    for entry in store.list(layout.RUNS):
        for path, object_ in _texts(_run(store, entry.name)):
            if object_ not in sizes or object_ in bad:
                problem = f"its `{path}` ({object_[:12]}) is missing or damaged"
                remedy = "that file of that run cannot be looked at any more; the run names it no longer"
                yield Finding(What.RUN, entry.name, problem, remedy, object=object_)


def _run(store: Store, name: str) -> dict[str, Any]:
    try:
        doc = json.loads(store.get(name))
    except (NotThere, ValueError, RecursionError):
        return {}
    return doc if isinstance(doc, dict) else {}


def _texts(run: dict[str, Any]) -> Iterator[tuple[str, Digest]]:
    for part in ("files", "locks"):
        named = run.get(part)
        for path, object_ in named.items() if isinstance(named, dict) else ():
            if is_digest(object_):
                yield path, Digest(object_)


def _let_go(store: Store, name: str, object_: Digest) -> None:
    """Let the document of a run name an object no more."""
    doc = _run(store, name)
    for part in ("files", "locks"):
        if isinstance(doc.get(part), dict):
            doc[part] = {path: named for path, named in doc[part].items() if named != object_}
    store.put(name, (json.dumps(doc, indent=1) + "\n").encode())


def _bad_object(object_: Digest) -> Finding:
    problem = "its bytes are not those that its name says"
    return Finding(What.OBJECT, layout.object_name(object_), problem, _SET_ASIDE, object=object_)


def _head(store: Store, name: str, size: int) -> bytes:
    path = store.local(name)
    try:
        if path is None:
            return store.get(name)[:size]
        with open(path, "rb", buffering=0) as file:
            return file.read(size)
    except (NotThere, FileNotFoundError):
        return b""
    except OSError as error:
        raise StoreError(f"cannot read {name} in {store.url}: {error.strerror}") from error
