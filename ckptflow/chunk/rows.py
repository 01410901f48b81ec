"""Pure. A table that streams by in batches, cut into pieces of rows; nothing depends on how the batches are cut.

Hashes of rows decide the cuts (`content`); a piece is named as soon as both its ends are certain, by the digest that
`values.table_digest` would give its rows. Held in memory: the rows that are not yet in a piece, some pieces long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from ..dataclass import dataclass
from ..ids import Digest
from ..spec.model import Cut
from .content import Hashes, Places, Window, chooser, mixed
from .rowhash import row_bytes, row_hashes
from .values import Block, TableHasher, blocks_of


@dataclass(frozen=True, slots=True)
class RowPiece:
    """Rows `start` to `stop` (excluded) of the table; `bytes` is their size in canonical form."""

    start: int
    stop: int
    digest: Digest
    bytes: int


class _Pieces:
    """The rows that are in no piece yet."""

    __slots__ = ("_blocks", "_hasher", "at", "end")

    def __init__(self, schema: pa.Schema) -> None:
        self._hasher = TableHasher(schema)
        self._blocks: deque[tuple[int, Block]] = deque()
        self.at = 0
        self.end = 0

    def add(self, block: Block) -> None:
        self._blocks.append((self.end, block))
        self.end += block.rows

    def until(self, stop: int) -> RowPiece:
        hasher, start = self._hasher.fresh(), self.at
        while self._blocks and self.at < stop:
            first, block = self._blocks[0]
            upto = min(stop, first + block.rows)
            hasher.update_block(block, self.at - first, upto - first)
            self.at = upto
            if upto == first + block.rows:
                self._blocks.popleft()
        return RowPiece(start, stop, hasher.digest(), hasher.bytes)

    def rest(self) -> Iterator[RowPiece]:
        if self.at < self.end or self.end == 0:
            yield self.until(self.end)


def cut_rows(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int, cut: Cut, *, lead: int = 0
) -> Iterator[RowPiece]:
    """Yield pieces of about `rows` rows (of exactly that many with a fixed cut, the last shorter), in order.

    All `batches` must have `schema`. At least one piece: a table without rows is one piece without rows. The first
    `lead` rows are those before a cut at which to go on (`content.reach` says how many it takes): they are in no piece,
    and rows are counted from that cut.
    """
    pieces, choose, window = _Pieces(schema), chooser(rows, cut), Window(rows)
    for batch in batches:
        for block in blocks_of(batch.slice(0, lead)):
            window.push(row_hashes(block))
        own, lead = batch.slice(lead), max(0, lead - batch.num_rows)
        for block in blocks_of(own):
            places = np.arange(pieces.end, pieces.end + block.rows)
            hashes = window.push(row_hashes(block)) if cut is Cut.CONTENT else _UNUSED
            pieces.add(block)
            for boundary in choose.push(places, hashes, pieces.end):
                yield pieces.until(boundary.element)
    for boundary in choose.finish():
        yield pieces.until(boundary.element)
    yield from pieces.rest()


def cut_table_bytes(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    size: int,
    cut: Cut,
    *,
    groups: Sequence[tuple[int, int]] | None = None,
) -> Iterator[RowPiece]:
    """Yield pieces of about `size` bytes (in canonical form in memory, whatever the file's compression), in order.

    `groups` are the row groups of the file as `(start, stop)`, together all rows in order: then a cut stands only
    between two of them, so that no group is read for two pieces. At least one piece.
    """
    pieces, choose = _Pieces(schema), chooser(size, cut)
    elements = _Rows(size) if groups is None else _Groups(groups)
    for batch in batches:
        for block in blocks_of(batch):
            pieces.add(block)
            places, hashes = elements.push(block)
            for boundary in choose.push(places, hashes, elements.end):
                yield pieces.until(elements.row(boundary.element))
    for boundary in choose.finish():
        yield pieces.until(elements.row(boundary.element))
    yield from pieces.rest()


class _Rows:
    """Every row is an element, at the number of bytes before it."""

    __slots__ = ("_window", "end")

    def __init__(self, size: int) -> None:
        self._window = Window(size)
        self.end = 0

    def push(self, block: Block) -> tuple[Places, Hashes]:
        stops = self.end + np.cumsum(row_bytes(block))
        places = np.concatenate((np.array([self.end], np.int64), stops[:-1]))
        self.end = int(stops[-1])
        return places, self._window.push(row_hashes(block))

    def row(self, element: int) -> int:
        return element


class _Groups:
    """Every row group is an element; its hash is the sum over its rows. `end` counts the bytes of whole groups."""

    __slots__ = ("_bytes", "_groups", "_next", "_seen", "_sum", "end")

    def __init__(self, groups: Sequence[tuple[int, int]]) -> None:
        self._groups = [group for group in groups if group[0] < group[1]]
        self._next = 0
        self._seen = 0
        self._sum = 0
        self._bytes = 0
        self.end = 0

    def push(self, block: Block) -> tuple[Places, Hashes]:
        hashes, sizes = mixed(row_hashes(block)), row_bytes(block)
        places: list[int] = []
        sums: list[int] = []
        at = 0
        while at < block.rows:
            stop = self._groups[self._next][1]
            upto = min(block.rows, at + stop - self._seen)
            self._sum += int(hashes[at:upto].sum(dtype=np.uint64))
            self._bytes += int(sizes[at:upto].sum())
            self._seen += upto - at
            at = upto
            if self._seen == stop:
                places.append(self.end)
                sums.append(self._sum & 0xFFFFFFFFFFFFFFFF)
                self.end += self._bytes
                self._next += 1
                self._sum = self._bytes = 0
        return np.array(places, np.int64), mixed(np.array(sums, np.uint64))

    def row(self, element: int) -> int:
        return self._groups[element][0]


_UNUSED: Hashes = np.empty(0, np.uint64)
