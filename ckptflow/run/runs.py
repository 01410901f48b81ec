"""Edge. Runs: rows of a dep sorted by slot as far as memory goes, one run after the other in a file of Arrow IPC.

Each run is written in blocks of slots, so that the rows of a block are read by themselves. They are read and not
mapped: what a mapping touches here and there in a large file counts, with all that the system maps around it, as memory
of the process, and in the end that is the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..dataclass import dataclass, field

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Index:
    """Where in the file of runs the rows of each slot are. A run is written as one batch for each block of `size` slots
    that it has rows of. `edges` has, for each run, its first row of every slot."""

    size: int
    edges: list[Any] = field(default_factory=list)
    blocks: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # (run, number of the batch)
    batches: int = 0

    def pieces(self, batch: pa.RecordBatch, edge: Any) -> Iterator[pa.RecordBatch]:
        """Yield a run in batches as they are to be written."""
        slots = len(edge) - 1
        for block, first in enumerate(range(0, slots, self.size)):
            start, stop = int(edge[first]), int(edge[min(first + self.size, slots)])
            if start < stop:
                self.blocks.setdefault(block, []).append((len(self.edges), self.batches))
                self.batches += 1
                yield batch.slice(start, stop - start)
        self.edges.append(edge)


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs in their file, which is open."""

    file: Any
    index: Index

    def end_of_block(self, slot: int) -> int:
        """Return the first slot behind the block of `slot`."""
        return (slot // self.index.size + 1) * self.index.size

    def slices(self, slot: int, last: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the slots from `slot` to `last` (excluded), all of one block, of each run that has any."""
        block = slot // self.index.size
        for run, number in self.index.blocks.get(block, ()):
            edge = self.index.edges[run]
            if edge[slot] < edge[last]:
                start = edge[slot] - edge[block * self.index.size]
                yield self.file.get_batch(number).slice(start, edge[last] - edge[slot])
