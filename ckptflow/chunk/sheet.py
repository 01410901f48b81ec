"""Pure. What cutting comes to: the pieces of a dep, or of several that are cut together, and what people call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass
from .packed import Pieces


@dataclass(frozen=True, slots=True)
class Sheet:
    """A dep, or several cut together, as pieces: `pieces[label][i]` is what chunk `i` reads of that dep.

    All have the same length, the number of chunks. `labels` holds one text a chunk for people (a key range, a file
    name); with `counted` chunks are called by their rows instead.
    """

    pieces: Mapping[str, Pieces]
    labels: tuple[str, ...] = ()
    counted: bool = False

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return len(next(iter(self.pieces.values()), ()))

    def label(self, index: int) -> str:
        """Return what people call a chunk, nothing where it has no name."""
        if not self.counted:
            return self.labels[index] if self.labels else ""
        start, stop = next(iter(self.pieces.values())).span(index)
        return f"rows {start + 1:,} to {stop:,}" if stop > start else "no rows"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form."""
        pieces = {label: pieces.to_json() for label, pieces in self.pieces.items()}
        return {"labels": list(self.labels), "counted": self.counted, "pieces": pieces}

    @classmethod
    def from_json(cls, doc: dict[str, Any]) -> Sheet:
        """Inverse of `to_json`. Raises KeyError, ValueError, TypeError."""
        pieces = {label: Pieces.from_json(of_dep) for label, of_dep in doc["pieces"].items()}
        return cls(pieces, tuple(doc["labels"]), doc["counted"])
