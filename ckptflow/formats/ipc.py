"""Edge. Arrow IPC files: the format for tables that are written and read often. Frames are compressed with lz4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .coerce import table_stream
from .deliver import file_as
from .forms import Form
from .normal import conform, normal_schema, rebatch, wider
from .packing import small, unpacked
from .parts import Group, PartShape, readable
from .registry import Written

if TYPE_CHECKING:
    import pyarrow as pa


class Arrow:
    """Tables as Arrow IPC files ("Feather 2")."""

    name = "arrow"
    suffix = ".arrow"
    tabular = True

    def write(self, value: object, path: Path) -> Written:
        """Write a table or a stream of batches; memory is bounded by one batch."""
        return unpacked(self.pack(value, path), path)

    def pack(self, value: object, path: Path) -> Written:
        """See `Packing`. A file of one small batch is made in memory."""
        import pyarrow as pa

        from ..chunk.values import TableHasher

        schema, batches = table_stream(value, self.name)
        hasher = TableHasher(schema)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        is_small, rows = small(rebatch(batches, schema))
        packed = pa.BufferOutputStream() if is_small else None
        sink = pa.OSFile(str(path), "wb") if packed is None else packed
        with closing(sink), pa.ipc.new_file(sink, schema, options=options) as writer:
            for batch in rows:
                hasher.update(batch)
                writer.write_batch(canonical(batch))
        return Written(hasher.rows, hasher.digest(), None if packed is None else packed.getvalue().to_pybytes())

    def read(self, path: Path, form: Form) -> object:
        """Return the file as `form`."""
        return file_as(path, self.name, form)

    def reader(self, path: Path) -> IpcReader:
        """Return the reader of one file."""
        return IpcReader(path)


ARROW = Arrow()


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the same values in buffers that depend on nothing else: IPC writes the bytes under nulls as they are."""
    import pyarrow as pa

    return pa.record_batch([_canonical(column) for column in batch.columns], schema=batch.schema)


def _canonical(column: pa.Array) -> pa.Array:
    """Taking each value by its index writes zeros under nulls and packs what a list or a string has; only structs keep
    the values of their children under a null, so those are taken apart."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_struct(kind):
        children = [_canonical(child) for child in column.flatten()]
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=column.is_null() if column.null_count else None)
    if not pa.types.is_nested(kind) and not column.null_count:
        return column
    taken = column.take(pa.array(np.arange(len(column))))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        mask = taken.is_null() if taken.null_count else None
        return type(taken).from_arrays(taken.offsets, _canonical(taken.values), type=kind, mask=mask)
    return taken


class IpcReader:
    """One Arrow IPC file, in the file format or the stream format. Never mapped: a file of the workspace may be
    truncated while it is read, and a mapping would end the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def join(self, one: pa.DataType, other: pa.DataType) -> pa.DataType:
        """See `Reader`."""
        return wider(one, other)

    def _open(self) -> Any:
        import pyarrow as pa

        if self._file is None:
            with readable(self._path):
                source = pa.OSFile(str(self._path), "rb")
                if source.read(6) == b"ARROW1":
                    source.seek(0)
                    self._file = pa.ipc.open_file(source)
                else:
                    source.seek(0)
                    self._file = _Stream(pa.ipc.open_stream(source))
        return self._file

    def measure(self) -> PartShape:
        """Return the shape; of each batch only the first column is decoded."""
        import pyarrow as pa

        file = self._open()
        with readable(self._path):
            schema = normal_schema(file.schema)
            total = self._path.stat().st_size
            if isinstance(file, _Stream):
                rows = [batch.num_rows for batch in file.batches]
            else:
                options = pa.ipc.IpcReadOptions(included_fields=[0])
                with pa.OSFile(str(self._path), "rb") as source:
                    head = pa.ipc.open_file(source, options=options)
                    rows = [head.get_batch(i).num_rows for i in range(head.num_record_batches)]
        size = total // max(1, sum(rows))
        return PartShape(schema, tuple(Group(rows=n, bytes=n * size) for n in rows))

    def stream(self, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one record batch."""
        file = self._open()
        with readable(self._path):
            batch = file.get_batch(group).rename_columns(shape.schema.names)
            yield conform(batch.select(schema.names), schema)


class _Stream:
    """The stream format has no index: its batches are read once and kept."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema = reader.schema
        self.batches = list(reader)

    def get_batch(self, index: int) -> pa.RecordBatch:
        return self.batches[index]
