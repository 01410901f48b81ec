"""Edge. A value in a file so that it comes back as it was: tables and mappings of records as Parquet, else pickle.

A pipeline's outs are made uniform (`normal`); here the opposite is wanted: a frame keeps its library, index and dtypes.
So a table goes to Parquet only if what would be read back is equal to it in everything, and else to pickle.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .forms import Form
from .mappings import NotRecords, from_table, is_records, to_table
from .registry import get_format
from .uniform import NotUniform, to_batches

if TYPE_CHECKING:
    import pyarrow as pa

PICKLE = "pickle"
RECORDS = "records"
SUFFIXES = {PICKLE: ".pkl"}
_GROUP_ROWS = 131_072
_RECORDS: dict[str, Any] = {"write_statistics": False, "write_batch_size": 16_384}
"""How records are written besides: they are read as a whole, so nobody asks for the least value of a column."""


def suffix_of(kind: str) -> str:
    """Return the end of the names of files that hold values of `kind`."""
    return SUFFIXES.get(kind, ".parquet")


def write(value: Any, path: Callable[[str], Path]) -> str:
    """Write `value` to `path(kind)`; return its kind: `arrow`, `batch`, `pandas`, `polars`, `records` or `pickle`.

    Raises `ResultError` for what cannot be pickled either, OSError where the disk fails.
    """
    if type(value) is dict and _write_records(value, path):
        return RECORDS
    kind, table = _as_table(value)
    if table is not None and _write_parquet(table, path(kind)):
        return kind
    get_format(PICKLE).write(value, path(PICKLE))
    return PICKLE


def read(kind: str, path: Path) -> Any:
    """Return the value of `kind` in the file at `path`. Raises `DepUnreadable` for a pickle that fails, ValueError and
    `pyarrow.ArrowException` for a file that is malformed, ImportError where its library is not installed.
    """
    if kind == PICKLE:
        return get_format(PICKLE).read(path, Form.NATURAL)
    table: Any = _read_parquet(path)
    if kind == RECORDS and is_records(table.schema):
        return from_table(table)
    if kind == "pandas":
        return table.to_pandas()
    if kind == "polars":
        return _to_polars(table)
    if kind == "batch":
        return table.combine_chunks().to_batches()[0] if table.num_rows else _empty_batch(table.schema)
    if kind == "arrow":
        return table
    raise ValueError(f"a value of the unknown kind {kind!r}")


def _as_table(value: Any) -> tuple[str, pa.Table | None]:
    """Return the kind of a value and the table that has all of it; None where none has."""
    library = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    if type(value) is dict:
        try:
            return RECORDS, to_table(value)
        except NotRecords:
            return PICKLE, None
    if library == "pandas" and name == "DataFrame":
        return "pandas", _of_pandas(value)
    if library == "polars" and name in ("DataFrame", "LazyFrame"):
        return "polars", _of_polars(value.collect() if name == "LazyFrame" else value)
    if library == "pyarrow":
        import pyarrow as pa

        if isinstance(value, pa.Table):
            return "arrow", value
        if isinstance(value, pa.RecordBatch):
            return "batch", pa.Table.from_batches([value])
    return PICKLE, None


def _of_pandas(frame: Any) -> pa.Table | None:
    import pandas as pd
    import pyarrow as pa

    if frame.attrs or len(set(map(str, frame.columns))) != len(frame.columns):
        return None
    try:
        table = pa.Table.from_pandas(frame)
        pd.testing.assert_frame_equal(table.to_pandas(), frame, check_exact=True, check_flags=True)
        objects = [i for i, kind in enumerate(frame.dtypes) if kind.kind == "O"]
        back = table.to_pandas() if objects else frame
        same = all(list(map(type, back.iloc[:, i])) == list(map(type, frame.iloc[:, i])) for i in objects)
    except Exception:  # whatever of pandas' many types cannot be converted, compared or shown
        return None
    return table if same else None


def _of_polars(frame: Any) -> pa.Table | None:
    try:
        table = frame.to_arrow()
        back = _to_polars(table)
        return table if back.schema == frame.schema and back.equals(frame, null_equal=True) else None
    except Exception:  # types that only polars has
        return None


def _to_polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table, rechunk=True)


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _write_records(value: dict[Any, Any], path: Callable[[str], Path]) -> bool:
    """Write records that are all alike, each batch by another thread while the next is made; False for others."""
    import pyarrow.parquet as pq

    from .parquet import WRITING

    try:
        schema, batches = to_batches(value)
    except NotUniform:
        return False
    target = path(RECORDS)
    ways = {**WRITING, **_encodings(schema)}
    try:
        with pq.ParquetWriter(target, schema, **ways) as writer, ThreadPoolExecutor(1) as aside:
            written: Future[None] | None = None
            for batch in batches:
                if written is not None:
                    written.result()
                written = aside.submit(writer.write_batch, batch)
            if written is not None:
                written.result()
    except NotUniform:
        target.unlink()
        return False
    return True


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how the columns of records are encoded. What each is best at, measured; keys are never the same twice."""
    import pyarrow as pa

    numbers: dict[str, str] = {}
    for each in schema:
        if pa.types.is_float64(each.type):
            numbers[each.name] = "BYTE_STREAM_SPLIT"
        elif pa.types.is_int64(each.type):
            numbers[each.name] = "DELTA_BINARY_PACKED"
    others = [each.name for each in list(schema)[1:] if each.name not in numbers]
    plain = {name: encoding for name, encoding in numbers.items() if "." not in name}
    return {"use_dictionary": [name for name in others if "." not in name], "column_encoding": plain, **_RECORDS}


def _write_parquet(table: pa.Table, path: Path) -> bool:
    """Write a table; False, with the file removed, where Parquet would not give it back with the same schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .parquet import WRITING

    if not table.schema.names or len(set(table.schema.names)) != len(table.schema.names):
        return False
    floats = [f.name for f in table.schema if pa.types.is_float32(f.type) or pa.types.is_float64(f.type)]
    others = [f.name for f in table.schema if f.name not in floats and "." not in f.name]
    plain = [name for name in floats if "." not in name]
    try:
        pq.write_table(
            table, path, row_group_size=_GROUP_ROWS, use_dictionary=others, use_byte_stream_split=plain, **WRITING
        )
        written = pq.read_schema(path)
        same = bool(_original(written, path).equals(table.schema, check_metadata=True))
        written.empty_table().cast(table.schema)
    except (pa.ArrowException, ValueError):
        same = False
    if not same:
        path.unlink(missing_ok=True)
    return same


def _read_parquet(path: Path) -> pa.Table:
    """Return the table, with types that Parquet does not have (seconds, names inside lists) as they were."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
    original = _original(table.schema, path)
    return table if table.schema.equals(original, check_metadata=True) else table.cast(original)


def _original(schema: pa.Schema, path: Path) -> pa.Schema:
    """Return the schema that was written to the file at `path`, which Arrow keeps beside Parquet's own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = (pq.read_metadata(path).metadata or {}).get(b"ARROW:schema")
    return schema if kept is None else pa.ipc.read_schema(pa.py_buffer(b64decode(kept)))
