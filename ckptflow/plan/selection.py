"""Pure. What a schedule is asked for, and what it answers: values that travel between the machine and its loop."""

from __future__ import annotations

from collections.abc import Callable

from ..dataclass import dataclass, field
from ..ids import StageName
from .merging import Merge


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for.

    `stages` are planned; those in `pinned` only lend their outs. `forced` ones ignore records. `chunks` restricts a
    stage to some chunks; `limit` to so many runs a stage. `keep_going`: a failure stops only what depends on it.
    `retry`: items in quarantine are tried again. `keep`: chunks that superseded code has made stay; `renew`: they are
    made again, also where they were to stay.
    """

    stages: frozenset[StageName]
    pinned: frozenset[StageName] = frozenset()
    forced: frozenset[StageName] = frozenset()
    chunks: dict[StageName, Callable[[int], bool]] = field(default_factory=dict)
    limit: int | None = None
    keep_going: bool = False
    retry: bool = False
    keep: bool = False
    renew: bool = False

    def asked(self, stage: StageName) -> Callable[[int], bool]:
        """Return which chunks of a stage may run."""
        return self.chunks.get(stage, _every)


def _every(index: int) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Retry:
    """The chunk is to be tried again after `delay` seconds; tell `release` when they are over."""

    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The chunk failed for good after so many attempts."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Work:
    """Chunks of one stage that may run now, in order; or a merge of their results."""

    stage: StageName
    indexes: tuple[int, ...]
    merge: Merge | None = None
