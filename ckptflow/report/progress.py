"""Edge. The state of a run as its events tell it: the one fold that the plain and the live display share.

`Progress.take` is cheap (a few dictionary entries), since it is called for each of possibly a million chunks. Stages
that no event named are pending. Counts of chunks come from `ChunkDone` while a stage runs and from `StageDone` after
it, which is right even if single events were left out.
"""

from __future__ import annotations

from collections import deque

from ..dataclass import dataclass, field
from ..events import (
    ChunkDone,
    ChunkFailed,
    ChunkProgress,
    ChunkRetry,
    ChunkStarted,
    Cutting,
    Event,
    RunEnded,
    RunStarted,
    StageDone,
    StagePlanned,
    StageStarted,
    Stopping,
)

_RECENT = 64
"""Finishing times that the rate is taken from: enough to be steady, few enough to follow a change."""


@dataclass(slots=True)
class Active:
    """A chunk in work since `since` (seconds of the display's clock); `done` of `total` as the function says, `failed`
    of them set aside.
    """

    since: float
    done: int = 0
    total: int | None = None
    failed: int = 0


@dataclass(slots=True)
class StageProgress:
    """One stage. `state` is `pending`, `cutting`, `running`, or that of `StageDone`; `chunks` None until planned.

    `since` is the display's time at which it began, `seconds` how long it took from then to its end. `set_aside` are
    the items in quarantine of chunks that are done.
    """

    stage: str
    state: str = "pending"
    chunks: int | None = None
    reused: int = 0
    ran: int = 0
    failed: int = 0
    retries: int = 0
    rows: int | None = None
    bytes: int | None = None
    seconds: float = 0.0
    since: float | None = None
    set_aside: int = 0
    active: dict[int | None, Active] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    @property
    def finished(self) -> int:
        """Chunks that need no more work, failed ones included."""
        return self.reused + self.ran + self.failed

    @property
    def quarantined(self) -> int:
        """Items that failed and were set aside, those of chunks in work among them."""
        return self.set_aside + sum(chunk.failed for chunk in self.active.values())

    @property
    def over(self) -> bool:
        """Whether nothing more will happen in this stage."""
        return self.state not in ("pending", "cutting", "running")

    def rate(self, now: float) -> float | None:
        """Return chunks a second, from those that finished last; None before there are two."""
        if len(self.recent) < 2:
            return None
        return len(self.recent) / max(now - self.recent[0], 1e-9)

    def left(self, now: float) -> float | None:
        """Return the seconds that the stage still needs at its present rate, None where that is unknown."""
        rate = self.rate(now)
        if rate is None or self.chunks is None:
            return None
        return max(self.chunks - self.finished, 0) / rate


class Progress:
    """The run so far. `take` one event at a time, with the time of the display's clock in seconds."""

    __slots__ = ("ended", "run", "since", "stages", "stopping", "workers")

    def __init__(self) -> None:
        self.run = ""
        self.workers = 1
        self.since = 0.0
        self.stages: dict[str, StageProgress] = {}
        self.stopping: Stopping | None = None
        self.ended: RunEnded | None = None

    @property
    def active(self) -> list[tuple[str, int | None, Active]]:
        """All chunks being processed, the one that has taken longest first."""
        every = [(s.stage, index, chunk) for s in self.stages.values() for index, chunk in s.active.items()]
        return sorted(every, key=lambda item: item[2].since)

    def stage(self, name: str) -> StageProgress:
        """Return the state of a stage, a pending one where no event named it."""
        found = self.stages.get(name)
        if found is None:
            found = self.stages[name] = StageProgress(name)
        return found

    def take(self, event: Event, now: float) -> None:
        """Change the state by one event."""
        match event:
            case ChunkDone(stage=name, index=index, reused=reused, items=items):
                stage = self.stage(name)
                stage.active.pop(index, None)
                stage.set_aside += items.failed if items is not None else 0
                if reused:
                    stage.reused += 1
                else:
                    stage.ran += 1
                    stage.recent.append(now)
            case ChunkStarted(stage=name, index=index):
                stage = self.stage(name)
                stage.active[index] = Active(now)
                if not stage.over:
                    stage.state = "running"
            case ChunkProgress(stage=name, index=index, done=done, total=total, failed=failed):
                if chunk := self.stage(name).active.get(index):
                    chunk.done, chunk.total, chunk.failed = done, total, failed
            case ChunkRetry(stage=name, index=index):
                stage = self.stage(name)
                stage.active.pop(index, None)
                stage.retries += 1
            case ChunkFailed(stage=name, index=index):
                stage = self.stage(name)
                stage.active.pop(index, None)
                stage.failed += 1
            case StagePlanned(stage=name, chunks=chunks, reused=reused, quarantined=quarantined):
                stage = self.stage(name)
                stage.set_aside = max(stage.set_aside, quarantined)  # those of this run too, where it plans again
                # A run that had to plan again finds what it ran itself among the records; that is not counted twice.
                again = stage.ran if reused >= stage.reused + stage.ran else 0
                stage.chunks, stage.reused = chunks, max(stage.reused, reused - again)
            case StageStarted(stage=name):
                stage = self.stage(name)
                stage.state = "running"
                stage.since = now if stage.since is None else stage.since
            case Cutting(stage=name):
                self.stage(name).state = "cutting"
            case StageDone():
                self._close(event, now)
            case Stopping():
                self.stopping = event
            case RunStarted(run=run, stages=stages, workers=workers):
                self.run, self.workers, self.since = run, workers, now
                self.stages = {name: StageProgress(name) for name in stages}
            case RunEnded():
                self.ended = event
            case _:
                pass  # notes and waiting are told, not counted

    def _close(self, event: StageDone, now: float) -> None:
        stage = self.stage(event.stage)
        stage.state = event.state
        stage.chunks, stage.ran, stage.reused, stage.failed = event.chunks, event.ran, event.reused, event.failed
        stage.rows, stage.bytes, stage.set_aside = event.rows, event.bytes, event.quarantined
        # The event's seconds are of work, which workers share: people ask how long they waited.
        stage.seconds = event.seconds if stage.since is None else now - stage.since
        stage.active.clear()
