"""Pure. What the chunks of a stage came to, as far as they are done: of each record what the plan needs.

Packed, for a stage may have a million chunks; the records themselves are in the log.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from ..chunk.headway import Items
from ..chunk.model import Part
from ..chunk.packed import Parts
from .model import Record, State

_UNKNOWN = -1


class Done:
    """The results of one stage by the number of the chunk."""

    __slots__ = ("_outs", "_read", "items", "last", "quarantine", "states")

    def __init__(self, labels: Iterable[str] = (), chunks: int = 0) -> None:
        self._outs = {label: Parts.blank(chunks) for label in labels}
        self._read = array("q", [_UNKNOWN]) * chunks
        self.last: int | None = None
        """The last chunk, in their order, that is done."""
        self.items: dict[int, Items] = {}
        """What became of the items of those that take one at a time."""
        self.states: dict[int, State] = {}
        """What they hand on, where the stage carries a state."""
        self.quarantine: dict[int, Part] = {}
        """The tables of those of which items failed."""

    def add(self, index: int, record: Record) -> None:
        """Chunk `index` is done."""
        for label, parts in self._outs.items():
            parts[index] = record.outs[label]
        self._read[index] = record.items_read
        self.last = index if self.last is None else max(self.last, index)
        if record.items is not None:
            self.items[index] = record.items
        if record.state is not None:
            self.states[index] = record.state
        if record.quarantine is not None:
            self.quarantine[index] = record.quarantine

    def __contains__(self, index: int) -> bool:
        return self._read[index] != _UNKNOWN

    def indexes(self) -> Iterator[int]:
        """Yield the chunks that are done, in order."""
        return (index for index, read in enumerate(self._read) if read != _UNKNOWN)

    @property
    def read(self) -> int | None:
        """How many items all chunks had, None while one is not done."""
        return None if _UNKNOWN in self._read else sum(self._read)

    @property
    def size(self) -> tuple[int | None, int | None]:
        """(rows, bytes) of all that was made; None where nothing was, or nothing with rows."""
        if self.last is None or not self._outs:
            return None, None
        rows = [counted for parts in self._outs.values() if (counted := parts.rows) is not None]
        return sum(rows) if rows else None, sum(parts.bytes for parts in self._outs.values())

    def items_of(self, index: int) -> Items:
        """Return what became of the items of a chunk: of its rows, or of itself, where the function takes it whole."""
        return self.items.get(index) or Items(ok=self._read[index])

    def part(self, label: str, index: int) -> Part | None:
        """Return what a chunk made for an out; None while it is not done."""
        return self._outs[label][index] if index in self else None

    def outs(self) -> Iterator[Mapping[str, Part]]:
        """Yield out's label -> part of each chunk that is done, in order."""
        return ({label: parts[index] for label, parts in self._outs.items()} for index in self.indexes())

    def parts(self, label: str) -> Parts:
        """Return what all chunks made for an out; they must be done."""
        assert _UNKNOWN not in self._read
        return self._outs[label]
