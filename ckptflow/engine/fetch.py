"""Edge. `fetch`: the store here gets what lock files name, and the records of the chunks that made it.

First the trees, which tell what there is to fetch; then all objects that are not here; then the records, so that a run
without the remote finds those chunks done. A record counts as one of an out only if all that it names are parts of the
outs that the lock file names: what a remote says of other keys is not taken over. Each object that arrives is kept, so
an interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.records import Durability, RecordLog
from ..checkpoints.remote import Remote
from ..checkpoints.trees import get_listing, get_tree, is_present
from ..checkpoints.trust import marked
from ..chunk.model import Part
from ..chunk.tree import Tree
from ..dataclass import dataclass, field
from ..errors import StoreDamaged
from ..ids import Digest, StageName
from ..plan.model import Record
from ..store.local import LocalStore
from ..store.objects import Objects
from .gate import Gate
from .session import Session, new_run_id
from .survey import Survey
from .transfer import NO_REFS, Chosen, Lack, LockedOut, Refs, Tally, gate_for, locked_outs

AT_ONCE = 20_000
"""Objects that are looked up and fetched together."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch came to. `outs`: how many were looked at, `complete`: of how many all is here now."""

    remote: str
    url: str
    objects: int
    bytes: int
    records: int
    requests: int
    seconds: float
    dry: bool
    outs: int
    complete: int
    missing: tuple[Lack, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `fetch --json`."""
        return {
            "remote": self.remote,
            "url": self.url,
            "ok": not self.missing,
            "dry": self.dry,
            "objects": self.objects,
            "bytes": self.bytes,
            "records": self.records,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "outs": {"total": self.outs, "complete": self.complete},
            "missing": [lack.to_json() for lack in self.missing],
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class _Wanted:
    """An out, and what it is made of as far as that is known."""

    out: LockedOut
    tree: Tree | None
    refused: str | None = None
    objects: list[Digest] = field(default_factory=list)


def fetch(
    session: Session,
    survey: Survey,
    remote: Remote,
    chosen: Chosen | None = None,
    refs: Refs = NO_REFS,
    *,
    dry: bool = False,
    tally: Tally | None = None,
) -> Fetched:
    """Bring what the lock files name of the stages in `chosen`, or of all. With `dry`, say only what that would be.

    Raises `StoreError`; what had arrived by then stays.
    """
    began, notes = time.monotonic(), list[str]()
    tally = tally or Tally()
    tally.begin("looking at what is there")
    remote.connect()
    remote.refresh()
    outs = [out for out in locked_outs(session, survey, chosen, refs, notes) if out.out is not None or refs]
    with TemporaryDirectory(prefix="ckptflow-") as folder:
        fetching = _Fetch(session, remote, gate_for(session, remote, outs), Path(folder) if dry else None)
        wanted = fetching.trees(outs)
        records = fetching.records(wanted)
        load = fetching.fetch(wanted, tally)
        taken = 0 if dry else fetching.take_over(records)
        missing = tuple(fetching.missing(wanted))
        complete = sum(fetching.is_complete(item) for item in wanted)
    return Fetched(
        remote=remote.name,
        url=remote.url,
        objects=load[0] if dry else remote.fetched.objects,
        bytes=load[1] if dry else remote.fetched.bytes,
        records=len(records) if dry else taken,
        requests=remote.fetched.requests,
        seconds=time.monotonic() - began,
        dry=dry,
        outs=len(outs),
        complete=complete,
        missing=missing,
        notes=tuple(notes),
    )


class _Fetch:
    """One fetch. `aside`: where trees and listings go that are only looked at, None where they go to the store."""

    def __init__(self, session: Session, remote: Remote, gate: Gate, aside: Path | None) -> None:
        self._session = session
        self._remote = remote
        self._gate = gate
        self._store = remote.store
        self._objects = session.objects
        self._dry = aside is not None
        self._bad: set[Digest] = set()
        self._looked_at = self._objects
        if aside is not None:
            remote.store = LocalStore(aside)
            self._looked_at = _Both(session.objects, remote.store)

    def trees(self, outs: list[LockedOut]) -> list[_Wanted]:
        """Bring the trees, and return what they tell."""
        self._bring(out.tree for out in outs)
        return [_Wanted(out, get_tree(self._looked_at, out.tree)) for out in outs]

    def records(self, wanted: list[_Wanted]) -> list[Record]:
        """Return the records of the remote that made what is wanted and that the store lacks. Refuse outs that are
        not here, run code when they are loaded, and have parts that no record vouches for.
        """
        parts: dict[tuple[StageName, str], set[Part]] = {}
        for item in wanted:
            parts.setdefault((item.out.stage, item.out.label), set()).update(item.tree.parts if item.tree else ())
        asked = [item for item in wanted if item.out.code and not self._gate.trusts and self._is_lacking(item.tree)]
        theirs = self._remote.mirror.past()
        assert theirs is not None  # it was connected to
        path = self._session.cache_path if self._session.location.state.is_dir() else None
        vouched: set[tuple[StageName, str, Digest]] = set()
        found: list[Record] = []
        with closing(RecordIndex(self._session.store, path)) as own:
            # Whether objects may be loaded is asked of all records; else only those are read that are not here.
            for records in _groups(theirs.iter() if asked else _lookup(theirs, own), 500):
                mine = own.having(record.key for record in records) if asked else set()
                for record in records:
                    known = [
                        label for label, part in record.outs.items() if part in parts.get((record.stage, label), ())
                    ]
                    if not known or not self._gate.admitted(record.stage, {record.key: record}):
                        continue
                    vouched.update((record.stage, label, record.outs[label].object) for label in known)
                    if len(known) == len(record.outs) and record.key not in mine:
                        found.append(record)
        for item in asked:
            stage, label = item.out.stage, item.out.label
            lacking = (n for n in self._objects_of(item.tree) if not self._objects.is_here(n))
            if any((stage, label, name) not in vouched for name in lacking):
                unknown = f"the remote has no record of `{stage}` that names it, and to load it may run code"
                item.refused = self._gate.refused.get(stage, unknown)
        return found

    def fetch(self, wanted: list[_Wanted], tally: Tally) -> tuple[int, int]:
        """Bring all objects that are not here; return how many and how many bytes that are."""
        admitted = [item for item in wanted if item.refused is None]
        self._bring(p.object for item in admitted for p in (item.tree.parts if item.tree else ()) if p.listing)
        lacking: dict[Digest, None] = {}
        for item in admitted:
            item.objects = [item.out.tree, *self._reached(item.tree)]
            lacking.update((name, None) for name in item.objects if not self._objects.is_here(name))
        names = list(lacking)
        tally.begin("fetching", self._remote.fetched)
        load = [0, 0]
        for group in _groups(names, AT_ONCE):
            held = self._remote.where(group)
            load[0] += len(held)
            load[1] += sum(h.bytes for h in held.values())
        tally.expect(*load)
        if not self._dry:
            self._bring(names)
        return load[0], load[1]

    def take_over(self, records: list[Record]) -> int:
        """Note in the store that the chunks are done whose objects are all here; return how many."""
        self._store.sync()  # the objects first
        log = RecordLog(self._store, new_run_id(), durability=Durability(self._session.settings.durability))
        taken = 0
        for record in records:
            if all(is_present(self._objects, part) for part in record.outs.values()):
                log.add(record if self._gate.vouches(record) else marked(record, self._remote.name))
                taken += 1
        log.sync()
        return taken

    def missing(self, wanted: list[_Wanted]) -> Iterator[Lack]:
        """Yield what is not to be had, but for what remotes are not to have."""
        remote = self._remote.name
        for item in wanted:
            out, lost = item.out, [name for name in item.objects if not self._is_to_be_had(name)]
            again = f"`ckptflow repro {out.stage}` makes it again"
            if item.refused is not None:
                yield Lack(out.stage, out.path, item.refused, again)
            elif any(name in self._bad for name in lost):
                hint = f"{again}; `ckptflow verify -r {remote}` checks the remote"
                yield Lack(out.stage, out.path, f"the remote `{remote}` has it damaged", hint, damaged=True)
            elif lost and out.pushed:
                some = f" {len(lost)} of its {len(item.objects)} objects" if len(lost) < len(item.objects) else " it"
                hint = f"`ckptflow push` from where it was made, or {again}"
                yield Lack(out.stage, out.path, f"the remote `{remote}` does not have{some}", hint)

    def is_complete(self, item: _Wanted) -> bool:
        """Tell whether all of an out is here, or with `dry` would be."""
        return item.refused is None and all(map(self._is_to_be_had, item.objects))

    def _bring(self, names: Iterable[Digest]) -> None:
        """Bring what of `names` is held there and is not here."""
        for group in _groups((n for n in dict.fromkeys(names) if not self._objects.is_here(n)), AT_ONCE):
            try:
                self._remote.fetch(group)
            except StoreDamaged as error:
                self._bad.update(map(Digest, error.objects))

    def _reached(self, tree: Tree | None) -> Iterator[Digest]:
        for part in tree.parts if tree is not None else ():
            yield part.object
            listing = get_listing(self._looked_at, part.object) if part.listing else None
            yield from (file.object for file in (listing.files if listing is not None else ()))

    def _is_lacking(self, tree: Tree | None) -> bool:
        return not all(map(self._objects.is_here, self._objects_of(tree)))

    @staticmethod
    def _objects_of(tree: Tree | None) -> Iterator[Digest]:
        return (part.object for part in tree.parts) if tree is not None else iter(())

    def _is_to_be_had(self, name: Digest) -> bool:
        return self._objects.is_here(name) or (self._dry and self._remote.holds(name))


class _Both(Objects):
    """The objects of `store`, and before them `first`."""

    __slots__ = ("_first",)

    def __init__(self, first: Objects, store: LocalStore) -> None:
        super().__init__(store)
        self._first = first

    def get(self, object_: Digest) -> bytes:
        """See `Objects.get`."""
        return self._first.get(object_) if self._first.is_here(object_) else super().get(object_)


def _lookup(theirs: RecordIndex, own: RecordIndex) -> Iterator[Record]:
    for keys in _groups(theirs.missing_in(own), 500):
        yield from theirs.lookup(keys).values()


def _groups(items: Iterable[_T], most: int) -> Iterator[list[_T]]:
    source = iter(items)
    while group := list(islice(source, most)):
        yield group
