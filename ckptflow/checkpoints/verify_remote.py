"""Edge. Does a remote hold what its records say? Findings are values; nothing is changed but by `repair`.

Looked at are the segments of records, where they say that objects are (with the sizes that a listing gives; with `deep`
every byte is fetched and hashed), and whether all that a record names is held. A listing that is not in the local
store is fetched to see what it names, and not kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from ..chunk.model import Part
from ..chunk.tree import Listing, MalformedDocument
from ..ids import Digest, Hasher, StageName, digest
from ..plan.model import Record
from ..store import layout, packs
from ..store.objects import Objects
from ..store.packs import Held
from ..store.protocol import NotThere
from .lease import take
from .remote import Remote
from .rollup import merge
from .trees import get_listing
from .verify import Finding, What

_GROUP = 2000
_OBJECTS = 50_000
"""Looked at together: so many that most of a pack is fetched in one request."""
_BLOCK = 8 << 20
_GONE = "which the remote says it has, and it is not there"
_SHORT = "which has another size in the remote"
_OTHER = "whose bytes in the remote are not those that its name says"
_UNHELD = "which the remote does not have"

_T = TypeVar("_T")


class RemoteCheck:
    """One look at a remote. `objects` are the local ones. `progress` hears of (objects, bytes) that were looked at."""

    def __init__(
        self, remote: Remote, objects: Objects, progress: Callable[[int, int], None] = lambda objects, bytes: None
    ) -> None:
        self._remote = remote
        self._objects = objects
        self._progress = progress
        self._bad: dict[Digest, str] = {}
        self._listings: dict[Digest, tuple[Digest, ...] | None] = {}
        self.objects = 0
        self.bytes = 0
        self.records = 0

    def look(self, *, deep: bool, stages: Collection[StageName] | None = None) -> Iterator[Finding]:
        """Yield all that is wrong: with all that is there, or with what records of `stages` name. Raises `StoreError`.

        The remote was connected to and listed.
        """
        past = self._remote.mirror.past()
        assert past is not None
        for damage in past.damage() if stages is None else ():
            remedy = "what it told of counts as not there; nothing else is lost"
            yield Finding(What.RECORD, f"{damage.segment}:{damage.offset}", damage.problem, remedy)
        wanted = None if stages is None else self._named_by(stages)
        sizes = self._sizes()
        for group in _groups((h for h in past.held() if wanted is None or h[0] in wanted), _OBJECTS):
            size = sum(held[0].bytes for _, held in group)
            places = {name: held for name, held in group if self._is_there(name, held, sizes)}
            while deep and places:
                failed = set(self._hash([held.pop(0) for held in places.values()]))
                self._bad.update((name, _OTHER) for name in failed if not places[name])
                places = {name: held for name, held in places.items() if held and name in failed}
            self.objects += len(group)
            self.bytes += size
            self._progress(len(group), size)
        yield from self._records(stages)

    def _sizes(self) -> dict[str, int]:
        found = {entry.name: entry.bytes for prefix in _PREFIXES for entry in self._remote.bucket.list(prefix)}
        self._remote.fetched.add(requests=len(_PREFIXES))
        return found

    def _is_there(self, name: Digest, places: list[Held], sizes: dict[str, int]) -> bool:
        """Leave of the places where an object is said to be those that hold enough bytes; tell whether any is left."""
        problem = _GONE
        for held in list(places):
            size = sizes.get(layout.object_name(name) if held.pack is None else layout.pack_name(held.pack))
            fits = size is not None and (size == held.bytes if held.pack is None else size >= held.offset + held.bytes)
            if not fits:
                places.remove(held)
                problem = problem if size is None else _SHORT
        if not places:
            self._bad[name] = problem
        return bool(places)

    def _hash(self, held: Sequence[Held]) -> list[Digest]:
        """Fetch and hash what is in these places; return the objects that are not right there."""
        work: list[Callable[[], list[Digest]]] = [
            *(partial(self._hash_span, span) for span in packs.spans(h for h in held if h.pack is not None)),
            *(partial(self._hash_loose, h) for h in held if h.pack is None),
        ]
        return [name for names in self._remote.map(_call, work) for name in names]

    def _hash_span(self, span: packs.Span) -> list[Digest]:
        try:
            data = self._remote.bucket.get(layout.pack_name(span.pack), span.start, span.stop - span.start)
        except NotThere:
            return [held.object for held in span.wanted]
        self._remote.fetched.add(bytes=len(data), requests=1)
        starts = ((held, held.offset - span.start) for held in span.wanted)
        return [held.object for held, at in starts if digest(data[at : at + held.bytes]) != held.object]

    def _hash_loose(self, held: Held) -> list[Digest]:
        hasher, name = Hasher(), layout.object_name(held.object)
        try:
            for start in range(0, held.bytes, _BLOCK):
                data = self._remote.bucket.get(name, start, min(_BLOCK, held.bytes - start))
                self._remote.fetched.add(bytes=len(data), requests=1)
                hasher.update(data)
        except NotThere:
            return [held.object]
        return [] if hasher.digest() == held.object else [held.object]

    def _records(self, stages: Collection[StageName] | None) -> Iterator[Finding]:
        """Yield the first thing wrong with what each record names, then the bad objects that were not told of yet."""
        told: set[Digest] = set()
        for records in _groups(self._of(stages), _GROUP):
            self.records += len(records)
            self._read_listings(part for record in records for part in record.outs.values())
            reached = {record.key: list(self._reached(record)) for record in records}
            every = [name for pairs in reached.values() for _, name in pairs]
            held = self._remote.where(every)
            for record in records:
                for label, name in reached[record.key]:
                    problem = self._bad.get(name) or (None if name in held else _UNHELD)
                    if problem is not None:
                        text = f"out `{label}` of a chunk of `{record.stage}` names {name}, {problem}"
                        told.add(name)
                        yield Finding(What.RECORD, record.key, text, _remedy(record.stage), name, record.key)
                        break
        for name in sorted(self._bad.keys() - told):
            problem = f"an object {self._bad[name]}"
            yield Finding(What.OBJECT, layout.object_name(name), problem, _remedy(None), object=name)

    def _of(self, stages: Collection[StageName] | None) -> Iterator[Record]:
        past = self._remote.mirror.past()
        return (r for r in (past.iter() if past is not None else ()) if stages is None or r.stage in stages)

    def _named_by(self, stages: Collection[StageName]) -> set[Digest]:
        found: set[Digest] = set()
        for records in _groups(self._of(stages), _GROUP):
            self._read_listings(part for record in records for part in record.outs.values())
            found.update(name for record in records for _, name in self._reached(record))
        return found

    def _reached(self, record: Record) -> Iterator[tuple[str, Digest]]:
        """Yield (label, object) of all that a record names. A listing that cannot be read is bad."""
        for label, part in record.outs.items():
            yield label, part.object
            if part.listing:
                files = self._listings[part.object]
                if files is None:
                    self._bad.setdefault(part.object, _OTHER)
                yield from ((label, name) for name in files or ())

    def _read_listings(self, parts: Iterable[Part]) -> None:
        names = [p.object for p in parts if p.listing and p.object not in self._listings]
        new = [name for name in dict.fromkeys(names) if name not in self._bad]
        self._listings.update(dict.fromkeys(names, ()))  # of one that is bad already, nothing more need be told
        held = self._remote.where(new)
        for name, data in zip(new, self._remote.map(partial(self._peek, held), new), strict=True):
            self._listings[name] = () if name not in held and data is None else _files(data, name)

    def _peek(self, held: dict[Digest, Held], name: Digest) -> bytes | None:
        if self._objects.is_here(name) and (listing := get_listing(self._objects, name)) is not None:
            return listing.encode()
        place = held.get(name)
        if place is None:
            return None
        stored = layout.object_name(name) if place.pack is None else layout.pack_name(place.pack)
        self._remote.fetched.add(requests=1)
        try:
            return self._remote.bucket.get(stored, place.offset, place.bytes)
        except NotThere:
            return None


def repair(remote: Remote, findings: Iterable[Finding]) -> int:
    """Let the remote tell no more of what was found bad or missing, nor have records that name it; return how many
    findings that settled. `push` then sends it again from where it is, and a run makes it again.

    Raises `StoreError`, and `Locked` where somebody else cleans up the remote.
    """
    some = [finding for finding in findings if finding.object is not None]
    objects = {finding.object for finding in some if finding.object is not None}
    keys = {finding.key for finding in some if finding.key is not None}
    if not some:
        return 0
    with take(remote.bucket, f"verify-{os.urandom(4).hex()}") as lease:
        remote.refresh()
        past = remote.mirror.past()
        strange = {damage.segment for damage in past.damage()} if past is not None else set()
        merge(remote, remote.mirror.segments().keys() - strange, lease, objects=objects, keys=keys)
    return len(some)


_PREFIXES = (layout.OBJECTS, layout.PACKS)


def _remedy(stage: StageName | None) -> str:
    again = f"a run of `{stage}` makes it again; " if stage is not None else ""
    return f"{again}with `--repair` the remote tells of it no more, and `ckptflow push` sends it from where it is"


def _files(data: bytes | None, name: Digest) -> tuple[Digest, ...] | None:
    try:
        listing = Listing.decode(data) if data is not None and digest(data) == name else None
    except MalformedDocument:
        return None
    return None if listing is None else tuple(file.object for file in listing.files)


def _groups(items: Iterable[_T], most: int) -> Iterator[list[_T]]:
    source = iter(items)
    while group := list(islice(source, most)):
        yield group


def _call(task: Callable[[], _T]) -> _T:
    return task()
