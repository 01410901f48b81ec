"""Edge. The use case of all use cases: bring what was asked for up to date."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..checkpoints.locks import hold
from ..checkpoints.manifest import Status
from ..checkpoints.records import Durability, RecordLog
from ..errors import CkptflowError
from ..events import Note, Reporter, RunEnded, RunStarted, StageDone, Waiting
from ..ids import Digest, StageName
from ..plan.model import Before
from ..plan.schedule import Schedule
from ..plan.selection import Selection
from ..plan.stagerun import Phase, StageRun
from ..plan.stale import reasons
from ..run.aside import recover
from ..run.messages import WorkerSetup
from ..run.pool import Pool
from ..store import layout
from ..workspace.place import OutState, edited
from . import witness
from .drive import Loop, Outcome, Watcher
from .facts import ProjectFacts
from .keeping import Keeper
from .result import RunResult, StageResult, stage_result
from .session import Session, StorePast, new_run_id
from .settle import Settler
from .stop import Stop
from .survey import Survey, gather, read_pipeline
from .sweep import sweep_logs, sweep_scratch, sweep_spills
from .targets import ReproOptions, check_chunks, select
from .tasks import TaskMaker

PASSES_MOST = 6
SYNC_SECONDS = 1.0


def repro(session: Session, targets: Sequence[str], options: ReproOptions, reporter: Reporter) -> RunResult:
    """Run what is stale, reuse what is done, and leave workspace, store and lock file saying so.

    Holds the pipeline's lock meanwhile. Raises what makes a run impossible (`SpecError`, `StoreError`, `Locked`,
    `OutEdited`, `DepMissing`, ...); failing chunks are no exception but part of the result.
    """
    run_id = new_run_id()
    began = time.monotonic()

    def waiting(what: str, holder: str) -> None:
        reporter.emit(Waiting(what, holder))

    with hold(
        session.store_root,
        [f"pipeline {session.location.file}"],
        run=run_id,
        on_wait=waiting,
        timeout=session.settings.lock_timeout,
    ):
        for path in recover(session.root):
            reporter.emit(Note("warning", f"put back `{path}`, which an interrupted run had moved aside"))
        with Stop(options.time_limit) as stop:
            result = _Run(session, targets, options, reporter, run_id, stop).go(began)
    return result


@dataclass(slots=True)
class _Run:
    """One run: passes over fresh schedules until one ends without the ground moving under it."""

    session: Session
    targets: Sequence[str]
    options: ReproOptions
    reporter: Reporter
    run_id: str
    stop: Stop
    ran_before: dict[StageName, int] = field(default_factory=dict)
    announced: set[StageName] = field(default_factory=set)

    def go(self, began: float) -> RunResult:
        session = self.session
        log = RecordLog(session.store, self.run_id, durability=Durability(session.settings.durability))
        with _synced(log):
            for attempt in range(PASSES_MOST):
                session.look_again()
                survey = read_pipeline(session)
                selection = select(survey.pipeline, survey.graph, self.targets, self.options, self._failed_before)
                outcome, stages = self._pass(survey, selection, log, first=attempt == 0)
                if outcome is not Outcome.REPLAN:
                    break
            else:
                raise CkptflowError(
                    "the deps or the store change faster than they can be read", hint="stop what is writing to them"
                )
        result = self._result(outcome, stages, began)
        self._keep(result)
        self.reporter.emit(RunEnded(self.run_id, result.ok, result.seconds, result.to_json()))
        return result

    def _pass(
        self, survey: Survey, selection: Selection, log: RecordLog, *, first: bool
    ) -> tuple[Outcome, tuple[StageResult, ...]]:
        session = self.session
        facts = gather(session, survey, selection)
        past = StorePast(session, log)
        try:
            self._refuse_edited(survey, selection, past)
            schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
            workers = session.settings.workers
            if first:
                order = tuple(n for n in survey.graph.order if n in selection.stages)
                self.reporter.emit(RunStarted(self.run_id, order, workers))
            settler = Settler(session, survey.lock, force=self.options.force, commit=self.options.commit)
            keeper = Keeper(session.store, session.objects, self.run_id, facts.code)
            watcher = Watcher(
                begin=keeper.begin,
                progress=keeper.progress,
                settle=lambda run: self._settle(run, settler, keeper, facts),
                explain=lambda run: _sentences(run, facts),
            )
            logs = session.logs / self.run_id
            with Pool(workers, self._setup(facts)) as pool:
                self.stop.wake(pool.wakeup_fd)
                loop = Loop(
                    session=session,
                    schedule=schedule,
                    facts=facts,
                    past=past,
                    log=log,
                    pool=pool,
                    tasks=TaskMaker(schedule, facts.forms, str(logs)),
                    reporter=self.reporter,
                    run_id=self.run_id,
                    stop=self.stop,
                    watcher=watcher,
                )
                try:
                    outcome = loop.run()
                finally:
                    self._tell_damage()
                    log.sync()
                    gone = set(survey.lock) - set(survey.pipeline.stages) if _is_whole(selection, survey) else ()
                    settler.write(tuple(gone))
                    self.stop.wake(-1)
        finally:
            past.index.close()
        for run in schedule.stages.values():
            keeper.end(run, Status.FAILED if run.phase is Phase.FAILED else Status.IN_PROGRESS)
            if outcome is not Outcome.REPLAN:
                self._tell_end(run, facts)
        if outcome is Outcome.DONE:
            check_chunks(
                survey.pipeline, self.targets, {r.name: r.chunks for r in schedule.stages.values() if r.states}
            )
        self._note_failures(schedule)
        results = tuple(
            stage_result(
                run,
                facts.before(run.name),
                earlier=self.ran_before.get(run.name, 0),
                restored=run.name in settler.restored,
                reasons=() if run.fresh else _sentences(run, facts),
            )
            for run in schedule.stages.values()
            if not run.pinned or run.stage.frozen
        )
        if outcome is Outcome.DONE:
            sweep_spills(session, survey.pipeline, facts)
        if outcome is Outcome.DONE and self.options == ReproOptions():
            worked = any(r.state != "fresh" for r in results)
            witness.write(session, survey, schedule, facts, results, self.targets, wait=worked)
        for result in results:
            self.ran_before[StageName(result.stage)] = result.ran
        return outcome, results

    def _settle(self, run: StageRun, settler: Settler, keeper: Keeper, facts: ProjectFacts) -> None:
        settler.settle(run)
        keeper.end(run, Status.COMPLETED)
        self._tell_end(run, facts, settled=True, restored=run.name in settler.restored)

    def _tell_end(self, run: StageRun, facts: ProjectFacts, *, settled: bool = False, restored: bool = False) -> None:
        if run.name in self.announced or (run.pinned and not run.stage.frozen):
            return
        if not settled and run.phase not in (Phase.FAILED, Phase.BLOCKED) and not run.states:
            return
        self.announced.add(run.name)
        phase, run.phase = run.phase, Phase.SETTLED if settled else run.phase
        result = stage_result(
            run, facts.before(run.name), earlier=self.ran_before.get(run.name, 0), restored=restored, reasons=()
        )
        run.phase = phase
        self.reporter.emit(
            StageDone(
                run.name,
                result.state,
                result.seconds,
                result.total,
                result.ran,
                result.reused,
                result.failed,
                result.rows,
                result.bytes,
            )
        )

    def _refuse_edited(self, survey: Survey, selection: Selection, past: StorePast) -> None:
        """Before any work: an out changed by hand would be overwritten after it. Set bad objects aside on the way."""
        for name in survey.graph.order:
            stage = survey.pipeline.stages[name]
            if name not in selection.stages or stage.frozen:
                continue
            entry = survey.lock.get(name)
            for out in stage.outs:
                if not out.workspace or (stage.cmd and out.persist):
                    continue
                noted = entry.outs.get(out.label) if entry is not None else None
                tree = past.document(Digest(noted["tree"])) if noted is not None else None
                state = self.session.placer.state(out, tree)
                if state is OutState.EDITED and not self.options.force:
                    raise edited(out.path)
                if state is OutState.DAMAGED:
                    self.reporter.emit(
                        Note("warning", f"`{out.path}` was damaged in the store; the bad bytes were set aside", name)
                    )
        self._tell_damage()

    def _tell_damage(self) -> None:
        """Tell of objects that proved damaged since the last time."""
        for text in self.session.objects.set_aside:
            self.reporter.emit(Note("warning", text))
        self.session.objects.set_aside.clear()

    def _setup(self, facts: ProjectFacts) -> WorkerSetup:
        session = self.session
        reached = {path for code in facts.code.values() for path in code.files}
        return WorkerSetup(
            root=str(session.root),
            store=str(session.store_root),
            spills=str(session.spills),
            sources={path: name for path, name in session.sources.read.items() if name is not None and path in reached},
        )

    def _note_failures(self, schedule: Schedule) -> None:
        """Keep which chunks failed, for `stage#failed` and `--retry-failed`."""
        failed = {
            str(run.name): sorted(run.failures) for run in schedule.stages.values() if run.states and not run.fresh
        }
        self.session.cache.keep_documents("failed", failed)

    def _failed_before(self, stage: StageName) -> frozenset[int]:
        """Return the chunks of a stage that failed in its last run."""
        doc = self.session.cache.document("failed", stage)
        return frozenset(doc or ())

    def _result(self, outcome: Outcome, stages: tuple[StageResult, ...], began: float) -> RunResult:
        seconds = time.monotonic() - began
        if outcome is Outcome.STOPPED:
            number = self.stop.signals[0] if self.stop.signals else None
            word = "interrupted" if number is not None else "timeout"
            return RunResult(self.run_id, word, seconds, stages, signal=number)
        bad = any(s.state in ("failed", "blocked") for s in stages)
        return RunResult(self.run_id, "failed" if bad else "ok", seconds, stages)

    def _keep(self, result: RunResult) -> None:
        """Keep the result for `log`; let go of old logs."""
        session = self.session
        if any(s.state not in ("fresh", "frozen") for s in result.stages):
            session.store.put(layout.run_name(self.run_id), (json.dumps(result.to_json(), indent=1) + "\n").encode())
        sweep_logs(session)
        sweep_scratch(session)


def _is_whole(selection: Selection, survey: Survey) -> bool:
    """Tell whether all stages were asked for, so that entries of stages that are gone may go too."""
    return selection.stages == frozenset(survey.pipeline.stages)


def _sentences(run: StageRun, facts: ProjectFacts) -> tuple[str, ...]:
    before: Before | None = facts.before(run.name)
    return tuple(reason.text for reason in reasons(run, before, ()))


@contextlib.contextmanager
def _synced(log: RecordLog) -> Iterator[None]:
    """Sync what is recorded once a second, beside the work, and at the end."""
    ended = threading.Event()
    errors: list[CkptflowError] = []

    def beat() -> None:
        while not ended.wait(SYNC_SECONDS):
            try:
                log.sync()
            except CkptflowError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=beat, name="ckptflow-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if not errors:
            log.sync()
    if errors:
        raise errors[0]
