"""Edge. One table out of one or more files: read as a stream, or by ranges of rows.

The shape (schema, rows of every group) is learnt once and can be handed in by whoever kept it, so that reading a few
rows of a table of ten thousand parts opens the parts that hold them and no other.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..dataclass import dataclass
from ..errors import DepUnreadable
from ..ids import Digest, digest
from .normal import BATCH_ROWS, gathered, joined, rebatch, unify
from .parts import Group, Nameable, PartShape, Reader, open_reader, readable

if TYPE_CHECKING:
    import pyarrow as pa

CACHE_BYTES = 128 << 20
"""Decoded groups that a table keeps. A group larger than this is never decoded whole."""

_OPEN_FILES = 64


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file of a table: its name for messages, its format, and how to get its path (which may fetch or verify);
    the digest of its bytes, where that is known."""

    name: str
    format: str
    locate: Callable[[], Path]
    content: Digest | None = None


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows `start` to `stop` of the whole table, that are stored together; `bytes` decoded, roughly."""

    start: int
    stop: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Shape:
    """The schema of a table and the shape of each of its files."""

    schema: pa.Schema
    parts: tuple[PartShape, ...]

    def encode(self) -> bytes:
        """Return bytes that `decode` understands, with their own checksum."""
        doc = {
            "schema": _schema_text(self.schema),
            "parts": [
                [None if p.schema.equals(self.schema) else _schema_text(p.schema)]
                + [[g.rows, g.bytes, g.start, g.stop] for g in p.groups]
                for p in self.parts
            ],
        }
        body = json.dumps(doc, separators=(",", ":")).encode()
        return f"{digest(body)}\n".encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Shape:
        """Inverse of `encode`. Raises ValueError for bytes that are torn or not a shape."""
        checksum, _, body = data.partition(b"\n")
        if checksum.decode(errors="replace") != digest(body):
            raise ValueError("not the shape of a table")
        doc = json.loads(body)
        schema = _schema_of(doc["schema"])
        parts = tuple(
            PartShape(_schema_of(own) if own else schema, tuple(Group(*g) for g in groups))
            for own, *groups in doc["parts"]
        )
        return cls(schema, parts)


def _schema_text(schema: pa.Schema) -> str:
    return bytes(schema.serialize()).hex()


def _schema_of(text: str) -> pa.Schema:
    import pyarrow as pa

    return pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(text)))


def no_columns() -> Shape:
    """Return the shape of a table of which nothing is known: it has no rows and no columns."""
    import pyarrow as pa

    return Shape(pa.schema([]), ())


def measure(files: Sequence[TableFile]) -> Shape:
    """Return the shape of the table that `files` make in this order.

    Raises `DepUnreadable` for a malformed file, for schemas that do not agree and for no files at all.
    """
    if not files:
        raise DepUnreadable("a table of no files has no columns", hint="is the directory or pattern right?")
    parts = []
    for file in files:
        reader = open_reader(file.locate(), file.format)
        parts.append(reader.measure())
    try:
        schema = unify(((f.name, p.schema) for f, p in zip(files, parts, strict=True)), reader.join)
    except ValueError as error:
        raise DepUnreadable(str(error)) from error
    return Shape(schema, tuple(parts))


def open_table(
    files: Sequence[TableFile],
    *,
    columns: tuple[str, ...] | None = None,
    shape: Shape | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> TableSource:
    """Return the table that `files` make in this order, cut down to `columns`.

    Raises `DepUnreadable` as `measure` does, and for a column that is not there.
    """
    return TableSource(tuple(files), shape or measure(files), columns, cache_bytes)


class TableSource:
    """A table on disk. Nothing is read before it is asked for; decoded groups are kept within `cache_bytes`."""

    def __init__(
        self, files: tuple[TableFile, ...], shape: Shape, columns: tuple[str, ...] | None, cache_bytes: int
    ) -> None:
        self.files = files
        self.shape = shape
        self.schema = _project(shape.schema, columns, files)
        self._cache_bytes = cache_bytes
        self._share = len(self.schema) / max(1, len(shape.schema))
        self._groups = [(part, i) for part, p in enumerate(shape.parts) for i in range(len(p.groups))]
        self._starts: list[int] = []
        rows = 0
        for part, i in self._groups:
            self._starts.append(rows)
            rows += shape.parts[part].groups[i].rows
        self.num_rows = rows
        self._readers: OrderedDict[int, Reader] = OrderedDict()
        self._kept: OrderedDict[int, pa.RecordBatch] = OrderedDict()
        self._kept_bytes = 0
        self._cursor: _Cursor | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema.names)

    @property
    def row_groups(self) -> tuple[RowGroup, ...]:
        """The rows that are stored together, in order."""
        return tuple(
            RowGroup(start, start + group.rows, group.bytes)
            for start, (part, i) in zip(self._starts, self._groups, strict=True)
            for group in (self.shape.parts[part].groups[i],)
        )

    def select(self, columns: Sequence[str]) -> TableSource:
        """Return the table with just `columns`, in this order."""
        return TableSource(self.files, self.shape, tuple(columns), self._cache_bytes)

    def parts(self) -> Iterator[TableSource]:
        """Yield one table for each file, all with the schema of the whole."""
        for file, part in zip(self.files, self.shape.parts, strict=True):
            yield TableSource((file,), Shape(self.shape.schema, (part,)), self.columns, self._cache_bytes)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows in batches of `BATCH_ROWS`; their bounds do not depend on how the rows are stored."""
        source = self if columns is None else self.select(columns)
        return rebatch(source._stream(), source.schema)

    def batches_from(self, row: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows from `row` on, as they come: in batches of no certain size, none of them tiny."""
        return gathered(self._stream(row), self.schema, BATCH_ROWS // 4)

    def named_groups(self) -> list[tuple[str, int]] | None:
        """Return a name and the number of rows of each group: see `Nameable`. None for a format that has none.

        Reads files whose content has no name yet, and decodes nothing.
        """
        named: list[tuple[str, int]] = []
        for part, (file, shape) in enumerate(zip(self.files, self.shape.parts, strict=True)):
            if file.content is not None:
                names = [f"{file.content}/{i}" for i in range(len(shape.groups))]
            else:
                reader = self._reader(part)
                if not isinstance(reader, Nameable):
                    return None
                names = reader.names(shape, self.schema)
            named += zip(names, (group.rows for group in shape.groups), strict=True)
        return named

    def _stream(self, row: int = 0) -> Iterator[pa.RecordBatch]:
        first = max(0, bisect_right(self._starts, row) - 1)
        skipped = row - self._starts[first] if self._starts else 0
        for part, i in self._groups[first:]:
            for batch in self._decode(part, i):
                if skipped < batch.num_rows:
                    yield batch.slice(skipped) if skipped else batch
                skipped = max(0, skipped - batch.num_rows)

    def read_rows(self, start: int, stop: int) -> pa.Table:
        """Return rows `start` to `stop` (excluded), in one chunk a column. Out of range: IndexError."""
        import pyarrow as pa

        if not 0 <= start <= stop <= self.num_rows:
            raise IndexError(f"rows {start} to {stop} of {self.num_rows}")
        found: list[pa.RecordBatch] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while start < stop:
            part, i = self._groups[index]
            first, rows = self._starts[index], self.shape.parts[part].groups[i].rows
            end = min(stop, first + rows)
            if end > start:
                found += self._rows_of(index, start - first, end - first)
            start = max(start, end)
            index += 1
        return pa.Table.from_batches(found, self.schema).combine_chunks()

    def to_table(self) -> pa.Table:
        """Return all rows, in one chunk a column; keeps nothing."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self._stream()), self.schema).combine_chunks()

    def _rows_of(self, index: int, start: int, stop: int) -> list[pa.RecordBatch]:
        part, i = self._groups[index]
        if self.shape.parts[part].groups[i].bytes * self._share > self._cache_bytes:
            if self._cursor is None or self._cursor.index != index or self._cursor.position > start:
                self._cursor = _Cursor(index, self._decode(part, i))
            return self._cursor.take(start, stop)
        kept = self._kept.get(index)
        if kept is None:
            kept = joined(list(self._decode(part, i)), self.schema)
            self._kept[index] = kept
            self._kept_bytes += kept.nbytes
            while self._kept_bytes > self._cache_bytes and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        else:
            self._kept.move_to_end(index)
        return [kept.slice(start, stop - start)]

    def _decode(self, part: int, group: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one group. A file with other rows than its shape says was exchanged: `DepUnreadable`."""
        reader, shape = self._reader(part), self.shape.parts[part]
        rows = 0
        for batch in reader.stream(shape, group, self.schema):
            rows += batch.num_rows
            if batch.num_rows:
                yield batch
        if rows != shape.groups[group].rows:
            raise DepUnreadable(f"{self.files[part].name} changed while it was read")

    def _reader(self, part: int) -> Reader:
        reader = self._readers.get(part)
        if reader is None:
            file = self.files[part]
            reader = self._readers[part] = open_reader(file.locate(), file.format)
            if len(self._readers) > _OPEN_FILES:
                self._readers.popitem(last=False)
        else:
            self._readers.move_to_end(part)
        return reader


class _Cursor:
    """A group too large to keep, read forwards once: chunks come in order, so each row is decoded once."""

    def __init__(self, index: int, batches: Iterator[pa.RecordBatch]) -> None:
        self.index = index
        self.position = 0  # the first row of `self._batch`, counted in the group
        self._batches = batches
        self._batch: pa.RecordBatch | None = None

    def take(self, start: int, stop: int) -> list[pa.RecordBatch]:
        found = []
        while start < stop:
            if self._batch is None:
                self._batch = next(self._batches)
            end = self.position + self._batch.num_rows
            if end <= start:
                self.position, self._batch = end, None
                continue
            piece = self._batch.slice(start - self.position, min(stop, end) - start)
            found.append(piece)
            start += piece.num_rows
        return found


def _project(schema: pa.Schema, columns: tuple[str, ...] | None, files: Sequence[TableFile]) -> pa.Schema:
    import pyarrow as pa

    if columns is None:
        return schema
    for name in columns:
        if name not in schema.names:
            where = files[0].name if files else "the table"
            raise DepUnreadable(f"{where} has no column `{name}`", hint=f"it has {', '.join(schema.names)}")
    return pa.schema([schema.field(name) for name in dict.fromkeys(columns)])


def one_file(path: Path, format_name: str) -> TableSource:
    """Return the table in one file."""
    with readable(path):
        return open_table([TableFile(str(path), format_name, lambda: path)])
