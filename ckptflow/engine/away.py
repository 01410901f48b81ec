"""Edge. Checkpoints and records that are put away: `checkpoints prune` and `checkpoints remove`.

Nothing is deleted: documents move to the trash of the store, and what was recorded of a chunk is kept there before it
is forgotten, so that both can be had back (`restoring`) while `gc` keeps them. Whoever changes something holds the lock
of the pipeline files concerned, as a run does. Where the runs of this project share a remote, records are forgotten
there as well: else the next run would find them there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..checkpoints import lines, trash
from ..checkpoints.kept import point_to
from ..checkpoints.locks import hold, share
from ..checkpoints.manifest import oldest_first, to_remove
from ..checkpoints.oplog import OperationLog
from ..checkpoints.records import Durability, RecordLog, segments
from ..checkpoints.shelf import Document, Pointer, Shelf
from ..checkpoints.verify import Finding, What
from ..dataclass import dataclass, replace
from ..errors import CheckpointNotFound, UsageError
from ..ids import StageName
from ..plan.model import FORGOTTEN, Record
from ..spec.model import Keeping, Pipeline
from ..store import layout
from ..store.objects import Objects
from .session import Session, new_run_id
from .shelves import Asked, CheckpointView, Shelves, choose, is_older, named, pipeline_of, stages_of, view
from .stored import ChunkStatus, Held, StoredChunk, chunk_chooser, stored_chunks
from .survey import Survey, find_files, read_pipeline
from .targets import CHUNKS, check_chunks

if TYPE_CHECKING:
    from ..checkpoints.remote import Remote


@dataclass(frozen=True, slots=True)
class Going:
    """A checkpoint that goes, and why."""

    checkpoint: CheckpointView
    why: str


@dataclass(frozen=True, slots=True)
class PutAway:
    """What goes, or would go (`done` says which): documents, and chunks whose records are forgotten; `pointers` that
    are set right. `kept` documents stay. `folder` is where in the trash it is.
    """

    documents: tuple[Going, ...] = ()
    chunks: tuple[StoredChunk, ...] = ()
    pointers: tuple[str, ...] = ()
    kept: int = 0
    done: bool = False
    folder: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.documents or self.chunks or self.pointers)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "done": self.done,
            "checkpoints": [{**each.checkpoint.to_json(), "why": each.why} for each in self.documents],
            "chunks": [chunk.to_json() for chunk in self.chunks],
            "pointers": list(self.pointers),
            "kept": self.kept,
            "trash": self.folder,
        }


def prune(
    shelves: Shelves,
    targets: Sequence[str],
    *,
    keep: int | None = None,
    older_than: float | None = None,
    corrupt: bool = False,
    yes: bool = False,
    ops: OperationLog | None = None,
) -> PutAway:
    """Put old checkpoints away: of each stage those beyond `keep` (unless given, what the stage says), and those that
    were last updated `older_than` seconds ago. The newest valid one stays, and none goes before an older one.

    With `corrupt` just what is damaged goes: documents, and records of chunks whose objects are missing or, when they
    are hashed, bad. Raises `StoreError`, `Locked`, `CheckpointNotFound`.
    """
    session = shelves.session
    pipeline = pipeline_of(session)

    def plan() -> tuple[PutAway, Held | None, tuple[Finding, ...]]:
        shelf = shelves.read()
        asked = choose(pipeline, shelf, targets)
        if not corrupt:
            going = tuple(_old(shelf, pipeline, _whole(asked), keep, older_than))
            return PutAway(going, kept=len(shelf.documents) - len(going)), None, ()
        bad = tuple(_damaged(shelves, asked))
        pointers = tuple(
            p.name for p in _pointers(shelves) if p.problem and (asked.stages is None or p.stage in asked.stages)
        )
        held, findings = _corrupt_chunks(shelves, asked)
        chunks = tuple(c for c in held.chunks if c.state is ChunkStatus.CORRUPT) if held is not None else ()
        return PutAway(bad, chunks, pointers, len(shelf.documents) - len(bad)), held, findings

    if not yes:
        return plan()[0]
    with writing(session, files_of(session, pipeline, None)):
        found, held, findings = plan()
        return _carry_out(shelves, found, held, ops or OperationLog(), findings)


def remove(shelves: Shelves, targets: Sequence[str], *, yes: bool = False, ops: OperationLog | None = None) -> PutAway:
    """Put away the checkpoints of these ids or file names, and forget the records of chunks `STAGE#chunks`, and of
    stages that are not chunked as `STAGE#0`. Raises `StoreError`, `Locked`, `CheckpointNotFound`, `TargetNotFound`.
    """
    session = shelves.session

    def plan() -> tuple[PutAway, Held | None]:
        shelf = shelves.read()
        documents: dict[str, Document] = {}
        chunks = [target for target in targets if CHUNKS.fullmatch(target)]
        for target in targets:
            if target in chunks:
                continue
            found = named(shelf, target)
            if found is None:
                stages_of(pipeline_of(session), shelf, target)  # raises where it is no stage either
                raise UsageError(
                    f"`{target}` is a stage, and no checkpoint",
                    hint=f"name checkpoints by id, or chunks: `{target}#0..9`; `prune {target} --keep 1` thins out",
                )
            documents[found.name] = found
        going = tuple(Going(view(document), "named") for document in documents.values())
        held, forgotten = _named_chunks(session, chunks) if chunks else (None, ())
        return PutAway(going, forgotten, kept=len(shelf.documents) - len(going)), held

    if not yes:
        return plan()[0]
    stages = {m["stage"] for target in targets if (m := CHUNKS.fullmatch(target))}
    with writing(session, files_of(session, pipeline_of(session), stages if len(stages) == len(targets) else None)):
        found, held = plan()
        return _carry_out(shelves, found, held, ops or OperationLog(), ())


# ---- what goes


def _old(
    shelf: Shelf, pipeline: Pipeline | None, asked: Asked, keep: int | None, older_than: float | None
) -> Iterator[Going]:
    """Yield the checkpoints that are too many or too old, of each stage the oldest first."""
    for stage in dict.fromkeys(document.stage for document in shelf.documents):
        mine = {d.name.rpartition("/")[2]: d for d in shelf.of(stage) if d.problem is None}
        newest = shelf.newest(stage)
        declared = pipeline.stages.get(StageName(stage)) if pipeline is not None else None
        limit = keep if keep is not None else declared.checkpoint.keep if declared is not None else Keeping().keep
        beyond = set(to_remove(mine, limit))
        for file in oldest_first(mine):
            document = mine[file]
            if document is newest or not asked.means(document):
                continue
            if file in beyond:
                yield Going(view(document), f"beyond the {limit} that are kept")
            elif older_than is not None and is_older(document, older_than):
                yield Going(view(document), "older than asked")


def _whole(asked: Asked) -> Asked:
    """Return what was asked for, if that is stages: one checkpoint may not go before an older one."""
    if asked.files:
        file = min(asked.files).rpartition("/")[2]
        raise UsageError(
            f"`{file}` is one checkpoint, and no stage", hint="`ckptflow checkpoints remove` takes it away"
        )
    return asked


def _damaged(shelves: Shelves, asked: Asked) -> Iterator[Going]:
    """Yield the documents that are damaged in any place."""
    seen: set[str] = set()
    for _, shelf in shelves.each():
        for document in reversed(shelf.documents):
            if document.problem is not None and document.name not in seen and asked.means(document):
                seen.add(document.name)
                yield Going(view(document), document.problem)


def _pointers(shelves: Shelves) -> list[Pointer]:
    return [pointer for _, shelf in shelves.each() for pointer in shelf.pointers.values()]


def _corrupt_chunks(shelves: Shelves, asked: Asked) -> tuple[Held | None, tuple[Finding, ...]]:
    """Return what is stored of the stages, their objects hashed; None where nothing was ever recorded."""
    from .rehash import rehash

    session = shelves.session
    survey = read_pipeline(session)
    stages = frozenset(n for n in survey.pipeline.stages if asked.stages is None or n in asked.stages)
    findings = rehash(shelves, stages).findings
    if not findings:
        return None, ()
    return stored_chunks(session, survey, stages, findings), findings


def _named_chunks(session: Session, targets: Sequence[str]) -> tuple[Held, tuple[StoredChunk, ...]]:
    """Return what is stored of the stages, and the chunks that the targets name and that something is recorded of."""
    survey = read_pipeline(session)
    chosen: dict[StageName, list[Callable[[StoredChunk], bool]]] = {}
    for target in targets:
        match = CHUNKS.fullmatch(target)
        assert match is not None
        for stage in stages_of(survey.pipeline, Shelf((), {}), match["stage"]):
            one = chunk_chooser(session, StageName(stage), match["which"])
            chosen.setdefault(StageName(stage), []).append(one if match["which"] == "stale" else _current(one))
    held = stored_chunks(session, survey, frozenset(chosen))
    check_chunks(survey.pipeline, targets, {name: run.chunks for name, run in held.runs.items() if run.chunks})
    found = tuple(chunk for chunk in held.chunks if any(chooses(chunk) for chooses in chosen[StageName(chunk.stage)]))
    if not found:
        raise CheckpointNotFound(", ".join(targets), hint="`ckptflow checkpoints list --chunks` shows what is stored")
    return held, found


def _current(chooses: Callable[[StoredChunk], bool]) -> Callable[[StoredChunk], bool]:
    """Numbers mean chunks as they are cut now, not those of the past that stood in their places."""
    return lambda chunk: chunk.state is not ChunkStatus.STALE and chooses(chunk)


# ---- doing it


@contextmanager
def writing(session: Session, files: Collection[str]) -> Iterator[None]:
    """Hold the locks of the pipeline files, as a run does. Raises `Locked` where a living run has them."""
    patience = session.settings.lock_timeout or 0.0
    run = new_run_id()
    if not session.store_root.is_dir():
        yield
        return
    with (
        share(session.store_root, run=run, timeout=patience),
        hold(session.store_root, [f"pipeline {file}" for file in files], run=run, timeout=patience),
    ):
        yield


def files_of(session: Session, pipeline: Pipeline | None, stages: Collection[str] | None) -> frozenset[str]:
    """Return the pipeline files whose stages are concerned: all, where `stages` is None or names what is no stage."""
    everything = frozenset(find_files(session.location))
    if pipeline is None or stages is None:
        return everything
    found: set[str] = set()
    for target in stages:
        for name in stages_of(pipeline, Shelf((), {}), target):
            found.add(pipeline.stages[StageName(name)].file)
    return frozenset(found)


def _carry_out(
    shelves: Shelves, plan: PutAway, held: Held | None, ops: OperationLog, findings: Sequence[Finding]
) -> PutAway:
    if plan.is_empty and not findings:
        return replace(plan, done=True)
    session = shelves.session
    folder = trash.new_folder(datetime.now(UTC))
    for going in plan.documents:
        for store in shelves.stores:
            trash.put_away(store, going.checkpoint.file, folder)
        ops.info(f"checkpoint {going.checkpoint.file} put away: {going.why}")
    if held is not None and plan.chunks:
        records = [held.records[key] for key in {c.key: None for c in plan.chunks} if key in held.records]
        for store in shelves.stores if records else ():
            trash.put_records_away(store, records, folder)
        _unsettle(session, plan.chunks, held)
        _forget(shelves, plan.chunks, ops)
    _set_aside(shelves, findings)
    stages = {going.checkpoint.stage for going in plan.documents}
    stages |= {pointer.stage for pointer in _pointers(shelves) if pointer.name in plan.pointers}
    for stage in sorted(stages):
        _point_anew(shelves, stage, ops)
    for store in shelves.stores:
        store.sync()
    return replace(plan, done=True, folder=folder.rstrip("/"))


def _forget(shelves: Shelves, chunks: Sequence[StoredChunk], ops: OperationLog) -> None:
    """Let what is recorded of chunks be used no more, finished or not: in the remote that runs share, and here."""
    session = shelves.session
    keys = dict.fromkeys(chunk.key for chunk in chunks)
    with shared_remote(shelves) as remote:
        if remote is not None:
            text = b"".join(map(lines.encode_forget, keys))
            remote.bucket.put(layout.segment_name(behind(remote.mirror.segments()), 1), text)
            remote.refresh()
        log = log_behind(session)
        for key in keys:
            log.forget(key)
        log.sync()
    session.cache.drop_documents("fresh")
    for stage, number in counted(chunks).items():
        ops.info(f"{number} chunk(s) of {stage} forgotten")


def _unsettle(session: Session, chunks: Iterable[StoredChunk], held: Held) -> None:
    """See to it that no lock file says that the stages are done: their chunks are to be looked up. Before they are
    forgotten: if it stops there, they are found, and nothing has happened.
    """
    survey: Survey = read_pipeline(session)
    stages = {StageName(chunk.stage) for chunk in chunks if chunk.state is not ChunkStatus.STALE}
    entries = [
        replace(entry, key=FORGOTTEN)
        for stage in sorted(stages)
        if (entry := survey.lock.get(stage)) is not None
        and (held.runs[stage].key is None or held.runs[stage].key == entry.key)
    ]
    if entries:
        survey.locks.update(entries)


def _set_aside(shelves: Shelves, findings: Sequence[Finding]) -> None:
    """Set bad objects aside, so that nobody reads them; they are made again. A remote tells of them no more."""
    objects = Objects(shelves.session.store)
    if shelves.remote is not None and findings:
        from ..checkpoints.verify_remote import repair

        repair(shelves.remote, findings)
    for finding in findings:
        if finding.what is What.OBJECT and finding.object is not None and objects.is_here(finding.object):
            objects.quarantine(finding.object)


def _point_anew(shelves: Shelves, stage: str, ops: OperationLog) -> None:
    """Let `latest.json` point to the newest valid checkpoint where what it pointed to is gone; remove it if none is."""
    for store, (_, shelf) in zip(shelves.stores, shelves.each(), strict=True):
        pointer, newest = shelf.pointers.get(stage), shelf.newest(stage)
        if pointer is None or (pointer.problem is None and pointer.to is not None):
            continue
        if newest is None or newest.checkpoint is None:
            store.delete(pointer.name)
            ops.info(f"{pointer.name} removed: there is no valid checkpoint of {stage}")
        else:
            point_to(store, newest.name, newest.checkpoint)
            ops.info(f"{pointer.name} points to {newest.name} now")


def behind(names: Iterable[str]) -> str:
    """Return the name of a run for lines that are to stand behind these segments, and before those of any run that has
    begun and waits for the lock.
    """
    return layout.run_behind(names, new_run_id(), os.urandom(4).hex())


def log_behind(session: Session) -> RecordLog:
    """Return a log whose lines stand behind all that the store here has."""
    run = behind(name for name, _, _ in segments(session.store))
    return RecordLog(session.store, run, durability=Durability(session.settings.durability))


def counted(things: Iterable[Record | StoredChunk]) -> dict[str, int]:
    """Return how many there are of each stage."""
    found: dict[str, int] = {}
    for each in things:
        found[each.stage] = found.get(each.stage, 0) + 1
    return found


@contextmanager
def shared_remote(shelves: Shelves) -> Iterator[Remote | None]:
    """Give the remote that runs of this project look records up in, ready to be asked; None where there is none."""
    session = shelves.session
    if not session.settings.shares:
        yield None
        return
    if shelves.remote is not None:
        shelves.remote.refresh()
        yield shelves.remote
        return
    from .sharing import open_remote, shared_with

    with ExitStack() as stack:
        remote = open_remote(session, shared_with(session.settings))
        stack.callback(remote.close)
        remote.interruptible = True
        remote.connect(create=True)
        remote.refresh()
        yield remote
