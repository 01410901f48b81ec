"""Edge. Parquet: the format of tables.

Written with fixed options so that equal values give equal bytes: zstd at level 1 and no dictionaries (measured: smaller
and faster than the defaults on wide tables of numbers and ids), page checksums, row groups whose limits follow from the
values alone, the Arrow schema kept so that types come back. The digest is over the rows as they will be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import FileIO
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ids import Hasher
from .coerce import table_stream
from .deliver import file_as
from .forms import Form
from .normal import BATCH_ROWS, conform, joined, normal_schema, rebatch, wider
from .packing import small, unpacked
from .parts import Group, PartShape, readable
from .registry import Written, refused

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.schema import Exact

GROUP_ROWS = 131_072
"""Most rows of a row group."""

GROUP_BYTES = 64 << 20
"""A row group ends with the batch in which it reaches this size, uncompressed."""

_STEP = 16_384
_BLOCK = 1 << 20

WRITING: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "zstd",
    "compression_level": 1,
    "write_page_checksum": True,
    "store_schema": True,
}
"""How Parquet is written everywhere, dictionaries and encodings of columns aside."""


class Parquet:
    """Tables as Parquet files."""

    name = "parquet"
    suffix = ".parquet"
    tabular = True

    def write(self, value: object, path: Path) -> Written:
        """Write a table or a stream of batches; memory is bounded by one row group."""
        return unpacked(self.pack(value, path), path)

    def pack(self, value: object, path: Path) -> Written:
        """See `Packing`. A file of one small row group is made in memory."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from ..chunk.values import TableHasher

        schema, batches = table_stream(value, self.name)
        try:
            stored = readback_schema(schema)
        except pa.ArrowException as error:
            raise refused(value, self.name, "columns of types that Parquet has", str(error)) from error
        hasher = TableHasher(stored)
        if stored is not schema:
            batches = _cast(batches, stored, value, self.name)
        is_small, groups = small(_row_groups(batches, stored))
        packed = pa.BufferOutputStream() if is_small else None
        with pq.ParquetWriter(path if packed is None else packed, stored, use_dictionary=False, **WRITING) as writer:
            for group in groups:
                hasher.update(group)
                writer.write_batch(group, row_group_size=GROUP_ROWS)
        data = None if packed is None else packed.getvalue().to_pybytes()
        return Written(hasher.rows, hasher.digest(), data)

    def read(self, path: Path, form: Form) -> object:
        """Return the file as `form`."""
        return file_as(path, self.name, form)

    def reader(self, path: Path) -> ParquetReader:
        """Return the reader of one file."""
        return ParquetReader(path)


PARQUET = Parquet()


def readback_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with which a table of `schema` comes back from Parquet (`timestamp[s]` as `[ms]`, ...): it
    itself where that is the same in everything.
    """
    from ..chunk.schema import Exact

    exact = Exact(schema)
    back = _readback(exact)
    return schema if back == exact else back.schema


@lru_cache(maxsize=64)
def _readback(exact: Exact) -> Exact:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..chunk.schema import Exact

    sink = pa.BufferOutputStream()
    pq.write_table(exact.schema.empty_table(), sink, store_schema=True)
    return Exact(normal_schema(pq.read_schema(pa.BufferReader(sink.getvalue()))))


def _cast(batches: Iterable[pa.RecordBatch], schema: pa.Schema, value: object, name: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for batch in batches:
        try:
            yield conform(batch, schema)
        except pa.ArrowException as error:
            raise refused(value, name, "values that Parquet can hold", str(error)) from error


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield one batch a row group. Sizes come from `get_record_batch_size`, which depends on values only: validity
    that is all set and bytes outside of a slice do not count."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in rebatch(batches, schema, _STEP):
        waiting.append(batch)
        rows += batch.num_rows
        size += pa.ipc.get_record_batch_size(batch)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield joined(waiting, schema)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield joined(waiting, schema)


class ParquetReader:
    """One Parquet file, whoever wrote it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def join(self, one: pa.DataType, other: pa.DataType) -> pa.DataType:
        """See `Reader`."""
        return wider(one, other)

    def _open(self) -> Any:
        import pyarrow.parquet as pq

        if self._file is None:
            with readable(self._path):
                self._file = pq.ParquetFile(self._path, pre_buffer=False, page_checksum_verification=True)
        return self._file

    def measure(self) -> PartShape:
        """Return the shape, from the footer alone."""
        file = self._open()
        with readable(self._path):
            groups = []
            for i in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(i)
                groups.append(Group(rows=group.num_rows, bytes=group.total_byte_size))
            return PartShape(normal_schema(file.schema_arrow), tuple(groups))

    def stream(self, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one row group."""
        file = self._open()
        columns = self._projection(schema)
        with readable(self._path):
            for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], columns=columns):
                if columns is None:
                    yield conform(batch.rename_columns(shape.schema.names).select(schema.names), schema)
                else:
                    yield conform(batch.select(schema.names), schema)

    def names(self, shape: PartShape, schema: pa.Schema) -> list[str]:
        """See `Nameable`: digests of the stored bytes of the columns that are read, and of what the footer says of
        them, but for where they lie."""
        file = self._open()
        columns = self._projection(schema)
        footer = file.metadata
        leaves = [
            leaf
            for leaf in range(footer.num_columns)
            if columns is None or footer.schema.column(leaf).path.partition(".")[0] in columns
        ]
        kinds = [_kind(footer.schema.column(leaf)) for leaf in leaves]
        head = [footer.created_by, shape.schema.serialize().to_pybytes().hex(), kinds]
        same = json.dumps(head).encode()
        block = memoryview(mmap(-1, _BLOCK))  # begins with a page: see `store.hashing`
        names: list[str] = []
        with readable(self._path), open(self._path, "rb", buffering=0) as raw:
            for group in map(footer.row_group, range(footer.num_row_groups)):
                hasher = Hasher()
                hasher.update(same)
                for leaf in leaves:
                    _add_stored(hasher, group.column(leaf), raw, block)
                names.append(hasher.digest())
        return names

    def _projection(self, schema: pa.Schema) -> list[str] | None:
        """Return the columns of `schema` where no other need be read for them, None for all.

        Arrow selects leaves by prefix: a name with a dot or a repeated one could bring others. Then all are read.
        """
        own = list(self._open().schema_arrow.names)
        plain = len(set(own)) == len(own) and not any("." in name for name in own)
        return schema.names if plain and len(schema.names) < len(own) else None


def _add_stored(hasher: Hasher, column: Any, raw: FileIO, block: memoryview) -> None:
    """Add what a file holds of one column of a row group."""
    start, size, ahead = column.data_page_offset, column.total_compressed_size, column.dictionary_page_offset
    first = ahead if ahead and ahead < start else start  # as Arrow has it: some writers say 0 where there is none
    hasher.update(f"{column.compression} {column.num_values} {start - first} {size} ".encode())
    raw.seek(first)
    while size > 0:
        read = raw.readinto(block[:size])
        if not read:
            raise ValueError("it ends before its last row group does")
        hasher.update(block[:read])
        size -= read


def _kind(column: Any) -> list[str]:
    """Return what a file's schema says of a leaf, as far as decoding looks at it."""
    says = (column.path, column.physical_type, column.length, column.logical_type, column.converted_type,
            column.precision, column.scale, column.max_definition_level, column.max_repetition_level)  # fmt: skip
    return [str(word) for word in says]
