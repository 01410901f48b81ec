"""Edge. How long ago something was, also on a machine that slept or whose clock was set meanwhile."""

from __future__ import annotations

import time

from ..dataclass import dataclass, field


def clocks() -> tuple[float, float]:
    """Return two times in seconds: one that never goes back and stands still while some machines sleep, and the
    calendar's.
    """
    return time.monotonic(), time.time()


@dataclass(frozen=True, slots=True)
class Moment:
    """The time at which it was made."""

    _at: tuple[float, float] = field(default_factory=lambda: clocks())

    @property
    def age(self) -> float:
        """The seconds since then: what the clock says that says more."""
        return max(now - then for now, then in zip(clocks(), self._at, strict=True))
