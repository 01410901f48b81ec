"""Edge. The loop of a run: what the schedule wants goes to the workers, what they report goes to the schedule.

Rules:
- A result counts only if the workspace files it was made from are still the ones that were hashed; otherwise nothing is
  recorded and the run plans again (`Outcome.REPLAN`). The same happens when an object or a partition proved lost.
- A record is in the log before the schedule hears of it, so whatever is built on it is built on something kept.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from ..checkpoints.records import RecordLog
from ..chunk.headway import Headway
from ..chunk.model import AtFiles
from ..dataclass import dataclass, field, replace
from ..errors import Failure, StoreDamaged, StoreError
from ..events import (
    ChunkDone,
    ChunkFailed,
    ChunkProgress,
    ChunkRetry,
    ChunkStarted,
    Cutting,
    Note,
    Reporter,
    StagePlanned,
    StageStarted,
    Stopping,
)
from ..ids import ChunkKey, Digest, StageName
from ..plan.merging import Merge
from ..plan.model import CutRequest, Partial, Record, State
from ..plan.schedule import Schedule
from ..plan.selection import Retry
from ..plan.stagerun import ChunkState, Phase, StageRun
from ..run.messages import CutDone, Done, Failed, InHand, Kept, Progress, Report, Returned, Started, Task, Tried
from ..run.pool import Pool
from ..spec.model import Out
from ..workspace.place import OutState
from .facts import ProjectFacts
from .losses import Losses
from .session import Session, StorePast
from .stop import Stop
from .tasks import TaskMaker

BATCH_SECONDS = 0.25
BATCH_MOST = 512
REPLAN_KINDS = frozenset({"dep-changed", "damaged"})
ITEM_KINDS = frozenset({"exception", "result"})
"""Failures that the worker has tried again itself, where the function takes one item at a time."""


class Outcome(StrEnum):
    """How the loop ended."""

    DONE = "done"  # nothing more can be done: all is settled, failed or blocked
    STOPPED = "stopped"  # a signal, or the time is up
    REPLAN = "replan"  # the ground has moved: look again


@dataclass(slots=True)
class _Batch:
    """Chunks of one stage that one worker has, and their loose keys by index: naming many at once takes a fraction of
    what it takes to name one between two reports.
    """

    stage: StageName
    left: int
    loose: dict[int, ChunkKey | None]


@dataclass(slots=True)
class Watcher:
    """Whom the loop tells: of a stage that begins, of its progress, of its completion; and who says why it runs."""

    begin: Callable[[StageRun], None]
    progress: Callable[[StageRun, int, Record | None, str | int | None], None]
    kept: Callable[[StageRun, int, Headway, str | int | None], None]
    settle: Callable[[StageRun], None]
    explain: Callable[[StageRun], tuple[str, ...]]


@dataclass(slots=True)
class Loop:
    """One pass over one schedule with one pool."""

    session: Session
    schedule: Schedule
    facts: ProjectFacts
    past: StorePast
    log: RecordLog
    pool: Pool
    tasks: TaskMaker
    reporter: Reporter
    run_id: str
    stop: Stop
    watcher: Watcher
    started: set[StageName] = field(default_factory=set)
    replan: str = ""
    _chunks: dict[int, tuple[Task, _Batch]] = field(default_factory=dict)
    _cuts: dict[int, CutRequest] = field(default_factory=dict)
    _merges: dict[int, tuple[StageName, Merge]] = field(default_factory=dict)
    _delayed: list[tuple[float, StageName, int]] = field(default_factory=list)
    _makers: dict[str, tuple[StageRun, Out]] = field(default_factory=dict)
    _losses: Losses = field(default_factory=Losses)
    _number: int = 0

    def run(self) -> Outcome:
        """Work until nothing is left to do, or something ends it."""
        self._makers = {out.path: (run, out) for run in self.schedule.stages.values() for out in run.stage.outs}
        self.schedule.start()
        while not self.stop.wanted and not self.replan:
            self._keep_busy()
            self._settle_complete()
            self._release_due()
            if not self.replan:
                self._submit()
            if not self._chunks and not self._cuts and not self._merges and not self._retries_wanted():
                break
            self._take(self.pool.wait(self._patience()))
        if self.stop.wanted or self.replan:
            self._wind_down()
        else:
            self.schedule.end()
            return Outcome.DONE
        return Outcome.STOPPED if self.stop.wanted else Outcome.REPLAN

    # ---- out

    def _keep_busy(self) -> None:
        """Give workers what is ready already: stages are settled beside their work."""
        self._tell_opened()
        self._submit()
        self._take(self.pool.proceed())

    def _settle_complete(self) -> None:
        self._tell_opened()
        while (names := self.schedule.complete()) and not self.replan:
            for name in names:
                try:
                    self.watcher.settle(self.schedule.stages[name])
                except StoreDamaged as error:
                    self.replan = error.message
                    break
                self.schedule.settled(name)
            self._tell_opened()

    def _tell_opened(self) -> None:
        for name in self.schedule.stillborn():
            failure = self.schedule.stages[name].cut_failure
            assert failure is not None
            self.reporter.emit(ChunkFailed(name, None, 1, failure, "its deps"))
        for name in self.schedule.opened():
            run = self.schedule.stages[name]
            reused = run.count(ChunkState.REUSED)
            self.reporter.emit(StagePlanned(name, run.chunks, reused, run.items.failed))

    def _submit(self) -> None:
        asked = set(map(id, self._cuts.values()))
        for request in self.schedule.cuts():
            if id(request) not in asked and self.pool.idle():
                self.reporter.emit(Cutting(request.stage))
                number = self._next()
                self._cuts[number] = request
                self.pool.submit((self.tasks.cut(number, request),))
        while self.pool.idle():
            work = self.schedule.take(self._batch_size)
            if work is None:
                return
            run = self.schedule.stages[work.stage]
            self._start_stage(work.stage)
            run.teams += 1
            if work.merge is not None:
                number = self._next()
                self._merges[number] = (work.stage, work.merge)
                self.pool.submit((self.tasks.merge(number, run, work.merge),))
                continue
            loose = {index: self.schedule.loose_key(run, index) for index in work.indexes}
            batch = _Batch(work.stage, len(work.indexes), loose)
            tasks = [self._losses.told(self.tasks.chunk(self._next(), run, index)) for index in work.indexes]
            self._chunks.update({task.id: (task, batch) for task in tasks})
            self.pool.submit(tuple(tasks))

    def _batch_size(self, run: StageRun) -> int:
        """Return how many chunks to send at once: as many as take a moment, and leave some for the other workers."""
        ran = run.count(ChunkState.RAN)
        if not ran or run.stage.timeout is not None or self._losses.any_in(run.name):
            return 1
        fit = int(BATCH_SECONDS / max(run.seconds / ran, 1e-6))
        share = len(run.ready) // (2 * (self.pool.idle() + self.pool.running()))
        return max(1, min(BATCH_MOST, fit, share))

    def _start_stage(self, stage: StageName) -> None:
        if stage not in self.started:
            self.started.add(stage)
            self.watcher.begin(self.schedule.stages[stage])
            self.reporter.emit(StageStarted(stage, self.watcher.explain(self.schedule.stages[stage])))

    def _release_due(self) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            _, stage, index = heapq.heappop(self._delayed)
            if self.schedule.stages[stage].phase is Phase.OPEN:
                self.schedule.release(stage, index)

    def _retries_wanted(self) -> bool:
        """Whether an attempt is still to come: not in a stage that failed, nor in a run that begins no more."""
        open_ = (stage for _, stage, _ in self._delayed if self.schedule.stages[stage].phase is Phase.OPEN)
        return not self.schedule.halted and next(open_, None) is not None

    def _patience(self) -> float:
        """Return how long to wait for reports: until something else is due."""
        limits = [1.0]
        if self._delayed:
            limits.append(max(0.0, self._delayed[0][0] - time.monotonic()))
        if (left := self.stop.left()) is not None:
            limits.append(left)
        return min(limits)

    # ---- in

    def _take(self, reports: list[Report]) -> None:
        checked: dict[tuple[StageName, str], bool] = {}
        for report in reports:
            match report:
                case Started(number, worker) if number in self._chunks:
                    task, _ = self._chunks[number]
                    self.reporter.emit(ChunkStarted(task.stage, task.index, task.attempt, worker))
                case Started():
                    pass
                case Progress(number, done, total, failed):
                    task, _ = self._chunks[number]
                    self.reporter.emit(ChunkProgress(task.stage, task.index, done, total, failed))
                case Kept(number, headway, last):
                    self._kept(number, headway, last, checked)
                case Tried(number, failure):
                    self._losses.tried(self._chunks[number][0], failure)
                case CutDone(number, sheet):
                    self.past.brought(*report.brought)
                    request = self._cuts.pop(number)
                    self.facts.keep_sheet(request, sheet)
                    self.schedule.cut(request, sheet)
                case Done(number) if number in self._merges:
                    self._merged(report)
                case Done():
                    self._done(report, checked)
                case Failed(number) if number in self._merges:
                    self._merge_failed(report)
                case Failed(number) if number in self._cuts:
                    self._cut_failed(report)
                case Failed():
                    self._failed(report)
                case Returned(numbers):
                    for number in numbers:
                        if number in self._chunks:
                            task = self._leave(number)
                            self.schedule.release(task.stage, task.index or 0)
                        elif number in self._merges:
                            stage, merge = self._leave_merge(number)
                            self.schedule.merge_failed(stage, merge, _unstarted(), counts=False)

    def _leave(self, number: int) -> Task:
        """Take a task off the books."""
        task, batch = self._chunks.pop(number)
        batch.left -= 1
        if not batch.left:
            self.schedule.stages[batch.stage].teams -= 1
        return task

    def _done(self, report: Done, checked: dict[tuple[StageName, str], bool]) -> None:
        loose = self._chunks[report.task][1].loose
        task = self._leave(report.task)
        index = task.index or 0
        self._losses.forget(task)
        self.past.brought(*report.brought)
        changed = self._changed_dep(task, checked)
        if changed is not None:
            self.schedule.failed(task.stage, index, _moved(changed), counts=False)
            self.replan = f"`{changed}` changed while {task.stage} was reading it"
            return
        run = self.schedule.stages[task.stage]
        record = self._record(task.stage, task.key, report, loose[index], run.recipe.code)
        self.schedule.done(task.stage, index, record)
        rows = [p.rows for p in report.outs.values() if p.rows is not None]
        size = sum(p.bytes for p in report.outs.values())
        written = sum(rows) if rows else None
        self.reporter.emit(ChunkDone(task.stage, task.index, report.seconds, written, size, items=report.items))
        self.watcher.progress(run, index, record, report.last)

    def _kept(
        self, number: int, headway: Headway, last: str | int | None, checked: dict[tuple[StageName, str], bool]
    ) -> None:
        """Record how far a chunk is, so that whoever takes it up goes on from there."""
        task, _ = self._chunks[number]
        if self._changed_dep(task, checked) is not None:
            return  # what it was made from is not what its key says; found out at the end again
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        partial = Partial(task.key, headway, task.stage, self.run_id, now)
        for part in headway.parts:
            self.session.objects.trust(part.object)
        self._losses.kept(task, headway)
        self.log.add_partial(partial)
        self.past.index.add_partial(partial)
        self.watcher.kept(self.schedule.stages[task.stage], task.index or 0, headway, last)

    def _record(
        self, stage: StageName, key: ChunkKey, report: Done, loose: ChunkKey | None = None, code: Digest | None = None
    ) -> Record:
        """Record what a task came to, before anybody builds on it."""
        record = Record(
            key=key,
            outs=report.outs,
            stage=stage,
            run=self.run_id,
            seconds=report.seconds,
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            rows_in=report.rows_in,
            state=State(*report.state) if report.state is not None else None,
            items=report.items,
            quarantine=report.quarantine,
            loose=loose,
            code=code,
        )
        for part in record.parts:
            self.session.objects.trust(part.object)
        self.log.add(record)
        self.past.index.add(record)
        return record

    def _leave_merge(self, number: int) -> tuple[StageName, Merge]:
        """Take a merge off the books."""
        stage, merge = self._merges.pop(number)
        self.schedule.stages[stage].teams -= 1
        return stage, merge

    def _merged(self, report: Done) -> None:
        stage, merge = self._leave_merge(report.task)
        self.past.brought(*report.brought)
        self.schedule.merged(stage, merge, self._record(stage, merge.key, report))

    def _merge_failed(self, report: Failed) -> None:
        stage, merge = self._leave_merge(report.task)
        failure = self._for_people(report.failure)
        if failure.kind == "store":
            raise StoreError(failure.message, hint=failure.hint)
        if failure.kind in REPLAN_KINDS:
            self.past.disown(failure.lost)
            self.schedule.merge_failed(stage, merge, failure, counts=False)
            self.replan = failure.message
            return
        first = self.schedule.stages[stage].phase is Phase.MERGING
        self.schedule.merge_failed(stage, merge, failure)
        if first:
            self.reporter.emit(ChunkFailed(stage, None, 1, failure, "combining its results"))

    def _changed_dep(self, task: Task, checked: dict[tuple[StageName, str], bool]) -> str | None:
        """Return a workspace dep of the task that is no longer what was hashed.

        A command reads outs of other stages in the workspace too, where anybody may have put others in their places.
        """
        for item in task.inputs:
            if item.source.tree is not None and task.cmd and item.piece is None:
                key = (task.stage, item.label)
                if key not in checked:
                    checked[key] = self._stands(item.source.path, item.source.tree)
                if not checked[key]:
                    return item.source.path
            seen = self.facts.observed.get((task.stage, item.label))
            if seen is None or item.source.tree is not None:
                continue
            piece = item.piece
            if piece is not None and isinstance(piece.where, AtFiles):
                if not self.session.observer.unchanged(seen, piece.where.files):
                    return item.source.path
                continue
            key = (task.stage, item.label)
            if key not in checked:
                checked[key] = self.session.observer.unchanged(seen)
            if not checked[key]:
                return item.source.path
        return None

    def _stands(self, path: str, tree: Digest) -> bool:
        """Tell whether the workspace shows the out `tree` at its path."""
        if path not in self._makers:
            return False
        run, out = self._makers[path]
        if run.names.get(out.label) != tree:
            return False
        self.session.observer.forget(path)
        return not out.workspace or self.session.placer.state(out, run.trees[out.label]) is OutState.SAME

    def _failed(self, report: Failed) -> None:
        task = self._leave(report.task)
        failure = self._for_people(report.failure)
        if failure.kind == "store":
            raise StoreError(failure.message, hint=failure.hint)
        if failure.kind in REPLAN_KINDS:
            self.schedule.failed(task.stage, task.index or 0, failure, counts=False)
            self.past.disown(failure.lost)
            self.replan = failure.message
            return
        if report.at is not None:
            delay = self._losses.died(task, failure, report.at)
            if delay is not None:
                self.schedule.failed(task.stage, task.index or 0, failure, counts=False)
                self._again(task, report.at.attempt, _placed(failure, task, report.at), delay)
                return
            failure = _placed(failure, task, report.at)
        self._losses.forget(task)
        itself = task.each is not None and failure.kind in ITEM_KINDS
        verdict = self.schedule.failed(task.stage, task.index or 0, failure, final=itself)
        if isinstance(verdict, Retry):
            self._again(task, verdict.attempt, failure, verdict.delay)
        else:
            label = self._label(task)
            self.reporter.emit(ChunkFailed(task.stage, task.index, verdict.attempts, failure, label))
        self.watcher.progress(self.schedule.stages[task.stage], task.index or 0, None, None)

    def _again(self, task: Task, attempt: int, failure: Failure, delay: float) -> None:
        """Let a chunk be taken up again after `delay` seconds."""
        self.reporter.emit(ChunkRetry(task.stage, task.index, attempt, failure, delay))
        heapq.heappush(self._delayed, (time.monotonic() + delay, task.stage, task.index or 0))

    def _for_people(self, failure: Failure) -> Failure:
        """Name the log as users would, from the project's directory."""
        return replace(failure, log=failure.log.removeprefix(f"{self.session.root}/"))

    def _cut_failed(self, report: Failed) -> None:
        request = self._cuts.pop(report.task)
        if report.failure.kind == "store":
            raise StoreError(report.failure.message, hint=report.failure.hint)
        if report.failure.kind in REPLAN_KINDS:
            self.past.disown(report.failure.lost)
            self.replan = report.failure.message
            return
        self.schedule.fail_cut(request, report.failure)
        self.reporter.emit(ChunkFailed(request.stage, None, 1, self._for_people(report.failure), "cutting its deps"))

    def _label(self, task: Task) -> str:
        """Return what people call the chunk: its key range, file or rows."""
        return "" if task.index is None else self.schedule.stages[task.stage].label(task.index)

    # ---- the end

    def _wind_down(self) -> None:
        """Start nothing more; take what is finished in time."""
        grace = self.session.settings.grace
        if self.stop.wanted:
            self.reporter.emit(Stopping(self.stop.reason, len(self._chunks), grace))
        else:
            self.reporter.emit(Note("warning", f"{self.replan}; planning again"))
        self._take(self.pool.stop(0.0 if self.stop.at_once else grace))
        if not self.replan:
            self._settle_complete()

    def _next(self) -> int:
        self._number += 1
        return self._number


def _placed(failure: Failure, task: Task, at: InHand) -> Failure:
    """Say at which item a worker died."""
    where = f"at item {at.number} of the chunk" if task.each is not None else "while the item to blame was looked for"
    return replace(failure, message=f"{failure.message}, {where}")


def _unstarted() -> Failure:
    return Failure("killed", "it was not begun")


def _moved(path: str) -> Failure:
    return Failure("dep-changed", f"`{path}` changed while it was being read")
