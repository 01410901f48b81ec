"""Pure. The identity of a table: its values and schema, whatever the file, the batches or the encoding that hold it.

Each column is a handful of streams - positions of nulls, lengths, data, the same for children - and every stream has a
BLAKE3 of its own, so that values may arrive in batches of any size. The digest is BLAKE3 of the schema's text, the
number of rows and the digests of all streams in the order of the schema. Every bit of a value counts: -0.0 is not 0.0,
one NaN is not another; null is not any value. What does not count is in `schema`. A dictionary column counts by its
values; an ordered one also by the sequence of its entries.

Imports pyarrow and numpy: to be imported only where tables are at hand.
"""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from blake3 import blake3

from ..ids import Digest, digest
from .columns import BLOCK, Column, Positions, columns_of
from .schema import VERSION, schema_digest, schema_text

__all__ = ["Block", "TableHasher", "blocks_of", "schema_digest", "table_digest"]


class _Data(NamedTuple):
    """Fixed-width elements as bytes; `stream` is the stream's place in the digest. A tuple, for it is taken apart for
    each column of each piece."""

    stream: int
    level: int
    data: memoryview
    width: int


class _Nulls(NamedTuple):
    """Ascending positions of nulls among the elements of `level`."""

    stream: int
    level: int
    positions: Positions


class _Mark(NamedTuple):
    """The digest of the ordered dictionary that the elements of `level` use."""

    stream: int
    level: int
    mark: bytes


class Block:
    """Some rows of a table, in canonical form and cut into streams; made once, hashed in any number of pieces.

    `columns` are the canonical columns, for those that look at rows. Level 0 counts rows; every further level counts
    the elements of the lists or strings of the level it hangs on.
    """

    __slots__ = ("columns", "data", "levels", "marks", "nulls", "rows", "streams")

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows: int = batch.num_rows
        self.columns = columns_of(batch)
        self.levels: list[tuple[int, np.ndarray[tuple[int, ...], np.dtype[np.integer]]]] = []
        self.data: list[_Data] = []
        self.nulls: list[_Nulls] = []
        self.marks: list[_Mark] = []
        self.streams = 0
        for column in self.columns:
            self._add(column, 0)

    def _add(self, column: Column, level: int) -> None:
        stream = self.streams
        if len(column.nulls):
            self.nulls.append(_Nulls(stream, level, column.nulls))
        stream += 1
        if column.mark:
            self.marks.append(_Mark(stream, level, column.mark))
            stream += 1
        if column.offsets is not None:
            if column.span:
                lengths = column.offsets[1:] - column.offsets[:-1]  # `np.diff` takes five times as long for few
                lengths = lengths.astype(np.int32 if column.span == 4 else np.int64, copy=False)
                self.data.append(_Data(stream, level, lengths.view(np.uint8).data, column.span))
                stream += 1
            self.levels.append((level, column.offsets))
            level = len(self.levels)
        if column.data is not None:
            self.data.append(_Data(stream, level, column.data.data, column.width))
            stream += 1
        self.streams = stream
        for child in column.children:
            self._add(child, level)


def blocks_of(data: pa.RecordBatch | pa.Table) -> list[Block]:
    """Return `data` in blocks of at most `BLOCK` rows, none of them empty."""
    if isinstance(data, pa.Table):
        batches = data.to_batches(max_chunksize=BLOCK)
    else:
        batches = [data.slice(start, BLOCK) for start in range(0, data.num_rows, BLOCK)]
    return [Block(batch) for batch in batches if batch.num_rows]


class TableHasher:
    """The digest of a table that arrives in parts. Independent of how it is cut into batches.

    `rows` and `bytes` (of canonical form in memory) count what was given so far.
    """

    __slots__ = ("_counts", "_marks", "_schema", "_streams", "_text", "bytes", "rows")

    def __init__(self, schema: pa.Schema, *, text: str | None = None) -> None:
        self._schema = schema
        self._text = schema_text(schema) if text is None else text
        self._streams: dict[int, blake3] = {}
        self._marks: dict[int, bytes] = {}
        self._counts: list[int] = []
        self.rows = 0
        self.bytes = 0

    def fresh(self) -> TableHasher:
        """Return an empty hasher of the same schema; cheaper than a new one."""
        return TableHasher(self._schema, text=self._text)

    def update(self, data: pa.RecordBatch | pa.Table) -> None:
        """Add rows. Raises ValueError when their schema has another identity than the hasher's."""
        if not data.schema.equals(self._schema) and schema_text(data.schema) != self._text:
            raise ValueError(f"rows of schema {data.schema.names} given to a hasher of {self._schema.names}")
        for block in blocks_of(data):
            self.update_block(block, 0, block.rows)

    def update_block(self, block: Block, start: int, stop: int) -> None:
        """Add rows `start` to `stop` (excluded) of `block`, which must have the hasher's schema."""
        if not self._counts:
            self._counts = [0] * (len(block.levels) + 1)
        counts, ranges = self._counts, [(start, stop)]
        for parent, offsets in block.levels:
            first, last = ranges[parent]
            ranges.append((int(offsets[first]), int(offsets[last])))
        for nulls in block.nulls:
            self._add_nulls(nulls, *ranges[nulls.level])
        for mark in block.marks:
            self._add_mark(mark, *ranges[mark.level])
        streams, size = self._streams, 0
        for number, level, data, width in block.data:
            first, last = ranges[level]
            if first == last or not width:
                continue
            piece = data[first * width : last * width]
            size += len(piece)
            stream = streams.get(number)
            if stream is None:
                streams[number] = blake3(piece)
            else:
                stream.update(piece)
        self.bytes += size
        self.rows += stop - start
        for level, (first, last) in enumerate(ranges):
            counts[level] += last - first

    def _add(self, stream: int, data: bytes) -> None:
        known = self._streams.get(stream)
        if known is None:
            self._streams[stream] = blake3(data)
        else:
            known.update(data)

    def _add_nulls(self, nulls: _Nulls, start: int, stop: int) -> None:
        first, last = np.searchsorted(nulls.positions, (start, stop))
        if first < last:
            shift = self._counts[nulls.level] - start
            self._add(nulls.stream, (nulls.positions[first:last] + shift).astype(np.int64).tobytes())

    def _add_mark(self, mark: _Mark, start: int, stop: int) -> None:
        if start < stop and self._marks.get(mark.stream) != mark.mark:
            self._marks[mark.stream] = mark.mark
            self._add(mark.stream, self._counts[mark.level].to_bytes(8, "little") + mark.mark)

    def digest(self) -> Digest:
        """Return the digest of all rows so far; more may be added afterwards."""
        text = self._text.encode()
        parts = [f"table {VERSION} {len(text)} {self.rows} ".encode(), text]
        for number, stream in sorted(self._streams.items(), key=itemgetter(0)):
            parts += (number.to_bytes(4, "little"), stream.digest())
        return digest(b"".join(parts))


def table_digest(table: pa.Table | pa.RecordBatch) -> Digest:
    """Return the digest of `table` by its values and schema."""
    hasher = TableHasher(table.schema)
    hasher.update(table)
    return hasher.digest()
