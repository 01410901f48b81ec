"""Pure. What a schedule knows, told as data: the plan behind `status`, `plan` and `why`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass, field
from ..ids import StageName
from .graph import Graph
from .model import Before, Facts
from .schedule import Schedule
from .stagerun import ChunkState, Phase, StageRun
from .stale import Cause, Reason, reasons


@dataclass(frozen=True, slots=True)
class CodeChange:
    """One symbol of a stage's code (`stages.aml.features:ratio`) that was added, removed or changed; `diff` in unified
    form, of the normalised source.
    """

    symbol: str
    change: str
    diff: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"symbol": self.symbol, "change": self.change, "diff": list(self.diff)}


def code_changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[CodeChange, ...]:
    """Return what differs between two maps of symbol -> normalised source, sorted by symbol."""
    from difflib import unified_diff  # a run imports this module and asks for no changes

    found = []
    for symbol in sorted(then.keys() | now.keys()):
        old, new = then.get(symbol), now.get(symbol)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        lines = unified_diff((old or "").splitlines(), (new or "").splitlines(), "before", "now", lineterm="", n=2)
        found.append(CodeChange(symbol, change, tuple(lines)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage as it stands.

    `state` is `fresh`, `stale` or `frozen`. Chunks: `total` known, `stale` to be run, `reusable` done already, `maybe`
    not known yet; `total` is None while nothing is known of them. `merges`: their results are to be combined.
    `superseded` of the reusable chunks were made by superseded code.
    """

    stage: StageName
    state: str
    total: int | None
    stale: int
    reusable: int
    maybe: int
    reasons: tuple[Reason, ...] = ()
    holes: tuple[str, ...] = ()
    stale_chunks: tuple[int, ...] = ()
    merges: bool = False
    code_changes: tuple[CodeChange, ...] = ()
    superseded: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of SPEC section 8."""
        chunks = {"total": self.total, "stale": self.stale, "reusable": self.reusable, "maybe": self.maybe}
        return {
            "stage": self.stage,
            "state": self.state,
            "chunks": {**chunks, **({"superseded": self.superseded} if self.superseded else {})},
            "reasons": [r.text for r in self.reasons],
            "causes": [r.to_json() for r in self.reasons],
            **({"merges": True} if self.merges else {}),
            **({"holes": list(self.holes)} if self.holes else {}),
            **({"code": [c.to_json() for c in self.code_changes]} if self.code_changes else {}),
        }


@dataclass(frozen=True, slots=True)
class PlanView:
    """All stages in order, and the causes that are nobody's consequence."""

    stages: tuple[StageView, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def pending(self) -> bool:
        """Whether there is anything to do."""
        return any(s.state == "stale" for s in self.stages)

    @property
    def roots(self) -> tuple[tuple[StageName, Reason], ...]:
        """The root causes: all but what follows from other stages."""
        return tuple((s.stage, r) for s in self.stages for r in s.reasons if r.cause is not Cause.FOLLOWS)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of SPEC section 8."""
        return {"ok": True, "pending": self.pending, "stages": [s.to_json() for s in self.stages]}


def view(
    schedule: Schedule,
    graph: Graph,
    facts: Facts,
    extra: dict[StageName, tuple[Reason, ...]],
    holes: dict[StageName, tuple[str, ...]],
) -> PlanView:
    """Return the plan. `extra` are reasons that only the workspace knows: outs that are missing or edited."""
    stages = []
    for run in schedule.stages.values():
        if run.pinned and not run.stage.frozen:
            continue
        stages.append(_stage(run, schedule, graph, facts, extra.get(run.name, ()), holes.get(run.name, ())))
    return PlanView(tuple(stages))


def is_unchanged(run: StageRun, before: Before | None) -> bool:
    """Tell whether a stage with another key has the very outs it had, all from records: a re-encoded dep, say.

    Where superseded code has made some of them, they must have been to stay before.
    """
    if before is None or not run.names or run.count(ChunkState.RAN) or run.names != before.trees:
        return False
    return not run.superseded or (before.superseded, before.items.get("code")) == (run.superseded, run.recipe.code)


def _stage(
    run: StageRun,
    schedule: Schedule,
    graph: Graph,
    facts: Facts,
    extra: tuple[Reason, ...],
    holes: tuple[str, ...],
) -> StageView:
    if run.pinned:
        return StageView(run.name, "frozen", run.fresh_chunks or None, 0, 0, 0)
    if run.fresh or is_unchanged(run, facts.before(run.name)):
        state = "stale" if extra else "fresh"
        return StageView(run.name, state, run.chunks, 0, run.chunks, 0, extra, holes, superseded=run.superseded)
    stale = run.count(ChunkState.READY) + run.count(ChunkState.HELD)
    unknown = [
        n for n in graph.needs[run.name] if n in schedule.stages and schedule.stages[n].phase is not Phase.SETTLED
    ]
    why = (*reasons(run, facts.before(run.name), tuple(unknown)), *extra)
    if run.phase in (Phase.WAITING, Phase.CUTTING):
        before = facts.before(run.name)
        maybe = before.chunks if before is not None and run.chunked else 1
        return StageView(run.name, "stale", before.chunks if before else None, 0, 0, maybe, why, holes)
    return StageView(
        stage=run.name,
        state="stale",
        total=run.chunks,
        stale=stale,
        reusable=run.count(ChunkState.REUSED),
        maybe=run.count(ChunkState.UNKNOWN),
        reasons=why,
        holes=holes,
        stale_chunks=tuple(run.indexes(ChunkState.READY)),
        merges=run.phase is Phase.MERGING,
        superseded=run.superseded,
    )
