"""Pure. Chunks at which workers died, or ran out of memory, in stages that set items aside: what the worker that takes
over is told.

Rules: a death counts against the item, or the trial, at which it happened only where nothing else can be to blame
(`InHand.to_blame`). If it does not, the next worker is a fresh one that begins with that very item or trial, as soon as
all before it is kept; what then dies again is to blame. So every death is counted or brings the chunk on. Where a chunk
cannot be brought on (of a finished one, whose failed items are tried again, nothing is kept), so many deaths at one
place count anyway.
"""

from __future__ import annotations

from ..chunk.headway import Headway
from ..dataclass import dataclass, field, replace
from ..errors import Failure
from ..ids import StageName
from ..run.messages import Fallen, InHand, Task

_DOUBTS = 2
"""So many deaths at one item, or trial, are not counted. One more comes of a fresh worker that began with it."""


@dataclass(slots=True)
class _Loss:
    """What is known of one chunk. `died`: a worker did. `doubts` are deaths that were not counted, by number."""

    fallen: dict[int, Fallen] = field(default_factory=dict)
    tried: list[Failure | None] = field(default_factory=list)
    headway: Headway | None = None
    doubts: dict[int, int] = field(default_factory=dict)
    died: bool = False


@dataclass(slots=True)
class Losses:
    """What is known of the chunks of one pass over a schedule."""

    _chunks: dict[StageName, dict[int | None, _Loss]] = field(default_factory=dict)

    def told(self, task: Task) -> Task:
        """Return a task with what is known of its chunk."""
        loss = self._chunks.get(task.stage, {}).get(task.index)
        if loss is None or not loss.died:
            return task
        headway = loss.headway or task.headway
        return replace(task, headway=headway, fallen=tuple(loss.fallen.values()), tried=tuple(loss.tried), fresh=True)

    def any_in(self, stage: StageName) -> bool:
        """Tell whether a worker died at an unfinished chunk of the stage: such chunks are handed out one by one."""
        return any(loss.died for loss in self._chunks.get(stage, {}).values())

    def kept(self, task: Task, headway: Headway) -> None:
        """So much of a chunk is kept."""
        self._of(task).headway = headway

    def tried(self, task: Task, failure: Failure | None) -> None:
        """A trial of a chunk came to its end."""
        self._of(task).tried.append(failure)

    def died(self, task: Task, failure: Failure, at: InHand) -> float | None:
        """A worker died at a chunk; return after how long it is to be taken up again, None if the chunk has failed."""
        if not (task.halve or (task.each is not None and task.each.quarantine)):
            return None
        loss = self._of(task)
        loss.died = True
        doubts = loss.doubts.get(at.number, 0)
        counts = at.to_blame or doubts >= _DOUBTS
        loss.doubts[at.number] = 0 if counts else doubts + 1
        if task.each is None:
            if counts:
                loss.tried.append(failure)
            return 0.0
        attempts = at.attempt if counts else at.attempt - 1
        loss.fallen[at.number] = Fallen(at.number, attempts, failure)
        again = counts and attempts <= task.each.retries
        return task.each.backoff * 2 ** (attempts - 1) if again else 0.0

    def forget(self, task: Task) -> None:
        """A chunk is done, or has failed."""
        self._chunks.get(task.stage, {}).pop(task.index, None)

    def _of(self, task: Task) -> _Loss:
        return self._chunks.setdefault(task.stage, {}).setdefault(task.index, _Loss())
