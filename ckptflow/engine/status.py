"""Edge. What would be run, and why: the schedule brought as far as it goes without running anything."""

from __future__ import annotations

from ..ids import StageName
from ..plan.schedule import Schedule, Selection
from ..plan.stale import Reason
from ..plan.view import PlanView, view
from ..run.messages import CutTask, Input
from .facts import ProjectFacts
from .session import Session, StorePast
from .survey import Survey, gather, out_reasons
from .tasks import worker_source


def status(session: Session, survey: Survey, selection: Selection) -> PlanView:
    """Return the plan for what was selected. Writes nothing but derived data."""
    facts = gather(session, survey, selection)
    past = StorePast(session)
    schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
    look_ahead(session, schedule, facts)
    extra: dict[StageName, tuple[Reason, ...]] = {}
    for run in schedule.stages.values():
        if not run.pinned:
            extra[run.name] = out_reasons(session, past, survey, run)
    holes = {name: tuple(str(h) for h in code.holes) for name, code in facts.code.items()}
    result = view(schedule, survey.graph, facts, extra, holes)
    past.index.close()
    return result


def look_ahead(session: Session, schedule: Schedule, facts: ProjectFacts) -> None:
    """Bring a schedule as far as what is known allows, cutting here what has to be cut."""
    schedule.start()
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
                Input(label, worker_source(source), columns=columns[label]) for label, source in request.sources.items()
            )
            task = CutTask(0, request.stage, inputs, request.spec, "")
            sheet = cut(task, session.objects.path, session.root, session.spills)
            facts.keep_sheet(request, sheet)
            schedule.cut(request, sheet)
