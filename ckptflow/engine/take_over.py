"""Edge. Take over what DVC did, of all stages at once, and run nothing: the second half of `import-dvc`.

A stage that cannot be taken over stands in nobody's way but of those that read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..checkpoints.locks import hold, share
from ..checkpoints.records import Durability, RecordLog
from ..dataclass import dataclass
from ..dvc.lock import NotedStage
from ..errors import OutEdited
from ..ids import StageName
from ..plan.schedule import Schedule
from ..plan.selection import Selection
from ..plan.stagerun import Phase, StageRun
from ..plan.view import StageView, view
from ..workspace.place import OutState, edited
from .adopt import Adoption
from .regain import Regaining
from .session import Session, StorePast, new_run_id
from .settle import Settler
from .survey import Survey, gather
from .tracked import missing, restore_tracked, where_tracked


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stage stands after an import: `taken` over, `fresh` already, `frozen`, `stale` - a run would run it, or
    `unknown` before its deps are put in place. `reasons` are sentences.
    """

    stage: str
    state: str
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"stage": self.stage, "state": self.state, "reasons": list(self.reasons)}


def take_over(
    session: Session, survey: Survey, old: Mapping[StageName, NotedStage], *, write: bool
) -> tuple[Standing, ...]:
    """Return how each stage stands once what DVC did is taken over; with `write`, take it over.

    Raises `SpecError`, `StoreError`, `Locked`.
    """
    if not write:
        return _take_over(session, survey, old, None)
    run = new_run_id()
    locks = [f"pipeline {file}" for file in survey.pipeline.files]
    patience = session.settings.lock_timeout
    with (
        share(session.store_root, run=run, timeout=patience),
        hold(session.store_root, locks, run=run, timeout=patience),
    ):
        log = RecordLog(session.store, run, durability=Durability(session.settings.durability))
        try:
            return _take_over(session, survey, old, log)
        finally:
            log.sync()


def _take_over(
    session: Session, survey: Survey, old: Mapping[StageName, NotedStage], log: RecordLog | None
) -> tuple[Standing, ...]:
    adoption = Adoption(session, survey.pipeline, old)
    regaining = Regaining(session, survey.pipeline, survey.lock)
    session.placer.neighbours = (regaining, adoption)
    selection = Selection(frozenset(survey.pipeline.stages), keep_going=True)
    if log is not None:
        restore_tracked(session, survey, selection, adoption.dvc)
    facts = gather(session, survey, selection, partial(where_tracked, adoption.dvc))
    past = StorePast(session, log, adoption, regaining)
    schedule = Schedule(survey.pipeline, survey.graph, facts, past, selection)
    settler = Settler(session, survey.locks, force=False, commit=True) if log is not None else None
    try:
        kept = _settle_all(session, schedule, settler)
    finally:
        past.index.close()
        if settler is not None:
            settler.write()
    views = {v.stage: v for v in view(schedule, survey.graph, facts, {}, {}).stages}
    found: dict[StageName, Standing] = {}
    for name in survey.graph.order:
        found[name] = _standing(schedule.stages[name], views[name], kept.get(name))
    if log is None:
        _mark_unknown(session, survey, adoption, found)
    return tuple(found.values())


def _mark_unknown(session: Session, survey: Survey, adoption: Adoption, found: dict[StageName, Standing]) -> None:
    """Of stages that wait for a dep to be put in place, and of those after them, only a real import can tell."""
    for name in survey.graph.order:
        tracked = missing(session, survey, Selection(frozenset((name,))), adoption.dvc)
        if any(adoption.dvc.kept(noted) for _, noted in tracked):
            found[name] = Standing(name, "unknown", ("its deps are put in place first, out of DVC's cache",))
        elif any(found[up].state == "unknown" for up in survey.graph.needs[name]):
            found[name] = Standing(name, "unknown", found[name].reasons)


def _settle_all(session: Session, schedule: Schedule, settler: Settler | None) -> dict[StageName, str]:
    """Bring the schedule as far as it goes without work. Returns why stages that are done could not be settled."""
    kept: dict[StageName, str] = {}
    schedule.start()
    while names := schedule.complete():
        for name in names:
            run = schedule.stages[name]
            try:
                if settler is not None:
                    settler.settle(run)
                else:
                    _refuse_edited(session, run)
            except OutEdited as error:
                kept[name] = error.message
                schedule.fail_stage(name)
            else:
                schedule.settled(name)
    return kept


def _refuse_edited(session: Session, run: StageRun) -> None:
    for out in run.stage.outs:
        if out.workspace and session.placer.state(out, run.trees[out.label]) is OutState.EDITED:
            raise edited(out.path)


def _standing(run: StageRun, seen: StageView, kept: str | None) -> Standing:
    if seen.state == "frozen":
        return Standing(run.name, "frozen")
    if kept is not None:
        return Standing(run.name, "stale", (kept,))
    if run.cut_failure is not None:
        return Standing(run.name, "stale", tuple(t for t in (run.cut_failure.message, run.cut_failure.hint) if t))
    if run.phase is Phase.SETTLED:
        return Standing(run.name, "taken" if run.adopted else "fresh")
    return Standing(run.name, "stale", tuple(reason.text for reason in seen.reasons))
