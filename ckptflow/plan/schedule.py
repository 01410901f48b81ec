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
from functools import partial
from heapq import heappop, heappush

from ..chunk.sheet import Sheet
from ..errors import DepMissing, DepUnreadable, Failure
from ..fingerprint.encode import digest_of
from ..fingerprint.recipe import ENGINE_FORMAT
from ..ids import StageName, digest
from ..spec.model import OnError, OverParts, Pipeline
from .finding import Finder
from .graph import Graph
from .merging import Merge, Merger
from .model import CutRequest, Facts, Past, Record
from .reads import Reads
from .selection import GaveUp, Retry, Selection, Work
from .stagerun import ChunkState, Phase, StageRun

LOOKUP_AT_ONCE = 10_000


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
        self._rank = _ranks(pipeline, graph)
        self._busy: list[tuple[tuple[int, int], StageName]] = []  # heap of stages that may have ready chunks
        self._opened: list[StageName] = []
        self._stillborn: list[StageName] = []
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
                    forced=name in selection.forced or stage.always,
                )
                if selection.limit is not None:
                    self._runs_left[name] = selection.limit
        self.reads = Reads(graph, facts, self.stages)
        self.finder = Finder(facts, past, selection, self.reads)

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

    def failed(
        self, stage: StageName, index: int, failure: Failure, *, counts: bool = True, final: bool = False
    ) -> Retry | GaveUp:
        """An attempt at a chunk failed. With `counts` false it is tried again at once, as if it had not been tried;
        with `final` it is not tried again.
        """
        run = self.stages[stage]
        if not counts:
            run.move(index, ChunkState.DELAYED)
            return Retry(run.attempts.get(index, 0), 0.0)
        attempt = run.attempts[index] = run.attempts.get(index, 0) + 1
        if attempt <= run.stage.retries and not self.halted and not final:
            run.move(index, ChunkState.DELAYED)
            return Retry(attempt, run.stage.backoff * 2 ** (attempt - 1))
        run.move(index, ChunkState.FAILED)
        run.failures[index] = failure
        if run.stage.on_error is OnError.FAIL or run.stage.carry is not None or not self._unfinished(run):
            self.fail_stage(stage)
        return GaveUp(attempt)

    def merged(self, stage: StageName, merge: Merge, record: Record) -> None:
        """A merge was done and recorded."""
        run = self.stages[stage]
        run.seconds += record.seconds
        assert run.merger is not None
        run.merger.done(merge, record.outs)
        self._merge_on(run)

    def merge_failed(self, stage: StageName, merge: Merge, failure: Failure, *, counts: bool = True) -> None:
        """A merge failed. With `counts` it is not tried again, and the stage has failed."""
        run = self.stages[stage]
        assert run.merger is not None
        run.merger.give_back(merge)
        if counts:
            run.cut_failure = failure
            self.fail_stage(stage)
        else:
            self._merge_on(run)

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

    def end(self) -> None:
        """No more work comes: a stage with failed chunks has failed, although not all its chunks were asked for."""
        for run in self.stages.values():
            if run.failures and run.phase is Phase.OPEN:
                self.fail_stage(run.name)

    def release(self, stage: StageName, index: int) -> None:
        """The delay after a failed attempt is over, or the chunk came back unstarted. It counts once for the limit."""
        if stage in self._runs_left:
            self._runs_left[stage] += 1
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
        """Return the stages whose outs are to be put together; tell `settled` when done.

        One that follows another chunk by chunk comes after it, though all its chunks may be done before.
        """
        return [
            name
            for name in self._complete
            if (stream := self.stages[name].stream) is None or stream in self.stages[name].sources
        ]

    def take(self, most: Callable[[StageRun], int]) -> Work | None:
        """Return chunks to run now, None if there are none. They count as running.

        Stages come in order, but one that follows another chunk by chunk comes before that one, so that results flow
        through; none comes before one that waits only for a complete stage to be settled. `most` tells how many chunks
        of a stage one worker should get at a time. `StageRun.teams`, the number of workers that a stage has, is kept by
        the caller.
        """
        if self.halted:
            return None
        awaited = self._awaited()
        passed_over: list[tuple[tuple[int, int], StageName]] = []
        work = None
        while self._busy and work is None:
            run = self.stages[self._busy[0][1]]
            if not self._has_work(run):
                heappop(self._busy)
                continue
            if awaited is not None and self._busy[0][0] > awaited:
                break
            room = most(run)
            if run.stage.workers is not None and run.teams >= run.stage.workers:
                passed_over.append(heappop(self._busy))
                continue
            if run.phase is Phase.MERGING:
                assert run.merger is not None
                work = Work(run.name, (), run.merger.take())
            else:
                work = Work(run.name, self._take_from(run, room))
        for item in passed_over:
            heappush(self._busy, item)
        return work

    def _has_work(self, run: StageRun) -> bool:
        if run.phase is Phase.MERGING:
            return run.merger is not None and run.merger.ready
        return bool(run.ready) and run.phase is Phase.OPEN and self._runs_left.get(run.name, 1) > 0

    def _awaited(self) -> tuple[int, int] | None:
        """Return the rank of the first stage that reads a complete stage which is still to be settled."""
        fed = (name for done in self.complete() for name in self._graph.feeds[done] if name in self.stages)
        return min((self._rank[name] for name in fed if self.stages[name].phase is Phase.WAITING), default=None)

    def stillborn(self) -> list[StageName]:
        """Return the stages that failed as such since the last call: a dep is not there, too many items failed."""
        names, self._stillborn = self._stillborn, []
        return names

    def opened(self) -> list[StageName]:
        """Return the stages whose chunks became known since the last call."""
        names, self._opened = self._opened, []
        return names

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
        try:
            if not self.reads.resolve(run):
                return
        except (DepMissing, DepUnreadable) as error:
            if not self._selection.keep_going:
                raise
            run.cut_failure = Failure("dep", error.message, hint=error.hint)
            self._stillborn.append(run.name)
            self.fail_stage(run.name)
            return
        if self._is_fresh(run):
            return
        wanted = self.reads.requests(run)
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
        if run.name in self._selection.stages and len(run.trees) == len(run.stage.outs):  # frozen, and all is known
            run.phase = Phase.COMPLETE
            self._complete[run.name] = None
        else:
            self.settled(run.name)

    def _is_fresh(self, run: StageRun) -> bool:
        """Settle the stage at once if its key is the one in the lock file and its outs are known."""
        if run.stream is not None:
            return False
        run.key = run.stage_key()
        before = self._facts.before(run.name)
        if run.forced or run.name in self._selection.chunks or before is None or before.key != run.key:
            return False
        if before.quarantined and self._selection.retry:
            return False
        if before.superseded and self._selection.renew:
            run.renewed = True
            return False
        trees = {label: self._past.tree(name) for label, name in before.trees.items()}
        if set(trees) != {o.label for o in run.stage.outs} or any(t is None for t in trees.values()):
            return False
        run.trees = {label: tree for label, tree in trees.items() if tree is not None}
        run.names = dict(before.trees)
        run.fresh = True
        run.fresh_chunks = before.chunks
        run.superseded = before.superseded
        run.phase = Phase.COMPLETE
        self._complete[run.name] = None
        return True

    def _open(self, run: StageRun) -> None:
        """Name the chunks; look up which of them are done."""
        run.whole = self.reads.whole(run)
        run.loose = run.recipe.loose(run.stage.call)
        run.keeps = self.finder.keeps(run)
        run.open(self.reads.chunks(run))
        self._opened.append(run.name)
        self._identify(run, range(run.chunks) if run.stage.carry is None else range(min(1, run.chunks)))
        if run.phase is Phase.OPEN:
            for name in self._graph.feeds[run.name]:
                if name in self.stages:
                    self._advance(self.stages[name])

    def _identify(self, run: StageRun, indexes: Iterable[int]) -> None:
        """Give keys to those chunks whose pieces are known; reuse what has a record, make the others ready."""
        for index, record in self.finder.find(run, indexes):
            if record is not None:
                self._settle_chunk(run, index, record, ChunkState.REUSED)
            else:
                self._make_ready(run, index)
        if run.chunks == 0:
            self._check_complete(run)

    def _make_ready(self, run: StageRun, index: int) -> None:
        if not self._selection.asked(run.name)(index):
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
        run.done.add(index, record)
        run.superseded += record.key != run.keys[index]
        run.move(index, state)
        if record.items is not None:
            run.items += record.items
            run.items_ran += record.items.total if state is ChunkState.RAN else 0
            told = record.items.failed or not self._unfinished(run)
            if told and run.phase is Phase.OPEN and (failure := run.too_many()) is not None:
                run.cut_failure = failure
                self._stillborn.append(run.name)
                self.fail_stage(run.name)
                return
        self._carry_on(run, index + 1)
        self._check_complete(run)  # before what it feeds, which may be complete with the same chunk
        for name in self._graph.feeds[run.name]:
            down = self.stages.get(name)
            if down is not None and down.phase is Phase.OPEN and down.stream is not None:
                exact = self._graph.origins[name, down.stream].exact
                if exact is not None and exact[0] == run.name and down.states[index] == ChunkState.UNKNOWN:
                    self._identify(down, self.reads.following(down, index))

    def _carry_on(self, run: StageRun, index: int) -> None:
        """With the state that a chunk has left the next one is known; and so on, as long as they are found done."""
        if run.stage.carry is None or run.carrying:
            return
        run.carrying = True
        while index < run.chunks and run.states[index] == ChunkState.UNKNOWN:
            self._identify(run, (index,))
            if run.states[index] != ChunkState.REUSED:
                break
            index += 1
        run.carrying = False

    def _check_complete(self, run: StageRun) -> None:
        if run.phase is not Phase.OPEN or self._unfinished(run):
            return
        if run.failures:
            self.fail_stage(run.name)
            return
        self.reads.end_stream(run)
        if run.recipe.combine is None:
            self._complete_with(run)
            return
        run.phase = Phase.MERGING
        base = digest_of(["combine", ENGINE_FORMAT, run.recipe.combine, sorted(run.recipe.outs.items())])
        run.merger = Merger(base, run.done.outs(), partial(self._past.lookup, run.name))
        self._merge_on(run)

    def _merge_on(self, run: StageRun) -> None:
        """Offer the merges that can be done now; with the last of them the stage is complete."""
        assert run.merger is not None
        if run.merger.ready:
            heappush(self._busy, (self._rank[run.name], run.name))
        elif run.merger.result is not None:
            self._complete_with(run)

    def _complete_with(self, run: StageRun) -> None:
        """What the outs are made of is known."""
        run.phase = Phase.COMPLETE
        run.trees = run.build_trees()
        run.names = {label: digest(tree.encode()) for label, tree in run.trees.items()}
        self._complete[run.name] = None

    @staticmethod
    def _unfinished(run: StageRun) -> int:
        counts = run.counts
        return len(run.states) - counts[ChunkState.RAN] - counts[ChunkState.REUSED] - counts[ChunkState.FAILED]


def _ranks(pipeline: Pipeline, graph: Graph) -> dict[StageName, tuple[int, int]]:
    """Return in which order stages are given work, the smallest first: place of the stage at the head of its stream,
    and how far down the stream it is.
    """
    ranks: dict[StageName, tuple[int, int]] = {}
    for place, name in enumerate(graph.order):
        chunk = pipeline.stages[name].chunk
        exact = graph.origins[name, chunk.over].exact if isinstance(chunk, OverParts) else None
        head = ranks.get(exact[0]) if exact is not None else None
        ranks[name] = (place, 0) if head is None else (head[0], head[1] - 1)
    return ranks
