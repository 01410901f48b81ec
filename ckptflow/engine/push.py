"""Edge. `push`: the remote gets all finished work that it lacks.

Order: objects, the records that name them, then documents that refer to either (checkpoints, `latest.json`, runs).
What is sent goes in batches, each with a segment of its own: memory is bounded, and after an interruption the next push
goes on behind the last batch. What the remote holds is known from its records, so a push with nothing to do asks for
the marker and four listings, whatever the size of the store.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from typing import Any, TypeVar

from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.locks import hold
from ..checkpoints.remote import FRESH_SECONDS, Remote
from ..checkpoints.rollup import SEGMENTS_MOST, roll_up
from ..checkpoints.sending import Sender, Shipment
from ..checkpoints.trees import get_listing, get_tree
from ..dataclass import dataclass, field
from ..errors import Locked, StoreError
from ..ids import Digest
from ..plan.model import Record
from ..store.marker import Marker, first_stranger
from .documents import Documents, find_documents
from .session import Session, new_run_id
from .survey import Survey, find_files
from .transfer import NO_REFS, Chosen, Lack, LockedOut, Refs, Tally, gate_for, kept_back, locked_outs

BATCH_RECORDS = 4096
BATCH_OBJECTS = 8192
BATCH_BYTES = 256 << 20
_SHIPMENTS_HELD = 32
"""How many shipments are kept from weighing to sending, 5 MB each; those beyond are looked up a second time."""
_AT_ONCE = 8192

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to. `left_out`: records by stage whose objects the store has lost; `missing`: outs of lock files
    of which nobody has all; `merged`: segments that were replaced by merged ones.
    """

    remote: str
    url: str
    objects: int
    bytes: int
    records: int
    documents: int
    requests: int
    seconds: float
    dry: bool
    merged: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    missing: tuple[Lack, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `push --json`."""
        return {
            "remote": self.remote,
            "url": self.url,
            "ok": not self.missing,
            "dry": self.dry,
            "objects": self.objects,
            "bytes": self.bytes,
            "records": self.records,
            "documents": self.documents,
            "merged": self.merged,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "left_out": self.left_out,
            "missing": [lack.to_json() for lack in self.missing],
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class _Batch:
    records: list[Record] = field(default_factory=list)
    objects: list[Digest] = field(default_factory=list)
    bytes: int = 0

    @property
    def full(self) -> bool:
        return len(self.records) >= BATCH_RECORDS or len(self.objects) >= BATCH_OBJECTS or self.bytes >= BATCH_BYTES


@dataclass(slots=True)
class _Load:
    """What is to be sent."""

    shipments: int = 0
    objects: int = 0
    bytes: int = 0
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def push(
    session: Session,
    survey: Survey,
    remote: Remote,
    chosen: Chosen | None = None,
    refs: Refs = NO_REFS,
    *,
    dry: bool = False,
    tally: Tally | None = None,
) -> Pushed:
    """Send what `remote` lacks: of the stages in `chosen`, or all that was ever finished here. With `dry`, say so only.

    Raises `StoreError`; what had arrived by then stays.
    """
    tally, began, notes = tally or Tally(), time.monotonic(), list[str]()
    tally.begin("looking at what is there")
    _connect(remote, dry=dry)
    outs = [out for out in locked_outs(session, survey, chosen, refs, notes) if out.pushed]
    documents = find_documents(session.store, remote, None if chosen is None else frozenset(chosen))
    gate = gate_for(session, remote, outs)
    sender = Sender(remote, session.objects, new_run_id(), sign=gate.sign)
    with closing(_Lacking(session, survey, remote, chosen, outs, documents)) as lacking:
        load, first = _weigh(sender, lacking, dry=dry)
        merged = 0
        if not dry:
            if load.shipments:
                tally.begin("sending", sender.sent)
                tally.expect(load.objects, load.bytes)
                rest = _shipments(sender, lacking) if load.shipments > len(first) else ()
                for shipment in chain(first, rest):
                    sender.ship(shipment)
                    tally.settle(len(shipment.lacking), sum(shipment.lacking.values()))
                load.left_out = Counter(str(record.stage) for record in sender.left_out)
            documents.send(sender, gate)
            merged = _merge(remote, notes)
            if chosen is None:
                _note_all_sent(session, remote, lacking)
        # All outs are looked through once more only where something was amiss.
        missing = tuple(lacking.nowhere()) if dry or lacking.lost or sender.missing or sender.left_out else ()
    return Pushed(
        remote=remote.name,
        url=remote.url,
        objects=load.objects if dry else sender.sent.objects,
        bytes=load.bytes if dry else sender.sent.bytes,
        records=load.records if dry else sender.records,
        documents=len(documents),
        requests=remote.fetched.requests + sender.sent.requests,
        seconds=time.monotonic() - began,
        dry=dry,
        merged=merged,
        left_out=dict(sorted(load.left_out.items())),
        missing=missing,
        notes=tuple(notes),
    )


class _Lacking:
    """What the remote lacks, found anew at each question."""

    def __init__(
        self,
        session: Session,
        survey: Survey,
        remote: Remote,
        chosen: Chosen | None,
        outs: list[LockedOut],
        documents: Documents,
    ) -> None:
        self._objects = session.objects
        self._past = RecordIndex(session.store, session.cache_path if session.location.state.is_dir() else None)
        self._remote = remote
        self._chosen = chosen
        self._back = kept_back(survey.pipeline)
        self._outs = outs
        self._documents = documents
        self.lost = False  # whether something was met that is neither here nor there

    def close(self) -> None:
        self._past.close()

    def batches(self, but: Container[bytes] = ()) -> Iterator[_Batch]:
        """Yield records and objects in portions that memory can hold, objects that no record names last.

        Without objects whose 32 bytes are in `but`, which may grow meanwhile.
        """
        batch = _Batch()
        for record in self.records():
            batch.records.append(record)
            batch.bytes += sum(part.bytes for part in record.outs.values())
            if batch.full:
                yield batch
                batch = _Batch()
        named = {part.object for record in batch.records for part in record.parts}
        reached = chain(chain.from_iterable(map(self._reached, self._outs)), self._documents.objects)
        for group in _groups(name for name in reached if name not in named and bytes.fromhex(name) not in but):
            for name in self._remote.lacks(group):
                size = self._objects.size(name)
                if size is None:
                    self.lost = True
                    continue
                batch.objects.append(name)
                batch.bytes += size
                if batch.full:
                    yield batch
                    batch = _Batch()
        if batch.records or batch.objects:
            yield batch

    def records(self) -> Iterator[Record]:
        """Yield the records that are here and not there, and may go there."""
        theirs = self._remote.mirror.past()
        assert theirs is not None  # it was connected to
        for keys in _groups(self._past.missing_in(theirs)):
            for record in self._past.lookup(keys).values():
                if record.stage not in self._back and (self._chosen is None or record.stage in self._chosen):
                    yield record

    def nowhere(self) -> Iterator[Lack]:
        """Yield the outs of lock files that are whole neither here nor there."""
        for out in self._outs:
            names = list(self._reached(out))
            lost = sum(not self._objects.is_here(n) for group in _groups(names) for n in self._remote.lacks(group))
            if lost:
                problem = f"{lost} of its objects are neither here nor in the remote"
                yield Lack(out.stage, out.path, problem, f"`ckptflow repro {out.stage}` makes them again")

    def _reached(self, out: LockedOut) -> Iterator[Digest]:
        """Yield what an out is made of, as far as that is known here, and last its tree."""
        tree = get_tree(self._objects, out.tree)
        for part in tree.parts if tree is not None else ():
            listing = get_listing(self._objects, part.object) if part.listing else None
            yield from (file.object for file in (listing.files if listing is not None else ()))
            yield part.object
        yield out.tree


def _connect(remote: Remote, *, dry: bool) -> None:
    """Connect, and learn what is there. A remote that is not there yet is made, but not if `dry`."""
    if dry and first_stranger(remote.bucket) is None:
        remote.mirror.begin(Marker(repository="none"))  # so that nothing is known to be there
        return
    remote.connect(create=not dry)
    remote.refresh()
    remote.look(seconds=FRESH_SECONDS)


def _shipments(sender: Sender, lacking: _Lacking, but: Container[bytes] = ()) -> Iterator[Shipment]:
    return (sender.prepare(batch.records, batch.objects) for batch in lacking.batches(but))


def _weigh(sender: Sender, lacking: _Lacking, *, dry: bool) -> tuple[_Load, list[Shipment]]:
    """Count what is to be sent, without sending it; return the first shipments as well.

    Only if `dry` it is made sure that what is meant is here: what is sent is read anyway.
    """
    load, first, seen = _Load(), list[Shipment](), set[bytes]()
    for shipment in _shipments(sender, lacking, seen):
        sizes, whole = shipment.lacking, [record for record, _ in shipment.needs]
        if dry:
            sizes, whole = sender.would_send(shipment)
            load.left_out.update(str(record.stage) for record, _ in shipment.needs)
            load.left_out.subtract(str(record.stage) for record in whole)
        elif len(first) < _SHIPMENTS_HELD:
            first.append(shipment)
        new = {key: size for name, size in sizes.items() if (key := bytes.fromhex(name)) not in seen}
        seen.update(new)
        load.shipments += 1
        load.objects += len(new)
        load.bytes += sum(new.values())
        load.records += len(whole)
    load.left_out = +load.left_out
    return load, first


def _merge(remote: Remote, notes: list[str]) -> int:
    """Merge segments where there are too many. What was sent is safe by now: if that fails it is only told of."""
    try:
        return roll_up(remote, most=SEGMENTS_MOST)
    except StoreError as error:
        notes.append(f"the record segments of the remote could not be merged: {error.message}")
        return 0


def _note_all_sent(session: Session, remote: Remote, lacking: _Lacking) -> None:
    """Remove the file that says that a run left something to be sent, unless a run is going on or has just ended."""
    note = session.location.state / "remotes" / f"{remote.name}.unsent"
    if not note.exists():
        return
    locks = [f"pipeline {file}" for file in find_files(session.location)]
    with suppress(Locked), hold(session.store_root, locks, timeout=0.0):
        if not any(True for _ in lacking.records()):
            note.unlink(missing_ok=True)


def _groups(items: Iterable[_T]) -> Iterator[list[_T]]:
    source = iter(items)
    while group := list(islice(source, _AT_ONCE)):
        yield group
