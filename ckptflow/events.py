"""Pure. What a run tells the world. Renderers in `report` turn these into text, bars or JSON; they decide nothing."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from .chunk.headway import Items
from .dataclass import asdict, dataclass, field
from .errors import Failure
from .ids import StageName


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins. `stages` are all that were asked for, in order; `workers` how many processes may work at once."""

    run: str
    stages: tuple[StageName, ...]
    workers: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A living run holds what this one needs."""

    what: str
    holder: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know that stops nothing. `level` is `info` or `warning`."""

    level: str
    message: str
    stage: StageName | None = None


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage's first work begins. `reasons` are sentences."""

    stage: StageName
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cutting:
    """The deps of a stage are being cut into chunks."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class StagePlanned:
    """It is known how many chunks the stage has and how many of them need no run. May come again as more is known.

    `quarantined` items of those that need no run failed when they were run.
    """

    stage: StageName
    chunks: int
    reused: int
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class ChunkStarted:
    """A worker begins a chunk. `index` is None in a stage that is not chunked."""

    stage: StageName
    index: int | None
    attempt: int
    worker: int


@dataclass(frozen=True, slots=True)
class ChunkProgress:
    """How far the function says it is inside a chunk. `failed` of the items that are `done` were set aside."""

    stage: StageName
    index: int | None
    done: int
    total: int | None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A chunk is finished and recorded. `rows` and `bytes` are what it wrote; `items` what became of its items, where
    they were taken one by one or some were set aside.
    """

    stage: StageName
    index: int | None
    seconds: float
    rows: int | None
    bytes: int
    reused: bool = False
    items: Items | None = None


@dataclass(frozen=True, slots=True)
class ChunkRetry:
    """An attempt failed and another follows after `delay` seconds."""

    stage: StageName
    index: int | None
    attempt: int
    failure: Failure
    delay: float


@dataclass(frozen=True, slots=True)
class ChunkFailed:
    """All attempts at a chunk failed."""

    stage: StageName
    index: int | None
    attempts: int
    failure: Failure
    label: str = ""


@dataclass(frozen=True, slots=True)
class StageDone:
    """Nothing more will happen in this stage. `state` is one of those of SPEC section 8; `quarantined` items are not in
    its outs because they failed.
    """

    stage: StageName
    state: str
    seconds: float
    chunks: int
    ran: int
    reused: int
    failed: int
    rows: int | None = None
    bytes: int | None = None
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Stopping:
    """No new chunks start: a signal came, or the time is up. `running` chunks get `grace` seconds."""

    reason: str
    running: int
    grace: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over. `result` is the JSON object of SPEC section 8."""

    run: str
    ok: bool
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)


Event: TypeAlias = (
    RunStarted
    | Waiting
    | Note
    | StageStarted
    | Cutting
    | StagePlanned
    | ChunkStarted
    | ChunkProgress
    | ChunkDone
    | ChunkRetry
    | ChunkFailed
    | StageDone
    | Stopping
    | RunEnded
)


class Reporter(Protocol):
    """Takes events as they happen. Must not raise, must not be slow."""

    def emit(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """No more events come."""
        ...


def event_to_json(event: Event) -> dict[str, Any]:
    """Return the event as JSON, its kind in `type` (`chunk.done`)."""
    name = type(event).__name__
    kind = "".join(f".{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
    return {"type": kind, **asdict(event)}
