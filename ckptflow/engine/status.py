"""Edge. What would be run, and why: the schedule brought as far as it goes without running anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..dataclass import replace
from ..ids import Digest, StageName
from ..plan.schedule import Schedule
from ..plan.selection import Selection
from ..plan.stale import Cause, Reason
from ..plan.view import PlanView, StageView, code_changes, view
from ..run.messages import CutTask, Input
from .facts import ProjectFacts
from .former import elsewhere, former_work
from .keeping import sources_of
from .regain import Regaining
from .session import Far, Session, StorePast
from .survey import Survey, gather, out_reasons
from .tasks import worker_source


def status(session: Session, survey: Survey, selection: Selection) -> PlanView:
    """Return the plan for what was selected. Writes nothing but derived data."""
    former = former_work(session, survey.pipeline)
    regaining = Regaining(session, survey.pipeline, survey.lock)
    session.placer.neighbours = (regaining,) if former is None else (regaining, former)
    facts = gather(session, survey, selection, elsewhere(former))
    far = far_of(session, survey)
    past = StorePast(session, adopter=former, regainer=regaining, far=far, code=survey.code_outs)
    schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
    look_ahead(session, schedule, facts)
    extra: dict[StageName, tuple[Reason, ...]] = {}
    for run in schedule.stages.values():
        if not run.pinned:
            extra[run.name] = out_reasons(session, past, survey, run)
    holes = {name: tuple(str(h) for h in code.holes) for name, code in facts.code.items()}
    result = view(schedule, survey.graph, facts, extra, holes)
    past.index.close()
    return replace(result, stages=tuple(_with_code(session, survey, facts, s) for s in result.stages))


def far_of(session: Session, survey: Survey) -> Far | None:
    """Return the finished work that others share, as far as it is known here; None where nothing is shared."""
    if not session.settings.shares:
        return None
    from .sharing import look_there  # who shares nothing imports none of it

    return look_there(session, survey)


def _with_code(session: Session, survey: Survey, facts: ProjectFacts, stage: StageView) -> StageView:
    """Name the symbols whose change made a stage stale, where the code of its last run is still kept."""
    then, now = survey.lock.get(stage.stage), facts.code.get(stage.stage)
    if then is None or now is None or then.code is None or then.code == now.digest:
        return stage
    sources = sources_of(session.store, session.objects, stage.stage, then.code)
    if sources is None:
        return stage
    changes = code_changes(sources, now.sources)
    if not changes:
        return stage
    names = ", ".join(f"{c.symbol} {c.change}" for c in changes[:3]) + (", ..." if len(changes) > 3 else "")
    reasons = tuple(
        replace(r, text=f"its code changed: {names}") if r.cause is Cause.CODE else r for r in stage.reasons
    )
    return replace(stage, reasons=reasons, code_changes=changes)


def look_ahead(session: Session, schedule: Schedule, facts: ProjectFacts) -> None:
    """Bring a schedule as far as what is known allows, cutting here what has to be cut."""
    schedule.start()
    from tempfile import TemporaryDirectory  # a run imports this module too

    with TemporaryDirectory(prefix="ckptflow-") as scratch:
        object_path = _with_trees(session, schedule, Path(scratch))
        spills = session.spills if os.access(session.location.state, os.W_OK) else Path(scratch)
        while True:
            for name in schedule.complete():
                schedule.settled(name)
            requests = schedule.cuts()
            if not requests:
                if not schedule.complete():
                    return
                continue
            from ..run.cutting import cut

            for request in requests:
                run = schedule.stages[request.stage]
                columns = {d.label: d.columns for d in run.stage.deps}
                inputs = tuple(
                    Input(label, worker_source(source), columns=columns[label])
                    for label, source in request.sources.items()
                )
                task = CutTask(0, request.stage, inputs, request.spec, "")
                sheet = cut(task, object_path, session.root, spills)
                facts.keep_sheet(request, sheet)
                schedule.cut(request, sheet)


def _with_trees(session: Session, schedule: Schedule, scratch: Path) -> Callable[[Digest], Path]:
    """Return where objects lie. The tree of an out that is known and was never put together is not in the store."""

    def object_path(name: Digest) -> Path:
        for run in schedule.stages.values():
            for label, known in run.names.items():
                if known == name and not session.objects.has(name):
                    path = scratch / name
                    path.write_bytes(run.trees[label].encode())
                    return path
        return session.objects.path(name)

    return object_path
