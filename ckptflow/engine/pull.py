"""Pure. What a pull came to: a fetch, and a checkout of what was fetched."""

from __future__ import annotations

from typing import Any

from ..dataclass import dataclass
from .checkout import CheckedOut
from .fetch import Fetched
from .transfer import Lack


@dataclass(frozen=True, slots=True)
class Pulled:
    """Both parts."""

    fetched: Fetched
    placed: CheckedOut

    @property
    def missing(self) -> tuple[Lack, ...]:
        """What could not be brought, and what could not be placed for another reason."""
        known = {(lack.stage, lack.out) for lack in self.fetched.missing}
        others = (lack for lack in self.placed.missing if (lack.stage, lack.out) not in known)
        return (*self.fetched.missing, *others)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `pull --json`."""
        fetched, placed = self.fetched.to_json(), self.placed.to_json()
        return {
            **fetched,
            **{word: placed[word] for word in ("added", "changed", "unchanged")},
            "ok": not self.missing,
            "seconds": round(self.fetched.seconds + self.placed.seconds, 3),
            "missing": [lack.to_json() for lack in self.missing],
        }
