"""Pure. What a run came to: the JSON object of SPEC section 8 and the word that the exit code depends on."""

from __future__ import annotations

from typing import Any

from ..chunk.headway import Items
from ..dataclass import dataclass
from ..plan.model import Before
from ..plan.stagerun import ChunkState, Phase, StageRun
from ..plan.view import is_unchanged


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage. `quarantined` items are not in its outs because they failed; `superseded` of its chunks, among those
    that ran and those that were reused, were made by superseded code. `state` is `fresh`, `ran`, `reused`,
    `failed`, `blocked`, `frozen`, or `stopped`: begun or waiting when the run ended before it.
    """

    stage: str
    state: str
    seconds: float
    total: int
    ran: int
    reused: int
    failed: int
    items_ok: int
    items_failed: int
    reasons: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    items_skipped: int = 0
    quarantined: int = 0
    superseded: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of SPEC section 8."""
        chunks = {"total": self.total, "ran": self.ran, "reused": self.reused, "failed": self.failed}
        return {
            "stage": self.stage,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "chunks": {**chunks, **({"superseded": self.superseded} if self.superseded else {})},
            "items": {"ok": self.items_ok, "failed": self.items_failed, "skipped": self.items_skipped},
            **({"quarantined": self.quarantined} if self.quarantined else {}),
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Shared:
    """What went to a remote and came from it. `complete`: it has all that is finished here; else `problem` says why.

    `left` are the paths of outs that are up to date there, and not in the workspace.
    """

    remote: str
    url: str
    sent_objects: int
    sent_bytes: int
    fetched_objects: int
    fetched_bytes: int
    complete: bool
    problem: str | None = None
    left: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.remote,
            "url": self.url,
            "sent": {"objects": self.sent_objects, "bytes": self.sent_bytes},
            "fetched": {"objects": self.fetched_objects, "bytes": self.fetched_bytes},
            "complete": self.complete,
            **({"problem": self.problem} if self.problem is not None else {}),
            "left": list(self.left),
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run. `outcome` is `ok`, `failed`, `interrupted` (then `signal` is its number) or `timeout`."""

    run: str
    outcome: str
    seconds: float
    stages: tuple[StageResult, ...]
    signal: int | None = None
    shared: Shared | None = None

    @property
    def ok(self) -> bool:
        """Whether all that was asked for is done."""
        return self.outcome == "ok"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of SPEC section 8."""
        doc = {
            "run": self.run,
            "ok": self.ok,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 3),
            "stages": [s.to_json() for s in self.stages],
        }
        return doc if self.shared is None else {**doc, "remote": self.shared.to_json()}


def stage_result(
    run: StageRun, before: Before | None, *, earlier: int, restored: bool, reasons: tuple[str, ...]
) -> StageResult:
    """Return what became of a stage. `earlier` chunks ran in former passes of the same run; `restored`: outs were put
    back into the workspace.
    """
    ran = run.count(ChunkState.RAN) + earlier
    reused = run.chunks if run.fresh else run.count(ChunkState.REUSED) - earlier
    failed = run.count(ChunkState.FAILED)
    items = sum((run.done.items_of(index) for index in run.indexes(ChunkState.RAN)), Items())
    rows, size = run.done.size
    return StageResult(
        stage=run.name,
        state=_state(run, before, ran, restored),
        seconds=run.seconds,
        total=run.chunks,
        ran=ran,
        reused=max(0, reused),
        failed=failed,
        items_ok=items.ok,
        items_failed=items.failed + failed,
        items_skipped=items.skipped,
        quarantined=before.quarantined if run.fresh and before is not None else run.items.failed,
        superseded=run.superseded,
        reasons=reasons,
        rows=rows,
        bytes=size,
    )


def _state(run: StageRun, before: Before | None, ran: int, restored: bool) -> str:
    match run.phase:
        case Phase.FAILED:
            return "failed"
        case Phase.BLOCKED:
            return "blocked"
        case Phase.SETTLED if run.pinned:
            return "frozen"
        case Phase.SETTLED if ran:
            return "ran"
        case Phase.SETTLED if restored or not (run.fresh or is_unchanged(run, before)):
            return "reused"
        case Phase.SETTLED:
            return "fresh"
        case _:
            return "stopped"
