"""Pure. What the planner wants to know (facts, past) and what it says (reasons, plan), as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..chunk.model import Part
from ..ids import ChunkKey, StageName


@dataclass(frozen=True, slots=True)
class Record:
    """`Key K produced these parts`: what makes a chunk done, whoever made it and whenever.

    `outs` maps an out's label to its part. `seconds` is the time the work took; `finished` is ISO 8601 in UTC. `extra`
    keeps fields of later versions.
    """

    key: ChunkKey
    outs: Mapping[str, Part]
    stage: StageName
    run: str
    seconds: float
    finished: str
    rows_in: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; field names are those of `docs/format.md`."""
        doc: dict[str, Any] = {
            **self.extra,
            "key": self.key,
            "outs": {label: part.to_list() for label, part in self.outs.items()},
            "stage": self.stage,
            "run": self.run,
            "seconds": round(self.seconds, 6),
            "finished": self.finished,
        }
        if self.rows_in is not None:
            doc["rows_in"] = self.rows_in
        return doc

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any]) -> Record:
        """Inverse of `to_dict`; unknown fields are kept in `extra`. Raises KeyError, TypeError, ValueError."""
        known = {"key", "outs", "stage", "run", "seconds", "finished", "rows_in"}
        return cls(
            key=ChunkKey(doc["key"]),
            outs={label: Part.from_list(part) for label, part in doc["outs"].items()},
            stage=StageName(doc["stage"]),
            run=doc["run"],
            seconds=doc["seconds"],
            finished=doc["finished"],
            rows_in=doc.get("rows_in"),
            extra={k: v for k, v in doc.items() if k not in known},
        )
