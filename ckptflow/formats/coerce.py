"""Edge. What stage functions return as a table, made into one stream of Arrow batches.

Accepted: anything with an Arrow stream or array of its own (pyarrow, polars, DuckDB, ...), pandas and polars frames, a
list of dicts (rows), a dict of columns, and iterators of any of these, which are pulled one item at a time. Nothing
here imports pandas or polars: a value of theirs has brought its library along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .normal import Untypable, conform, normal_schema
from .registry import refused

if TYPE_CHECKING:
    import pyarrow as pa

ACCEPTED = (
    "a pyarrow Table, RecordBatch or RecordBatchReader, a pandas or polars DataFrame, a list of dicts, "
    "a dict of columns, or an iterator of these"
)


def table_stream(value: object, name: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the normal schema of `value` and its rows, for the format called `name`.

    A stream is consumed as it is written. Raises `ResultError` for what is no table, now or while the stream is read.
    """
    import pyarrow as pa

    try:
        reader = _reader(value, name)
        if reader is None:
            return _of_iterator(value, name)
        schema = _checked(reader.schema, value, name)
    except (pa.ArrowException, Untypable) as error:
        raise refused(value, name, ACCEPTED, str(error)) from error
    return schema, _conformed(reader, schema, value, name)


def _checked(schema: pa.Schema, value: object, name: str) -> pa.Schema:
    names = schema.names
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise refused(value, name, "columns with different names", f"column `{twice[0]}` comes twice")
    if not names:
        raise refused(value, name, "a table with at least one column; an empty one keeps its columns", "no columns")
    return normal_schema(schema)


def _conformed(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, value: object, name: str
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        try:
            yield conform(batch, schema)
        except pa.ArrowException as error:
            raise refused(value, name, f"rows of one schema ({_short(schema)})", str(error)) from error


def _of_iterator(value: object, name: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if not isinstance(value, Iterator):
        raise refused(value, name, ACCEPTED)
    try:
        first = next(value)
    except StopIteration:
        why = "it yielded nothing, so the columns are unknown"
        raise refused(value, name, "at least one batch, if need be an empty one", why) from None
    reader = _reader(first, name)
    if reader is None:
        raise refused(first, name, "an iterator of batches or tables")
    schema = _checked(reader.schema, first, name)
    return schema, _items(reader, value, schema, name)


def _items(
    first: pa.RecordBatchReader, rest: Iterator[object], schema: pa.Schema, name: str
) -> Iterator[pa.RecordBatch]:
    yield from _conformed(first, schema, first, name)
    for item in rest:
        reader = _reader(item, name)
        if reader is None:
            raise refused(item, name, "an iterator of batches or tables")
        if reader.schema.names != schema.names:
            why = f"it yielded columns {', '.join(reader.schema.names)} after {', '.join(schema.names)}"
            raise refused(item, name, "batches of one schema", why)
        yield from _conformed(reader, schema, item, name)


def _reader(value: object, name: str) -> pa.RecordBatchReader | None:
    """Return `value` as an Arrow stream, None if it is no table by itself."""
    import pyarrow as pa

    if isinstance(value, pa.RecordBatchReader):
        return value
    if isinstance(value, pa.Table):
        return value.to_reader()
    if isinstance(value, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(value.schema, [value])
    library = type(value).__module__.partition(".")[0]
    frame: Any = value
    if library == "polars" and type(value).__name__ == "LazyFrame":
        frame = frame.collect()
    try:
        if library == "pandas" and type(value).__name__ == "DataFrame":
            return pa.Table.from_pandas(_with_index(frame, name), preserve_index=False).to_reader()
        if library == "polars" and type(value).__name__ in {"DataFrame", "LazyFrame"}:
            return frame.to_arrow().to_reader()
        if hasattr(value, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(value)
        if isinstance(value, Mapping):
            return _columns(value, name).to_reader()
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
            return _rows(value, name).to_reader()
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise refused(value, name, ACCEPTED, str(error)) from error
    return None


def _with_index(frame: Any, name: str) -> Any:
    """Return a pandas frame whose index, where it is data, has become columns.

    An index without a name that counts rows is what selecting rows leaves behind: it is dropped, whether or not it
    still is a range, because a schema must not depend on the rows.
    """
    index = frame.index
    unnamed_count = index.nlevels == 1 and index.name is None and (index.dtype.kind in "iu" or len(index) == 0)
    if unnamed_count:
        return frame
    names = [str(n) for n in index.names if n is not None]
    if clash := sorted(set(names) & {str(c) for c in frame.columns}):
        why = f"`{clash[0]}` is a column and a level of the index"
        raise refused(frame, name, "the frame after `reset_index(drop=True)` or with the index renamed", why)
    return frame.reset_index()


def _columns(value: Mapping[Any, Any], name: str) -> pa.Table:
    import pyarrow as pa

    if not value or any(isinstance(column, Mapping | str | bytes) or not hasattr(column, "__len__")
                        for column in value.values()):  # fmt: skip
        raise refused(value, name, f"{ACCEPTED}; a dict of dicts goes to `format: pickle`", "its values are no columns")
    return pa.table({str(key): column for key, column in value.items()})


def _rows(value: Sequence[Any], name: str) -> pa.Table:
    import pyarrow as pa

    if not value:
        raise refused(value, name, "an empty table with its columns", "an empty list has no columns")
    if not all(isinstance(row, Mapping) for row in value):
        raise refused(value, name, ACCEPTED, "its items are no dicts")
    names = list(dict.fromkeys(key for row in value for key in row))
    return pa.table({str(key): pa.array([row.get(key) for row in value]) for key in names})


def _short(schema: pa.Schema) -> str:
    return ", ".join(f"{f.name}: {f.type}" for f in schema)
