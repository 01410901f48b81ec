"""Edge. What was put away is had back: `checkpoints restore`, and what there is to be had back.

A document moves back to its name and is the latest of its stage again. A record that was forgotten is recorded again,
if the objects that it names are still there: then the chunk is done as it was. Otherwise nothing of it can be had back,
and it is said that a run makes it again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..checkpoints import trash
from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.kept import point_to, usable_checkpoint
from ..checkpoints.manifest import BadCheckpoint, Checkpoint, split_name
from ..checkpoints.oplog import OperationLog
from ..checkpoints.shelf import Document, Shelf
from ..checkpoints.trash import Trashed
from ..checkpoints.trees import is_present
from ..dataclass import dataclass, replace
from ..errors import CheckpointNotFound, StoreError
from ..ids import ChunkKey
from ..plan.model import Record
from ..store import layout
from ..store.protocol import NotThere, Store
from .away import behind, counted, files_of, log_behind, shared_remote, writing
from .session import Session
from .shelves import TIME, CheckpointView, Shelves, named, pipeline_of, view
from .targets import CHUNKS

if TYPE_CHECKING:
    from ..checkpoints.remote import Remote


@dataclass(frozen=True, slots=True)
class Restored:
    """What is back: documents, and how many records of which stages. `latest`: the documents that `latest.json` points
    to now. `notes` say what is not back, and why.
    """

    documents: tuple[CheckpointView, ...] = ()
    records: tuple[tuple[str, int], ...] = ()
    latest: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "checkpoints": [each.to_json() for each in self.documents],
            "records": dict(self.records),
            "latest": list(self.latest),
            "notes": list(self.notes),
        }


def restore(shelves: Shelves, targets: Sequence[str] = (), *, ops: OperationLog | None = None) -> Restored:
    """Bring back what was put away: what the targets name (ids, files, stages, `STAGE#chunks`), or what the last
    command took. The newest checkpoint that is brought back is the latest of its stage again; one that is named and was
    never put away is made the latest.

    Records count again where the objects that they name are still there. Raises `StoreError`, `Locked`,
    `CheckpointNotFound`.
    """
    session, ops = shelves.session, ops or OperationLog()
    pipeline = pipeline_of(session)
    with writing(session, files_of(session, pipeline, None)):
        shelf = shelves.read()
        bins = [(store, trash.contents(store)) for store in shelves.stores]
        wanted, standing = _wanted(bins, shelf, targets)
        notes: list[str] = []
        back: dict[str, None] = {}
        for store, found in bins:
            for each in found:
                if each in wanted and not each.is_records:
                    _put_back(store, each, back, notes, ops)
        records = _restore_records(shelves, bins, wanted, targets, notes, ops)
        names = (*back, *(document.name for document in standing))
        latest = tuple(_point_back(shelves, names, ops))
        now = {document.name: document for document in shelves.read().documents}
        for store, _ in bins:
            store.sync()
        if records:
            session.cache.drop_documents("fresh")
        return Restored(
            tuple(view(now[name]) for name in dict.fromkeys(names) if name in now),
            tuple(sorted(records.items())),
            latest,
            tuple(dict.fromkeys(notes)),
        )


def trashed_views(shelves: Shelves) -> list[CheckpointView]:
    """Return the checkpoints that can be brought back, what was put away last first."""
    found: dict[tuple[str, str], CheckpointView] = {}
    for store in shelves.stores:
        for each in trash.contents(store):
            if each.is_records or (each.folder, each.name) in found:
                continue
            found[each.folder, each.name] = _view_in_trash(store, each)
    return sorted(found.values(), key=lambda seen: seen.trashed or "", reverse=True)


def trashed_records(shelves: Shelves) -> dict[tuple[str, str], int]:
    """Return how many forgotten records of (stage, when) can be brought back."""
    found: dict[tuple[str, str], set[ChunkKey]] = {}
    for store in shelves.stores:
        for each in trash.contents(store):
            for record in trash.read_records(store, each) if each.is_records else ():
                found.setdefault((record.stage, _when(each)), set()).add(record.key)
    return {key: len(keys) for key, keys in sorted(found.items())}


_Bins = list[tuple[Store, list[Trashed]]]


def _wanted(bins: _Bins, shelf: Shelf, targets: Sequence[str]) -> tuple[set[Trashed], list[Document]]:
    """Return what of the trash is meant, and the documents that are named and stand in their place."""
    every = [each for _, found in bins for each in found]
    if not targets:
        if not every:
            raise CheckpointNotFound("the trash", hint="nothing was put away, or `gc` has removed it since")
        last = max(every, key=lambda each: (each.when, each.folder)).folder
        return {each for each in every if each.folder == last}, []
    wanted: set[Trashed] = set()
    standing: list[Document] = []
    for target in targets:
        found = {each for store, some in bins for each in some if _is_meant(store, each, target)}
        document = named(shelf, target)
        if not found and document is None:
            raise CheckpointNotFound(target, hint="`ckptflow checkpoints list --trash` shows what can be had back")
        if document is not None and document.problem is None:
            standing.append(document)
        wanted |= _latest_of_each(found)
    return wanted, standing


def _is_meant(store: Store, each: Trashed, target: str) -> bool:
    match = CHUNKS.fullmatch(target)
    if each.is_records:
        stage = match["stage"] if match is not None else target
        return any(record.stage == stage for record in trash.read_records(store, each))
    if match is not None:
        return False
    file = each.name.rpartition("/")[2]
    parts = split_name(file)
    assert parts is not None
    component = each.name.removeprefix(layout.CHECKPOINTS).partition("/")[0]
    stage = layout.dataset_of(component) or component
    return target in (stage, f"{stage}_{parts[1]}", file, each.name)


def _latest_of_each(found: Iterable[Trashed]) -> set[Trashed]:
    """Return of several things of one name the one that was put away last; all files of records."""
    latest: dict[str, Trashed] = {}
    for each in sorted(found, key=lambda each: (each.when, each.folder)):
        latest[each.folder if each.is_records else each.name] = each
    return set(latest.values())


def _put_back(store: Store, each: Trashed, back: dict[str, None], notes: list[str], ops: OperationLog) -> None:
    if trash.put_back(store, each):
        back[each.name] = None
        ops.info(f"checkpoint {each.name} restored")
    elif each.name not in back:
        notes.append(f"{each.name} is not restored: something of that name is there")


def _restore_records(
    shelves: Shelves,
    bins: _Bins,
    wanted: Collection[Trashed],
    targets: Sequence[str],
    notes: list[str],
    ops: OperationLog,
) -> dict[str, int]:
    """Record again what was forgotten, as far as its objects are there; return how many records of each stage."""
    session = shelves.session
    found: dict[ChunkKey, Record] = {}
    for store, some in bins:
        for each in some:
            if each in wanted and each.is_records:
                found.update({record.key: record for record in trash.read_records(store, each)})
    stages = {m["stage"] if (m := CHUNKS.fullmatch(target)) else target for target in targets}
    records = [record for record in found.values() if not targets or record.stage in stages]
    if not records:
        return {}
    with shared_remote(shelves) as remote:
        session.objects.elsewhere = remote
        index = RecordIndex(session.store, session.cache_path)
        try:
            known = index.having(record.key for record in records)
        finally:
            index.close()
        good = [r for r in records if r.key not in known and all(is_present(session.objects, p) for p in r.parts)]
        log = log_behind(session)
        for record in good:
            log.add(record)
        log.sync()
        if remote is not None and good:
            _send(session, remote, good)
        session.objects.elsewhere = None
    _tell_lost(records, good, known, notes)
    _drop_done(bins, wanted, {r.key for r in good} | known)
    restored = counted(good)
    for stage, number in restored.items():
        ops.info(f"{number} chunk(s) of {stage} restored")
    return restored


def _send(session: Session, remote: Remote, records: Sequence[Record]) -> None:
    from ..checkpoints.sending import Sender
    from .gate import Gate

    Sender(remote, session.objects, behind(remote.mirror.segments()), sign=Gate(session, remote).sign).send(records)


def _tell_lost(
    records: Sequence[Record], good: Sequence[Record], known: Collection[ChunkKey], notes: list[str]
) -> None:
    for stage, number in counted(r for r in records if r.key in known).items():
        notes.append(f"{number} chunk(s) of {stage} not restored: made again since")
    lost = [r for r in records if r.key not in known and r not in good]
    for stage, number in counted(lost).items():
        notes.append(f"{number} chunk(s) of {stage} not restored: the objects are gone; a run makes them again")


def _drop_done(bins: _Bins, wanted: Collection[Trashed], keys: Collection[ChunkKey]) -> None:
    """Let the trash hold no more of the records that count again."""
    for store, some in bins:
        for each in some:
            if each not in wanted or not each.is_records:
                continue
            left = [record for record in trash.read_records(store, each) if record.key not in keys]
            if left:
                trash.put_records_away(store, left, each.folder)
            else:
                store.delete(each.where)


def _point_back(shelves: Shelves, names: Iterable[str], ops: OperationLog) -> Iterator[str]:
    """Let `latest.json` of each stage point to the newest of these documents that is valid; yield their names."""
    shelf = shelves.read()
    wanted = set(names)
    for stage in dict.fromkeys(document.stage for document in shelf.documents):
        newest = next((d for d in shelf.of(stage) if d.name in wanted and d.problem is None), None)
        if newest is None:
            continue
        for store in shelves.stores:
            with suppress(NotThere, BadCheckpoint, StoreError):
                checkpoint = usable_checkpoint(store, stage, newest.name.rpartition("/")[2])
                point_to(store, newest.name, checkpoint)
        ops.info(f"{layout.latest_name(stage)} points to {newest.name} now")
        yield newest.name


def _view_in_trash(store: Store, each: Trashed) -> CheckpointView:
    file = each.name.rpartition("/")[2]
    parts = split_name(file)
    assert parts is not None
    component = each.name.removeprefix(layout.CHECKPOINTS).partition("/")[0]
    stage = layout.dataset_of(component) or component
    document = Document(each.name, stage, parts[1], parts[2].value, problem="damaged")
    with suppress(ValueError, RecursionError, StoreError):
        checkpoint = Checkpoint.from_dict(json.loads(store.get(each.where)))
        if checkpoint.dataset == stage:
            document = replace(document, checkpoint=checkpoint, problem=None)
    return view(document, _when(each))


def _when(each: Trashed) -> str:
    return datetime.strptime(each.when, "%Y%m%d%H%M%S").strftime(TIME)
