"""Pure. Long lists of keys, parts and pieces as compact as they come: a stage may have a million chunks.

As objects of Python they take half a kilobyte each, packed a tenth of that. Items are made when they are asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, overload

from ..ids import ChunkKey, Digest
from .model import AtBytes, AtFiles, AtRows, AtSlot, Part, Piece, Where, where_from_json, where_to_json

_Kind: TypeAlias = type[AtRows | AtBytes | AtSlot]
_SIZE = 32
_NONE = -1


class Keys:
    """Keys by number, each of which may be unknown."""

    __slots__ = ("_data", "_known")

    def __init__(self, length: int) -> None:
        self._data = bytearray(_SIZE * length)
        self._known = bytearray(length)

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, index: int) -> ChunkKey | None:
        return ChunkKey(_digest(self._data, index)) if self._known[index] else None

    def __setitem__(self, index: int, key: ChunkKey) -> None:
        self._data[_SIZE * index : _SIZE * (index + 1)] = bytes.fromhex(key)
        self._known[index] = 1

    def __iter__(self) -> Iterator[ChunkKey | None]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and (self._known, self._data) == (other._known, other._data)

    __hash__ = None  # type: ignore[assignment]


class Parts(Sequence[Part]):
    """Parts in order; equal to any other sequence of the same parts."""

    __slots__ = ("_bytes", "_listings", "_objects", "_rows", "_values")

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._objects = bytearray()
        self._values = bytearray()
        self._bytes = array("q")
        self._rows = array("q")
        self._listings = bytearray()
        for part in parts:
            self.append(part)

    @classmethod
    def blank(cls, length: int) -> Parts:
        """Return as many places for parts, which have no rows and no bytes until each is set."""
        parts = cls()
        parts._objects, parts._values = bytearray(_SIZE * length), bytearray(_SIZE * length)
        parts._bytes, parts._rows, parts._listings = (
            array("q", [0]) * length,
            array("q", [_NONE]) * length,
            bytearray(length),
        )
        return parts

    def append(self, part: Part) -> None:
        """Add one at the end."""
        self._objects += bytes.fromhex(part.object)
        self._values += bytes.fromhex(part.values)
        self._bytes.append(part.bytes)
        self._rows.append(_NONE if part.rows is None else part.rows)
        self._listings.append(part.listing)

    def __setitem__(self, index: int, part: Part) -> None:
        self._objects[_SIZE * index : _SIZE * (index + 1)] = bytes.fromhex(part.object)
        self._values[_SIZE * index : _SIZE * (index + 1)] = bytes.fromhex(part.values)
        self._bytes[index] = part.bytes
        self._rows[index] = _NONE if part.rows is None else part.rows
        self._listings[index] = part.listing

    def __len__(self) -> int:
        return len(self._listings)

    @overload
    def __getitem__(self, index: int) -> Part: ...
    @overload
    def __getitem__(self, index: slice) -> Parts: ...
    def __getitem__(self, index: int | slice) -> Part | Parts:
        if isinstance(index, slice):
            return Parts(self[i] for i in range(*index.indices(len(self))))
        rows, listing = self._rows[index], bool(self._listings[index])  # raises IndexError
        index %= len(self)
        return Part(
            _digest(self._objects, index),
            self._bytes[index],
            _digest(self._values, index),
            None if rows == _NONE else rows,
            listing,
        )

    def __iter__(self) -> Iterator[Part]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def bytes(self) -> int:
        """The size of all."""
        return sum(self._bytes)

    @property
    def rows(self) -> int | None:
        """The rows of those that have any, None where none has."""
        counted = [rows for rows in self._rows if rows != _NONE]
        return sum(counted) if counted else None


class Pieces(Sequence[Piece]):
    """Pieces in order; equal to any other sequence of the same pieces."""

    __slots__ = ("_bytes", "_digests", "_items", "_places", "_rows", "_stops")

    def __init__(self, pieces: Iterable[Piece] = ()) -> None:
        self._digests = bytearray()
        self._rows = array("q")
        self._bytes = array("q")
        self._places = _Places()
        self._stops = array("q")
        self._items: tuple[int, int | None] = (0, 0)
        for piece in pieces:
            self.append(piece)

    def append(self, piece: Piece) -> None:
        """Add one at the end."""
        self._digests += bytes.fromhex(piece.digest)
        self._rows.append(_NONE if piece.rows is None else piece.rows)
        self._bytes.append(_NONE if piece.bytes is None else piece.bytes)
        self._places.append(piece.where)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Piece: ...
    @overload
    def __getitem__(self, index: slice) -> Pieces: ...
    def __getitem__(self, index: int | slice) -> Piece | Pieces:
        if isinstance(index, slice):
            return Pieces(self[i] for i in range(*index.indices(len(self))))
        rows, size = self._rows[index], self._bytes[index]  # raises IndexError
        index %= len(self)
        return Piece(
            _digest(self._digests, index),
            self._places[index],
            None if rows == _NONE else rows,
            None if size == _NONE else size,
        )

    def __iter__(self) -> Iterator[Piece]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def digest(self, index: int) -> Digest:
        """Return the digest of one."""
        return _digest(self._digests, index)

    @property
    def are_files(self) -> bool:
        """Whether they are files: all of them are, or none."""
        return len(self) > 0 and isinstance(self._places[0], AtFiles)

    @property
    def items(self) -> int | None:
        """How many items all have together: files, where they are files, else rows; None where that is not known."""
        if self._items[0] != len(self):
            if self.are_files:
                self._items = len(self), sum(len(where.files) for where in self._places if isinstance(where, AtFiles))
            else:
                self._items = len(self), None if _NONE in self._rows else sum(self._rows)
        return self._items[1]

    def span(self, index: int) -> tuple[int, int]:
        """Return from which row to which (excluded) one reaches, all pieces taken in order."""
        stops = self._counted()
        return stops[index - 1] if index else 0, stops[index]

    def beginning_at(self, row: int) -> int | None:
        """Return which one begins at a row, all pieces taken in order; None if none does."""
        if row == 0:
            return 0 if len(self) else None
        stops = self._counted()
        index = bisect_left(stops, row)
        return index + 1 if index + 1 < len(self) and stops[index] == row else None

    def _counted(self) -> array[int]:
        if len(self._stops) != len(self):
            self._stops = array("q", accumulate(max(0, rows) for rows in self._rows))
        return self._stops

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form, column by column."""
        return {
            "digests": self._digests.hex(),
            "rows": self._rows.tolist(),
            "bytes": self._bytes.tolist(),
            "where": self._places.to_json(),
        }

    @classmethod
    def from_json(cls, doc: dict[str, Any]) -> Pieces:
        """Inverse of `to_json`. Raises KeyError, ValueError, TypeError."""
        pieces = cls()
        pieces._digests = bytearray.fromhex(doc["digests"])
        pieces._rows = array("q", doc["rows"])
        pieces._bytes = array("q", doc["bytes"])
        pieces._places = _Places.from_json(doc["where"])
        if not len(pieces._digests) // _SIZE == len(pieces._rows) == len(pieces._bytes) == len(pieces._places):
            raise ValueError("columns of pieces differ in length")
        return pieces


class _Places:
    """Where pieces are: two numbers each where all are of one kind that says no more, else as they are."""

    __slots__ = ("_kind", "_name", "_numbers", "_plain")

    def __init__(self) -> None:
        self._kind: _Kind | None = None
        self._name = ""
        self._numbers = array("q")
        self._plain: list[Where] = []

    def append(self, where: Where) -> None:
        if not self._plain:
            kind, name, numbers = _numbered(where)
            if not len(self):
                self._kind, self._name = kind, name
            if kind is not None and (kind, name) == (self._kind, self._name):
                self._numbers.extend(numbers)
                return
            self._plain = [self[i] for i in range(len(self))]
        self._plain.append(where)

    def __len__(self) -> int:
        return len(self._plain) or len(self._numbers) // 2

    def __getitem__(self, index: int) -> Where:
        if self._plain:
            return self._plain[index]
        a, b = self._numbers[2 * index : 2 * index + 2]
        return (
            AtSlot(self._name, a) if self._kind is AtSlot else AtRows(a, b) if self._kind is AtRows else AtBytes(a, b)
        )

    def __iter__(self) -> Iterator[Where]:
        return map(self.__getitem__, range(len(self)))

    def to_json(self) -> list[Any]:
        if self._plain or self._kind is None:
            return ["plain", *map(where_to_json, self._plain)]
        return [_NAMES[self._kind], self._name, self._numbers.tolist()]

    @classmethod
    def from_json(cls, doc: list[Any]) -> _Places:
        places = cls()
        kind, *rest = doc
        if kind == "plain":
            places._plain = [where_from_json(row) for row in rest]
        else:
            places._kind = {name: kind for kind, name in _NAMES.items()}[kind]
            places._name, numbers = rest
            places._numbers = array("q", numbers)
        return places


_NAMES: dict[_Kind, str] = {AtRows: "rows", AtBytes: "bytes", AtSlot: "slot"}


def _numbered(where: Where) -> tuple[_Kind | None, str, tuple[int, int]]:
    """Return kind, name and numbers of a place that is no more than these; no kind for any other."""
    match where:
        case AtRows(start, stop) | AtBytes(start, stop):
            return type(where), "", (start, stop)
        case AtSlot(spill, slot):
            return AtSlot, spill, (slot, 0)
    return None, "", (0, 0)


def _digest(data: bytearray, index: int) -> Digest:
    return Digest(data[_SIZE * index : _SIZE * (index + 1)].hex())


def _equal(own: Sequence[object], other: object) -> bool:
    if not isinstance(other, Sequence) or len(own) != len(other):
        return False
    return all(a == b for a, b in zip(own, other, strict=True))
