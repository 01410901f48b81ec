"""Edge. One attempt at a run: a fresh look, a schedule driven as far as it goes, and what came of it.

A run is one attempt, unless the ground moves under it. What earlier attempts of the same run did is counted as done by
the run, not as found.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..checkpoints.manifest import Status
from ..checkpoints.oplog import OperationLog
from ..checkpoints.records import RecordLog
from ..chunk.headway import Headway
from ..dataclass import dataclass, field
from ..errors import StoreDamaged
from ..events import Note, Reporter, RunStarted, StageDone
from ..ids import Digest, StageName
from ..plan.schedule import Schedule
from ..plan.selection import Selection
from ..plan.stagerun import Phase, StageRun
from ..plan.stale import reasons
from ..run.boot import boot_second
from ..run.messages import WorkerSetup
from ..run.pool import Pool
from ..store import layout
from ..workspace.place import OutState, edited
from . import witness
from .drive import Loop, Outcome, Watcher
from .facts import ProjectFacts
from .former import elsewhere, former_work, restore
from .keeping import Keeper
from .regain import Regaining
from .result import StageResult, stage_result
from .session import Session, StorePast, note_failures
from .settle import Settler
from .stop import Stop
from .survey import Survey, gather
from .sweep import sweep_spills
from .targets import ReproOptions, check_chunks
from .tasks import TaskMaker

if TYPE_CHECKING:
    from .sharing import Sharing

__all__ = ["Attempt", "Outcome"]


@dataclass(slots=True)
class Attempt:
    """What the attempts of one run share."""

    session: Session
    targets: Sequence[str]
    options: ReproOptions
    reporter: Reporter
    run_id: str
    stop: Stop
    log: RecordLog
    ops: OperationLog
    sharing: Sharing | None = None
    left: frozenset[str] = frozenset()
    _ran: dict[StageName, int] = field(default_factory=dict)
    _told: set[StageName] = field(default_factory=set)
    _started: bool = False
    _written: float = 0.0
    _witness: Callable[[], None] | None = None

    def run(self, survey: Survey, selection: Selection) -> tuple[Outcome, tuple[StageResult, ...]]:
        """Bring the selection up to date; return how that ended and what became of each stage."""
        session = self.session
        if session.settings.workers > 1 and len(selection.stages - survey.lock.keys()) > 1:
            boot_second()  # beside the planning
        former = former_work(session, survey.pipeline)
        regaining = Regaining(session, survey.pipeline, survey.lock)
        session.placer.neighbours = (regaining,) if former is None else (regaining, former)
        if self.sharing is not None:
            self.sharing.survey(survey)
        facts = gather(session, survey, selection, elsewhere(former))
        for path in restore(session, survey, selection, former):
            self.reporter.emit(Note("info", f"put `{path}` in place, out of DVC's cache"))
        past = StorePast(session, self.log, former, regaining, self.sharing, survey.code_outs)
        try:
            self._refuse_edited(survey, selection, past)
            schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
            self._tell_start(survey, selection)
            settler = Settler(session, survey.locks, force=self.options.force, commit=self.options.commit)
            keeper = Keeper(session.store, session.objects, self.run_id, facts.code, self.log, self.ops, self._publish)
            try:
                outcome = self._drive(schedule, facts, past, settler, keeper)
                if outcome is Outcome.DONE:
                    outcome = self._bring_results(schedule, settler)
            finally:
                self._tell_damage()
                self.log.sync()
                whole = selection.stages == frozenset(survey.pipeline.stages)
                settler.write(tuple(set(survey.lock) - set(survey.pipeline.stages)) if whole else ())
                self._written = time.monotonic()
        finally:
            past.index.close()
        return outcome, self._conclude(outcome, survey, schedule, facts, settler, keeper)

    def testify(self) -> None:
        """Keep a witness that nothing is left to do, if that is so: the last thing of a run, as it may have to wait."""
        if self._witness is not None:
            self._witness()

    def _drive(
        self, schedule: Schedule, facts: ProjectFacts, past: StorePast, settler: Settler, keeper: Keeper
    ) -> Outcome:
        watcher = Watcher(
            begin=lambda run: self._begin(run, settler, keeper),
            progress=keeper.progress,
            kept=keeper.kept,
            settle=lambda run: self._settle(run, settler, keeper, facts),
            explain=lambda run: _sentences(run, facts),
        )
        functions = any(not run.stage.cmd or run.chunked for run in schedule.stages.values())
        with Pool(self.session.settings.workers, self._setup(facts), functions=functions) as pool:
            self.stop.wake(pool.wakeup_fd)
            try:
                return Loop(
                    session=self.session,
                    schedule=schedule,
                    facts=facts,
                    past=past,
                    log=self.log,
                    pool=pool,
                    tasks=TaskMaker(
                        schedule,
                        facts.forms,
                        str(self.session.logs / self.run_id),
                        links=self.session.placer.makes_links(),
                        combine_forms=facts.combine_forms,
                        kept=partial(self._headway, past),
                    ),
                    reporter=self.reporter,
                    run_id=self.run_id,
                    stop=self.stop,
                    watcher=watcher,
                ).run()
            finally:
                self.stop.wake(-1)

    def _headway(self, past: StorePast, run: StageRun, index: int) -> Headway | None:
        """Return what an earlier attempt at a chunk has kept; of earlier runs nothing where all is to be made anew."""
        if index in run.mending:
            return run.mending[index].headway
        key = run.keys[index]
        assert key is not None
        found = past.partial(run.name, key)
        if found is None or (run.forced and found.run != self.run_id):
            return None
        return found.headway

    def _conclude(
        self,
        outcome: Outcome,
        survey: Survey,
        schedule: Schedule,
        facts: ProjectFacts,
        settler: Settler,
        keeper: Keeper,
    ) -> tuple[StageResult, ...]:
        """Write down how each stage ended; after a whole run, prepare to say that nothing is left to do."""
        for run in schedule.stages.values():
            keeper.end(run, Status.FAILED if run.phase is Phase.FAILED else Status.IN_PROGRESS)
            if outcome is not Outcome.REPLAN:
                self._tell_end(run, facts)
        if outcome is Outcome.DONE:
            counts = {r.name: r.chunks for r in schedule.stages.values() if r.states}
            check_chunks(survey.pipeline, self.targets, counts)
            sweep_spills(self.session, survey.pipeline, facts)
        note_failures(self.session.cache, schedule)
        results = tuple(
            stage_result(
                run,
                facts.before(run.name),
                earlier=self._ran.get(run.name, 0),
                restored=run.name in settler.restored,
                reasons=() if run.fresh else _sentences(run, facts),
            )
            for run in schedule.stages.values()
            if not run.pinned or run.stage.frozen
        )
        settled = not any(result.quarantined for result in results)  # else the exit code is to tell of them again
        if outcome is Outcome.DONE and self.options == ReproOptions() and settled:
            written = self._written if any(r.state != "fresh" for r in results) else None
            absent = (*settler.left, *((self.sharing.unsent,) if self.sharing is not None else ()))
            self._witness = partial(
                witness.write, self.session, survey, schedule, facts, results, self.targets, absent, written=written
            )
        self._ran.update({StageName(result.stage): result.ran for result in results})
        return results

    def _begin(self, run: StageRun, settler: Settler, keeper: Keeper) -> None:
        """Before the first work of a stage: a command finds what it reads in the workspace."""
        if run.stage.cmd:
            settler.bring(dep.path for dep in run.stage.deps)
        keeper.begin(run)

    def _bring_results(self, schedule: Schedule, settler: Settler) -> Outcome:
        """Place what was brought for stages to read, and the results: outs that no stage reads. With `pull`, all.

        What proves damaged in the remote is not there from now on, and is planned for again.
        """
        read = {dep.path for run in schedule.stages.values() for dep in run.stage.deps}
        try:
            settler.bring_near()
            settler.bring([path for path in settler.left if self.options.pull or path not in read])
        except StoreDamaged as error:
            self.reporter.emit(Note("warning", f"{error.message}; planning again"))
            return Outcome.REPLAN
        self.left = settler.left
        return Outcome.DONE

    def _publish(self, checkpoint: str, objects: Iterable[Digest]) -> None:
        """Let the remote have a checkpoint, and the objects that it names."""
        if self.sharing is not None:
            self.sharing.publish((checkpoint, f"{checkpoint.rpartition('/')[0]}/{layout.LATEST}"), objects)

    def _settle(self, run: StageRun, settler: Settler, keeper: Keeper, facts: ProjectFacts) -> None:
        settler.settle(run)
        if self.sharing is not None and not run.fresh:
            self.sharing.publish((), run.names.values())
        keeper.end(run, Status.COMPLETED)
        self._tell_end(run, facts, settled=True, restored=run.name in settler.restored)

    def _tell_end(self, run: StageRun, facts: ProjectFacts, *, settled: bool = False, restored: bool = False) -> None:
        if run.name in self._told or (run.pinned and not run.stage.frozen):
            return
        if not settled and run.phase not in (Phase.FAILED, Phase.BLOCKED) and not run.states:
            return
        self._told.add(run.name)
        phase, run.phase = run.phase, Phase.SETTLED if settled else run.phase
        result = stage_result(
            run, facts.before(run.name), earlier=self._ran.get(run.name, 0), restored=restored, reasons=()
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
                result.quarantined,
            )
        )

    def _tell_start(self, survey: Survey, selection: Selection) -> None:
        if not self._started:
            self._started = True
            order = tuple(n for n in survey.graph.order if n in selection.stages)
            self.reporter.emit(RunStarted(self.run_id, order, self.session.settings.workers))

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
                if not os.path.lexists(self.session.root / out.path):
                    continue
                noted = entry.outs.get(out.label) if entry is not None else None
                tree = past.document(Digest(noted["tree"])) if noted is not None else None
                state = self.session.placer.state(out, tree)
                if state is OutState.EDITED and self.sharing is not None:  # or kept in the remote, as others left it
                    self.sharing.look()
                    state = self.session.placer.state(out, past.document(Digest(noted["tree"])) if noted else None)
                if state is OutState.EDITED and not self.options.force:
                    raise edited(out.path)
                if state is OutState.DAMAGED:
                    self.reporter.emit(
                        Note("warning", f"`{out.path}` was damaged in the store; the bad bytes were set aside", name)
                    )
        self._tell_damage()

    def _tell_damage(self) -> None:
        """Tell of objects that proved damaged since the last time, and of work in the remote that could not be used."""
        if self.sharing is not None:
            for name, text in self.sharing.refused.items():
                self.reporter.emit(Note("warning", text, name))
            self.sharing.refused.clear()
        for text in self.session.objects.set_aside:
            self.reporter.emit(Note("warning", text))
        self.session.objects.set_aside.clear()

    def _setup(self, facts: ProjectFacts) -> WorkerSetup:
        session = self.session
        functions = (*facts.code.values(), *facts.combining.values())
        reached = {path for code in functions for path in code.files}
        return WorkerSetup(
            root=str(session.root),
            store=str(session.store_root),
            spills=str(session.spills),
            env={"DVC_ROOT": str(session.root)},  # scripts written for DVC look for both of its variables
            remote=self.sharing.setup() if self.sharing is not None else None,
            sources={path: name for path, name in session.sources.read.items() if name is not None and path in reached},
        )


def _sentences(run: StageRun, facts: ProjectFacts) -> tuple[str, ...]:
    return tuple(reason.text for reason in reasons(run, facts.before(run.name), ()))
