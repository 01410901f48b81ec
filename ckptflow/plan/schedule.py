"""Pure. The scheduler: a state machine over stages and chunks. Events in, next actions out; all transitions are here.

Rules:
- A stage waits until what it reads is known, asks for sheets where data must be cut, then opens its chunks.
- A chunk's key needs its own pieces only. With `{over: DEP}` these are the parts of the upstream chunks, so a chunk is
  ready as soon as the one before it is done; all other forms need the whole upstream out.
- A chunk whose key has a record is reused and never run: early cut-off is nothing but that.
- Results do not depend on the order of events: outs are made of records in chunk order.

Dry runs, status and real runs use this one machine. A dry run stops where work begins, a real run feeds results back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from ..chunk.model import Part, Sheet
from ..chunk.tree import Layout, Tree
from ..errors import Failure
from ..fingerprint.recipe import chunk_key, stage_key
from ..ids import ChunkKey, Digest, StageName, digest
from ..spec.model import Dep, OnError, OverParts, Pipeline, chunked_deps
from .graph import Graph
from .model import CutRequest, Facts, Past, Record, Source
from .stagerun import ChunkState, Phase, StageRun

LOOKUP_AT_ONCE = 10_000
TABULAR = frozenset({"parquet", "arrow", "csv", "tsv", "jsonl"})
"""Formats whose content is rows: identity is by value, whatever the encoding."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for.

    `stages` are planned; those in `pinned` only lend their outs. `forced` ones ignore records. `chunks` restricts a
    stage to some chunks; `limit` to so many runs a stage. `keep_going`: a failure stops only what depends on it.
    """

    stages: frozenset[StageName]
    pinned: frozenset[StageName] = frozenset()
    forced: frozenset[StageName] = frozenset()
    chunks: dict[StageName, Callable[[int], bool]] = field(default_factory=dict)
    limit: int | None = None
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """The chunk is to be tried again after `delay` seconds; tell `release` when they are over."""

    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The chunk failed for good after so many attempts."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Work:
    """Chunks of one stage that may run now, in order."""

    stage: StageName
    indexes: tuple[int, ...]


class Schedule:
    """The machine. Call `start`, then act on what `cuts`, `complete` and `take` say, and report what happened."""

    def __init__(self, pipeline: Pipeline, graph: Graph, facts: Facts, past: Past, selection: Selection) -> None:
        self._graph = graph
        self._facts = facts
        self._past = past
        self._selection = selection
        self._runs_left: dict[StageName, int] = {}
        self._cuts: dict[tuple[StageName, str], CutRequest] = {}
        self._complete: dict[StageName, None] = {}
        self._rank = {name: -i for i, name in enumerate(graph.order)}
        self._busy: list[tuple[int, StageName]] = []  # heap of stages that may have ready chunks, the last first
        self._opened: list[StageName] = []
        self.halted = False
        self.stages: dict[StageName, StageRun] = {}
        for name in graph.order:
            if name in selection.stages or name in selection.pinned:
                stage = pipeline.stages[name]
                recipe = facts.recipe(name)
                self.stages[name] = StageRun(
                    stage=stage,
                    recipe=recipe,
                    base=recipe.digest(),
                    pinned=name in selection.pinned or stage.frozen,
                    forced=name in selection.forced or stage.always_changed,
                )
                if selection.limit is not None:
                    self._runs_left[name] = selection.limit

    # ---- what happens

    def start(self) -> None:
        """Look at every stage once, in order."""
        for run in self.stages.values():
            self._advance(run)

    def cut(self, request: CutRequest, sheet: Sheet) -> None:
        """The sheet that was asked for is there."""
        run = self.stages[request.stage]
        self._cuts.pop((request.stage, request.label), None)
        run.sheets[request.label] = sheet
        self._advance(run)

    def done(self, stage: StageName, index: int, record: Record) -> None:
        """A chunk was processed and recorded."""
        run = self.stages[stage]
        run.seconds += record.seconds
        self._settle_chunk(run, index, record, ChunkState.RAN)

    def failed(self, stage: StageName, index: int, failure: Failure, *, counts: bool = True) -> Retry | GaveUp:
        """An attempt at a chunk failed. With `counts` false it is tried again at once, as if it had not been tried."""
        run = self.stages[stage]
        if not counts:
            run.move(index, ChunkState.DELAYED)
            return Retry(run.attempts.get(index, 0), 0.0)
        attempt = run.attempts[index] = run.attempts.get(index, 0) + 1
        if attempt <= run.stage.retries and not self.halted:
            run.move(index, ChunkState.DELAYED)
            return Retry(attempt, run.stage.backoff * 2 ** (attempt - 1))
        run.move(index, ChunkState.FAILED)
        run.failures[index] = failure
        if run.stage.on_error is OnError.FAIL or not self._unfinished(run):
            self.fail_stage(stage)
        return GaveUp(attempt)

    def fail_cut(self, request: CutRequest, failure: Failure) -> None:
        """The deps of a stage could not be cut."""
        self._cuts.pop((request.stage, request.label), None)
        self.stages[request.stage].cut_failure = failure
        self.fail_stage(request.stage)

    def fail_stage(self, stage: StageName) -> None:
        """The stage as a whole failed: nothing after it can be brought up to date."""
        self.stages[stage].phase = Phase.FAILED
        self._complete.pop(stage, None)
        for name in self._graph.downstream([stage]) - {stage}:
            run = self.stages.get(name)
            if run is not None and run.phase not in (Phase.FAILED, Phase.SETTLED) and not run.pinned:
                run.phase = Phase.BLOCKED
                run.blocker = run.blocker or stage
        if not self._selection.keep_going:
            self.halted = True

    def release(self, stage: StageName, index: int) -> None:
        """The delay after a failed attempt is over, or the chunk came back unstarted."""
        self._make_ready(self.stages[stage], index)

    def settled(self, stage: StageName) -> None:
        """The outs of a complete stage were put together, placed and noted."""
        run = self.stages[stage]
        self._complete.pop(stage, None)
        run.phase = Phase.SETTLED
        for name in self._graph.feeds[stage]:
            if name in self.stages:
                self._advance(self.stages[name])

    # ---- what is to be done

    def cuts(self) -> list[CutRequest]:
        """Return the sheets that are wanted."""
        return list(self._cuts.values())

    def complete(self) -> list[StageName]:
        """Return the stages whose outs are to be put together; tell `settled` when done."""
        return list(self._complete)

    def take(self, most: Callable[[StageRun], int]) -> Work | None:
        """Return chunks to run now, None if there are none. They count as running.

        Stages later in the order come first, so that results flow through; `most` tells how many chunks of a stage one
        worker should get at a time. `StageRun.teams`, the number of workers that a stage has, is kept by the caller.
        """
        if self.halted:
            return None
        passed_over: list[tuple[int, StageName]] = []
        work = None
        while self._busy and work is None:
            run = self.stages[self._busy[0][1]]
            if not run.ready or run.phase is not Phase.OPEN or self._runs_left.get(run.name, 1) <= 0:
                heappop(self._busy)
                continue
            room = most(run)
            if run.stage.workers is not None and run.teams >= run.stage.workers:
                passed_over.append(heappop(self._busy))
                continue
            work = Work(run.name, self._take_from(run, room))
        for item in passed_over:
            heappush(self._busy, item)
        return work

    def opened(self) -> list[StageName]:
        """Return the stages whose chunks became known since the last call."""
        names, self._opened = self._opened, []
        return names

    def unresolved(self) -> list[StageRun]:
        """Return the stages that are neither settled nor failed nor blocked."""
        return [r for r in self.stages.values() if r.phase not in (Phase.SETTLED, Phase.FAILED, Phase.BLOCKED)]

    def running(self) -> int:
        """Return how many chunks are with workers."""
        return sum(r.count(ChunkState.RUNNING) for r in self.stages.values())

    # ---- transitions

    def _advance(self, run: StageRun) -> None:
        """Bring a stage as far as what is known allows."""
        if run.phase not in (Phase.WAITING, Phase.CUTTING):
            return
        if run.pinned:
            self._pin(run)
            return
        if not self._resolve(run):
            return
        if self._is_fresh(run):
            return
        wanted = self._requests(run)
        for request in wanted:
            sheet = self._facts.sheet(request)
            if sheet is None:
                self._cuts[run.name, request.label] = request
            else:
                run.sheets[request.label] = sheet
        if any(r.label not in run.sheets for r in wanted):
            run.phase = Phase.CUTTING
            return
        self._open(run)

    def _pin(self, run: StageRun) -> None:
        before = self._facts.before(run.name)
        if before is not None:
            for label, name in before.trees.items():
                tree = self._past.tree(name)
                if tree is not None:
                    run.trees[label] = tree
                    run.names[label] = name
            run.fresh_chunks = before.chunks
        run.fresh = True
        self.settled(run.name)

    def _upstream(self, stage: StageName, dep: Dep) -> tuple[StageRun, str] | None:
        """Return the stage in this run that makes exactly this dep, with the out's label."""
        exact = self._graph.origins[stage, dep.label].exact
        if exact is None or exact[0] not in self.stages:
            return None
        up = self.stages[exact[0]]
        if up.pinned and up.phase is Phase.SETTLED and exact[1] not in up.trees:
            return None  # nothing is known of it in the store: take what lies in the workspace
        return up, exact[1]

    def _resolve(self, run: StageRun) -> bool:
        """Find the source of every dep; return whether all are known, but for the parts of a stream."""
        chunk = run.stage.chunk
        for dep in run.stage.deps:
            if dep.label in run.sources or dep.label == run.stream:
                continue
            up = self._upstream(run.name, dep)
            origin = self._graph.origins[run.name, dep.label]
            if up is None:
                if any(n in self.stages and self.stages[n].phase is not Phase.SETTLED for n in origin.after):
                    return False
                run.sources[dep.label] = self._facts.source(run.name, dep)
            elif up[0].phase is Phase.SETTLED:
                by_bytes = self._facts.sees_bytes(run.name, dep)
                run.sources[dep.label] = _tree_source(dep, up[0].trees[up[1]], up[0].names[up[1]], by_bytes)
            elif isinstance(chunk, OverParts) and chunk.over == dep.label and not dep.columns:
                if up[0].phase is not Phase.OPEN:
                    return False
                run.stream = dep.label
            else:
                return False
        return True

    def _is_fresh(self, run: StageRun) -> bool:
        """Settle the stage at once if its key is the one in the lock file and its outs are known."""
        if run.stream is not None:
            return False
        deps = [(label, source.identity) for label, source in run.sources.items()]
        run.key = stage_key(run.base, run.stage.chunk, deps)
        before = self._facts.before(run.name)
        if run.forced or run.name in self._selection.chunks or before is None or before.key != run.key:
            return False
        trees = {label: self._past.tree(name) for label, name in before.trees.items()}
        if set(trees) != {o.label for o in run.stage.outs} or any(t is None for t in trees.values()):
            return False
        run.trees = {label: tree for label, tree in trees.items() if tree is not None}
        run.names = dict(before.trees)
        run.fresh = True
        run.fresh_chunks = before.chunks
        run.phase = Phase.COMPLETE
        self._complete[run.name] = None
        return True

    def _requests(self, run: StageRun) -> list[CutRequest]:
        """Return the sheets that the stage needs: one for what is chunked, one for each whole dep known by its rows."""
        requests: list[CutRequest] = []
        spec = run.stage.chunk
        cut = chunked_deps(spec)
        if cut and run.stream is None:
            parts_of_tree = isinstance(spec, OverParts) and run.sources[cut[0]].tree is not None
            if not parts_of_tree or _columns(run, cut[0]):
                requests.append(CutRequest(run.name, spec, {label: run.sources[label] for label in cut}))
        for dep in run.stage.deps:
            source = run.sources.get(dep.label)
            if dep.label in cut or source is None:
                continue
            if source.tabular and (source.tree is None or dep.columns):
                requests.append(CutRequest(run.name, None, {dep.label: source}))
        return requests

    def _open(self, run: StageRun) -> None:
        """Name the chunks; look up which of them are done."""
        cut = chunked_deps(run.stage.chunk)
        for dep in run.stage.deps:
            if dep.label not in cut:
                sheet = run.sheets.get(dep.label)
                source = run.sources[dep.label]
                run.whole[dep.label] = sheet.pieces[dep.label][0].digest if sheet else source.identity
        chunks = 1
        if cut:
            up = self._parts(run, cut[0])
            chunks = up.chunks if up is not None else run.sheets[cut[0]].chunks
        run.open(chunks)
        self._opened.append(run.name)
        self._identify(run, range(chunks))

    def _parts(self, run: StageRun, label: str) -> StageRun | None:
        """Return the stage whose chunks are this stage's chunks, one to one, where no sheet says so."""
        if label in run.sheets:
            return None
        up = self._upstream(run.name, next(d for d in run.stage.deps if d.label == label))
        return up[0] if up is not None else None

    def _identify(self, run: StageRun, indexes: Iterable[int]) -> None:
        """Give keys to those chunks whose pieces are known; reuse what has a record, make the others ready."""
        found: dict[int, ChunkKey] = {}
        cut = chunked_deps(run.stage.chunk)
        base = list(run.whole.items())
        for index in indexes:
            pieces = self._pieces(run, cut, index)
            if pieces is not None:
                found[index] = run.keys[index] = chunk_key(run.base, [*base, *pieces])
        forced = run.forced
        items = list(found.items())
        for at in range(0, len(items), LOOKUP_AT_ONCE):
            group = items[at : at + LOOKUP_AT_ONCE]
            records = {} if forced else self._past.lookup([key for _, key in group])
            for index, key in group:
                record = records.get(key)
                if record is not None and all(o.label in record.outs for o in run.stage.outs):
                    self._settle_chunk(run, index, record, ChunkState.REUSED)
                else:
                    self._make_ready(run, index)
        if not items and run.chunks == 0:
            self._check_complete(run)

    def _pieces(self, run: StageRun, cut: tuple[str, ...], index: int) -> list[tuple[str, Digest]] | None:
        if not cut:
            return []
        if cut[0] in run.sheets:
            sheet = run.sheets[cut[0]]
            return [(label, sheet.pieces[label][index].digest) for label in cut]
        part = self.part(run, cut[0], index)
        return None if part is None else [(cut[0], self.part_digest(run, cut[0], part))]

    def part_digest(self, run: StageRun, label: str, part: Part) -> Digest:
        """Return what names a part as a piece: its values, or its bytes where it is not read as the table it is."""
        dep = next(d for d in run.stage.deps if d.label == label)
        return part.values if dep.format is None or dep.format in TABULAR else part.object

    def part(self, run: StageRun, label: str, index: int) -> Part | None:
        """Return part `index` of the out that dep `label` is; None while it is not made yet."""
        dep = next(d for d in run.stage.deps if d.label == label)
        up = self._upstream(run.name, dep)
        if up is None:
            return None
        if up[1] in up[0].trees:
            return up[0].trees[up[1]].parts[index]
        record = up[0].records[index]
        return record.outs[up[1]] if record is not None else None

    def out_format(self, run: StageRun, label: str) -> str:
        """Return the format of the out that dep `label` is."""
        dep = next(d for d in run.stage.deps if d.label == label)
        up = self._upstream(run.name, dep)
        assert up is not None
        return next(o.format for o in up[0].stage.outs if o.label == up[1])

    def _make_ready(self, run: StageRun, index: int) -> None:
        asked = self._selection.chunks.get(run.name)
        if asked is not None and not asked(index):
            run.move(index, ChunkState.HELD)
            return
        run.move(index, ChunkState.READY)
        if not run.ready:
            heappush(self._busy, (self._rank[run.name], run.name))
        run.ready.append(index)
        run.sorted = False

    def _take_from(self, run: StageRun, most: int) -> tuple[int, ...]:
        """Take up to `most` neighbouring chunks, the first ones: neighbours share what is read."""
        most = max(1, min(most, self._runs_left.get(run.name, most)))
        if not run.sorted:
            run.ready.sort(reverse=True)
            run.sorted = True
        taken = tuple(run.ready.pop() for _ in range(min(most, len(run.ready))))
        for index in taken:
            run.move(index, ChunkState.RUNNING)
        if run.name in self._runs_left:
            self._runs_left[run.name] -= len(taken)
        return taken

    def _settle_chunk(self, run: StageRun, index: int, record: Record, state: ChunkState) -> None:
        run.records[index] = record
        run.move(index, state)
        for name in self._graph.feeds[run.name]:
            down = self.stages.get(name)
            if down is not None and down.phase is Phase.OPEN and down.stream is not None:
                dep = next(d for d in down.stage.deps if d.label == down.stream)
                exact = self._graph.origins[name, dep.label].exact
                if exact is not None and exact[0] == run.name and down.states[index] == ChunkState.UNKNOWN:
                    self._identify(down, (index,))
        self._check_complete(run)

    def _check_complete(self, run: StageRun) -> None:
        if run.phase is not Phase.OPEN or self._unfinished(run):
            return
        if run.failures:
            self.fail_stage(run.name)
            return
        run.phase = Phase.COMPLETE
        run.trees = run.build_trees()
        run.names = {label: digest(tree.encode()) for label, tree in run.trees.items()}
        self._complete[run.name] = None

    @staticmethod
    def _unfinished(run: StageRun) -> int:
        finished = (ChunkState.RAN, ChunkState.REUSED, ChunkState.FAILED)
        return len(run.states) - sum(run.counts[s] for s in finished)


def _tree_source(dep: Dep, tree: Tree, name: Digest, by_bytes: bool) -> Source:
    """Return an out as a dep. Who can see bytes depends on them: the tree's name covers the objects, not just values."""
    format_ = dep.format or tree.format
    return Source(
        path=dep.path,
        format=format_,
        identity=name if by_bytes or format_ not in TABULAR else tree.identity(),
        tree=name,
        tabular=not by_bytes and tree.layout is not Layout.DIR and format_ in TABULAR,
    )


def _columns(run: StageRun, label: str) -> bool:
    return any(d.label == label and d.columns for d in run.stage.deps)
