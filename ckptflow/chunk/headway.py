"""Pure. How far a chunk is before it is finished: what of it is kept, and where its work can go on.

With `each: item` that is the outs of the items done so far, their number, and the state after them, always of one
moment. A function that keeps its own resume point has that alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass, field
from ..ids import is_digest
from .model import Part


@dataclass(frozen=True, slots=True)
class Items:
    """What became of items: `ok` gave a result, `failed` went to the quarantine, `skipped` gave none."""

    ok: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.ok + self.failed + self.skipped

    def __add__(self, other: Items) -> Items:
        return Items(self.ok + other.ok, self.failed + other.failed, self.skipped + other.skipped)

    def to_list(self) -> list[int]:
        """Return `[ok, failed, skipped]`, the form in records."""
        return [self.ok, self.failed, self.skipped]

    @classmethod
    def from_list(cls, row: list[Any]) -> Items:
        """Inverse of `to_list`. Raises ValueError, TypeError."""
        ok, failed, skipped = row
        if not all(isinstance(count, int) and count >= 0 for count in row):
            raise ValueError(f"no counts of items: {row}")
        return cls(ok, failed, skipped)


@dataclass(frozen=True, slots=True)
class Headway:
    """What of a chunk is kept.

    `position` is the number of items that are done, None where the function keeps its own resume point. `outs` holds,
    by label, what came of them, in their order; `failed` tables of those that failed. `state` holds the state that is
    carried after them, `own` what the function gave to `context().checkpoint`: each empty where there is none.
    `finished`: it is a finished chunk, its parts in the formats of the outs, whose failed items are to be tried again.
    """

    position: int | None = None
    items: Items = Items()
    outs: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    failed: tuple[Part, ...] = ()
    state: tuple[Any, ...] = ()
    own: tuple[Any, ...] = ()
    finished: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything in the store that it names."""
        return (*(part for parts in self.outs.values() for part in parts), *self.failed)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; field names are those of `docs/format.md`."""
        doc: dict[str, Any] = {
            "position": self.position,
            "items": self.items.to_list(),
            "outs": {label: [part.to_list() for part in parts] for label, parts in self.outs.items()},
        }
        if self.failed:
            doc["failed"] = [part.to_list() for part in self.failed]
        if self.state:
            doc["state"] = self.state[0]
        if self.own:
            doc["own"] = self.own[0]
        return doc

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any]) -> Headway:
        """Inverse of `to_dict`. Raises KeyError, TypeError, ValueError."""
        position = doc["position"]
        if position is not None and (not isinstance(position, int) or position < 0):
            raise ValueError(f"no number of items: {position!r}")
        found = cls(
            position=position,
            items=Items.from_list(doc["items"]),
            outs={label: tuple(map(Part.from_list, parts)) for label, parts in doc["outs"].items()},
            failed=tuple(map(Part.from_list, doc.get("failed", ()))),
            state=(doc["state"],) if "state" in doc else (),
            own=(doc["own"],) if "own" in doc else (),
        )
        if not all(is_digest(part.object) and is_digest(part.values) for part in found.parts):
            raise ValueError("names no objects")
        return found
