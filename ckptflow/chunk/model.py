"""Pure. A dep cut into pieces, and an out made of parts.

A `Piece` is what one chunk reads of one dep; its identity is its content and never its position, so a piece that moved
is the same piece. A `Part` is what one chunk wrote for one out. All are plain data: they travel to workers and into
documents as JSON.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ..dataclass import dataclass
from ..ids import Digest


@dataclass(frozen=True, slots=True)
class Part:
    """What one chunk produced for one out.

    `object` names the bytes; `values` names the content: for a table its rows and schema whatever the encoding
    (`chunk.values`), for anything else the same digest as `object`. For a directory `listing` is true, `object` is a
    listing object (`chunk.tree.Listing`) and `bytes` the size of the files it names.
    """

    object: Digest
    bytes: int
    values: Digest
    rows: int | None = None
    listing: bool = False

    @property
    def is_void(self) -> bool:
        """Whether it is a table without rows of which not even the columns are known: no item gave any."""
        return self.rows == 0 and self.bytes == 0

    def to_list(self) -> list[Any]:
        """Return `[object, bytes, rows, values]`, the form in trees and records; a fifth item, "dir", for a listing.

        `values` is null where it equals `object`.
        """
        row = [self.object, self.bytes, self.rows, None if self.values == self.object else self.values]
        return [*row, "dir"] if self.listing else row

    @classmethod
    def from_list(cls, row: list[Any]) -> Part:
        """Inverse of `to_list`. Raises ValueError, TypeError."""
        if len(row) == 4:
            object_, bytes_, rows, values = row
            return cls(object_, bytes_, values or object_, rows)
        object_, bytes_, rows, values, *kind = row
        if kind != ["dir"]:
            raise ValueError(f"unknown kind of part: {kind}")
        return cls(Digest(object_), bytes_, Digest(values or object_), rows, listing=True)


@dataclass(frozen=True, slots=True)
class Whole:
    """All of the dep."""


@dataclass(frozen=True, slots=True)
class AtPart:
    """One part of an out in the store: the bytes of this object, in the dep's format."""

    part: Part


@dataclass(frozen=True, slots=True)
class AtColumns:
    """The columns of a part of a table, and no rows: what stands for a part of which no columns are known."""

    part: Part


@dataclass(frozen=True, slots=True)
class AtRows:
    """Rows `start` to `stop` (excluded) of the dep's table, all its files or parts taken in order."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class AtBytes:
    """Bytes `start` to `stop` (excluded) of the dep's one file (for CSV the header line is not among them)."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class AtFiles:
    """These files of the dep, paths relative to the dep's own path, sorted."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtSlot:
    """Slot `slot` of the partition that `spill` (a name under `.ckptflow/cuts/`) holds: see `run.cutting`."""

    spill: str
    slot: int


Where: TypeAlias = Whole | AtPart | AtColumns | AtRows | AtBytes | AtFiles | AtSlot
"""How to find a piece. Position only: no part of any identity."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk reads of one dep. `digest` is by content; `rows` and `bytes` are for people and for batching."""

    digest: Digest
    where: Where
    rows: int | None = None
    bytes: int | None = None


def where_to_json(where: Where) -> list[Any]:
    """Return `where` as a JSON list whose first item is its kind."""
    match where:
        case Whole():
            return ["whole"]
        case AtPart(part):
            return ["part", *part.to_list()]
        case AtColumns(part):
            return ["columns", *part.to_list()]
        case AtRows(start, stop):
            return ["rows", start, stop]
        case AtBytes(start, stop):
            return ["bytes", start, stop]
        case AtFiles(files):
            return ["files", *files]
        case AtSlot(spill, slot):
            return ["slot", spill, slot]


def where_from_json(row: list[Any]) -> Where:
    """Inverse of `where_to_json`."""
    match row:
        case ["rows", start, stop]:
            return AtRows(start, stop)
        case ["whole"]:
            return Whole()
        case ["part", *part]:
            return AtPart(Part.from_list(part))
        case ["columns", *part]:
            return AtColumns(Part.from_list(part))
        case ["bytes", start, stop]:
            return AtBytes(start, stop)
        case ["files", *files]:
            return AtFiles(tuple(files))
        case ["slot", spill, slot]:
            return AtSlot(spill, slot)
    raise ValueError(f"not a place of a piece: {row!r}")
