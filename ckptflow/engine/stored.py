"""Edge. The chunks that the store holds of stages: which a run would use now, and which are of the past.

A schedule is brought as far as it goes without work, as for `status`, but every chunk of the stages in question gets
its key, whatever the lock file says. A record under one of these keys is valid, or corrupt where objects that it names
are missing. Every other record of the stage is stale: of other code, params or data; it is used again when those come
back. While a stage waits for another to be run, its keys are not known: what is stored of it may prove valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..checkpoints.trees import get_tree, is_present
from ..checkpoints.verify import Finding
from ..chunk.tree import Layout
from ..dataclass import dataclass, replace
from ..ids import ChunkKey, Digest, StageName
from ..plan.model import Partial, Record
from ..plan.schedule import Schedule
from ..plan.selection import Selection
from ..plan.stagerun import StageRun
from .session import Session, StorePast, failed_before
from .status import far_of, look_ahead
from .survey import Survey, gather
from .targets import CHUNKS, check_chunks, resolve

if TYPE_CHECKING:
    from ..checkpoints.remote import Remote


class ChunkStatus(StrEnum):
    """What a stored chunk is worth now. The values are part of the JSON output and of the command line."""

    VALID = "valid"
    STALE = "stale"
    MAYBE = "maybe"
    CORRUPT = "corrupt"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk of a stage that something is stored of. `index` is None in a stage that is not chunked, and where a stale
    one had its place is not known; `label` is its key range, file or rows. `format` is that of the outs.

    `items` counts what was taken one by one: ok, failed, skipped. `finished` is ISO 8601 in UTC.
    """

    stage: str
    index: int | None
    label: str
    state: ChunkStatus
    rows: int | None
    bytes: int
    seconds: float | None
    finished: str
    run: str
    format: str
    key: ChunkKey
    items: tuple[int, int, int] | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        doc = {name: getattr(self, name) for name in self.__slots__ if name != "items"}
        doc["chunk"] = doc.pop("index")
        counts = None if self.items is None else dict(zip(("ok", "failed", "skipped"), self.items, strict=True))
        return {**doc, "state": self.state.value, "items": counts}


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of stages: the chunks, the records behind those that have one, and the state of each stage."""

    chunks: tuple[StoredChunk, ...]
    records: Mapping[ChunkKey, Record]
    runs: Mapping[StageName, StageRun]


def stored_chunks(session: Session, survey: Survey, stages: frozenset[StageName], bad: Iterable[Finding] = ()) -> Held:
    """Return what the store holds of `stages`. `bad` are findings about their records (see `rehash`).

    Raises `StoreError`, and `SpecError` for functions that do not fit.
    """
    survey = _thawed(survey, stages)
    upstream = survey.graph.upstream(set(stages))
    selection = Selection(frozenset(upstream), chunks=dict.fromkeys(stages, _none), keep_going=True)
    facts = gather(session, survey, selection, lambda path: None)
    far = far_of(session, survey)
    past = StorePast(session, far=far, code=survey.code_outs)
    try:
        schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
        look_ahead(session, schedule, facts)
        look = _Look(session, survey, past, {f.key: f.problem for f in bad if f.key is not None})
        records = _records(past, _remote_of(session), stages)
        for key, record in past.borrowed.items():  # what the remote that runs share was seen to have
            if record.stage in stages:
                records.setdefault(record.stage, {}).setdefault(key, record)
        chunks: list[StoredChunk] = []
        for name in survey.graph.order:
            if name in stages:
                chunks += look.chunks(schedule.stages[name], records.get(name, {}))
        found = {key: record for some in records.values() for key, record in some.items()}
        return Held(tuple(chunks), found, {name: schedule.stages[name] for name in stages})
    finally:
        past.index.close()


def _none(index: int) -> bool:
    """No chunk may run."""
    return False


def _thawed(survey: Survey, stages: frozenset[StageName]) -> Survey:
    """Return the project with these stages not frozen: what is taken as it is has no keys."""
    declared = {
        name: replace(stage, frozen=False) if name in stages and stage.frozen else stage
        for name, stage in survey.pipeline.stages.items()
    }
    return replace(survey, pipeline=replace(survey.pipeline, stages=declared))


def _remote_of(session: Session) -> Remote | None:
    """Return the remote that the store is, where it is far away."""
    from ..checkpoints.remote import Remote

    elsewhere = session.objects.elsewhere
    return elsewhere if isinstance(elsewhere, Remote) else None


def _records(
    past: StorePast, remote: Remote | None, stages: frozenset[StageName]
) -> dict[StageName, dict[ChunkKey, Record]]:
    found: dict[StageName, dict[ChunkKey, Record]] = {}
    indexes = [past.index] if remote is None or (far := remote.mirror.past()) is None else [far, past.index]
    for index in indexes:
        for record in index.iter():
            if record.stage in stages:
                found.setdefault(record.stage, {})[record.key] = record
    return found


@dataclass(slots=True)
class _Look:
    """One look at what is stored. `bad` are problems of records that are known already."""

    session: Session
    survey: Survey
    past: StorePast
    bad: Mapping[ChunkKey, str]

    def chunks(self, run: StageRun, records: Mapping[ChunkKey, Record]) -> Iterator[StoredChunk]:
        """Yield what is stored of one stage: by number, what has none last, the newest first."""
        rest = dict(records)
        merges = _merges(run)
        current: list[StoredChunk] = []
        for index, key in enumerate(run.keys):
            if key is None:
                continue
            number = index if run.chunked else None
            record = rest.pop(key, None)
            if record is not None:
                problem = self._problem(record)
                state = ChunkStatus.CORRUPT if problem is not None else ChunkStatus.VALID
                current.append(_of_record(record, number, run.label(index), state, _format(run), problem))
            elif (partial := self.past.partial(run.name, key)) is not None:
                current.append(_of_partial(partial, number, run.label(index), _format(run)))
        places = self._places(run.name)
        known = None not in run.keys and bool(run.states)
        others = []
        for record in rest.values():
            if record.key in merges:
                continue
            place = next((places[p.object] for p in record.outs.values() if p.object in places), None)
            state, problem = ChunkStatus.STALE if known else ChunkStatus.MAYBE, self._problem(record)
            if problem is not None:
                state = ChunkStatus.CORRUPT
            others.append(_of_record(record, place if run.chunked else None, "", state, "", problem))
        others.sort(key=lambda chunk: chunk.finished, reverse=True)
        yield from sorted((*current, *others), key=lambda c: (c.index is None and run.chunked, c.index or 0))

    def _problem(self, record: Record) -> str | None:
        if record.key in self.bad:
            return self.bad[record.key]
        lost = next((part for part in record.parts if not is_present(self.session.objects, part)), None)
        return None if lost is None else f"names {lost.object}, which is missing or of another size"

    def _places(self, stage: StageName) -> dict[Digest, int]:
        """Return which chunk of the last success made which object: stale records have no number of their own."""
        entry = self.survey.lock.get(stage)
        found: dict[Digest, int] = {}
        for out in entry.outs.values() if entry is not None else ():
            tree = get_tree(self.session.objects, Digest(out["tree"]))
            if tree is not None and tree.layout is not Layout.FILE and entry and len(tree.parts) == entry.chunks:
                found.update({part.object: index for index, part in enumerate(tree.parts)})
        return found


def _merges(run: StageRun) -> frozenset[ChunkKey]:
    """Return the keys of merges that were found: records, but of no chunk."""
    return frozenset() if run.merger is None else frozenset(run.merger.found)


def _format(run: StageRun) -> str:
    return ", ".join(dict.fromkeys(out.format for out in run.stage.outs))


def _of_record(
    record: Record, index: int | None, label: str, state: ChunkStatus, format_: str, problem: str | None
) -> StoredChunk:
    rows = [part.rows for part in record.outs.values() if part.rows is not None]
    items = record.items
    return StoredChunk(
        stage=record.stage,
        index=index,
        label=label,
        state=state,
        rows=sum(rows) if rows else None,
        bytes=sum(part.bytes for part in record.parts),
        seconds=record.seconds,
        finished=record.finished,
        run=record.run,
        format=format_,
        key=record.key,
        items=None if items is None else (items.ok, items.failed, items.skipped),
        problem=problem,
    )


def _of_partial(partial: Partial, index: int | None, label: str, format_: str) -> StoredChunk:
    items = partial.headway.items
    rows = [part.rows for parts in partial.headway.outs.values() for part in parts if part.rows is not None]
    return StoredChunk(
        stage=partial.stage,
        index=index,
        label=label,
        state=ChunkStatus.UNFINISHED,
        rows=sum(rows) if rows else None,
        bytes=sum(part.bytes for part in partial.headway.parts),
        seconds=None,
        finished=partial.kept,
        run=partial.run,
        format=format_,
        key=partial.key,
        items=(items.ok, items.failed, items.skipped),
    )


def chosen_chunks(
    session: Session,
    survey: Survey,
    targets: Sequence[str],
    *,
    states: frozenset[str],
    run: str | None,
    older_than: float | None,
    deep: bool,
) -> tuple[StoredChunk, ...]:
    """Return the stored chunks that are meant by the targets (stages, `STAGE#3..7`; none: all stages) and by the rest:
    of certain `states`, of a `run`, finished `older_than` seconds ago. With `deep` their objects are hashed.

    Raises `TargetNotFound`, `StoreError`, `SpecError`.
    """
    chosen: dict[StageName, list[Callable[[StoredChunk], bool]]] = {}
    for target in targets:
        match = CHUNKS.fullmatch(target)
        for stage in resolve(survey.pipeline, match["stage"] if match is not None else target):
            one = chunk_chooser(session, stage, match["which"]) if match is not None else _every
            chosen.setdefault(stage, []).append(one)
    stages = frozenset(chosen) if targets else frozenset(survey.pipeline.stages)
    held = stored_chunks(session, survey, stages, _rehashed(session, stages) if deep else ())
    check_chunks(survey.pipeline, targets, {name: made.chunks for name, made in held.runs.items() if made.chunks})
    return tuple(
        chunk
        for chunk in held.chunks
        if (not targets or any(means(chunk) for means in chosen[StageName(chunk.stage)]))
        and (not states or chunk.state in states)
        and (run is None or chunk.run == run)
        and (older_than is None or _age(chunk) >= older_than)
    )


def chunk_chooser(session: Session, stage: StageName, which: str) -> Callable[[StoredChunk], bool]:
    """Return what tells whether a stored chunk is one of `#which`."""
    if which == "stale":
        return lambda chunk: chunk.state is ChunkStatus.STALE
    if which == "failed":
        failed = failed_before(session.cache)(stage)
        return lambda chunk: chunk.index in failed
    first, _, last = which.partition("..")
    low, high = int(first), int(last or first)
    return lambda chunk: low <= (chunk.index or 0) <= high


def _every(chunk: StoredChunk) -> bool:
    return True


def _rehashed(session: Session, stages: frozenset[StageName]) -> tuple[Finding, ...]:
    from .rehash import rehash
    from .shelves import open_shelves

    with open_shelves(session) as shelves:
        return rehash(shelves, stages).findings


def _age(chunk: StoredChunk) -> float:
    try:
        when = datetime.fromisoformat(chunk.finished)
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - (when if when.tzinfo else when.replace(tzinfo=UTC))).total_seconds()
