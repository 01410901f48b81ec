"""Edge. Tables in the form that a function asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .dataset import Dataset, to_pandas
from .forms import Form
from .normal import rebatch
from .tables import TableSource, one_file

if TYPE_CHECKING:
    import pyarrow as pa


def as_form(table: pa.Table, form: Form) -> object:
    """Return an Arrow table as `form`. The result shares memory with `table` only where it cannot be changed in place.

    Raises `UsageError` for forms that are no tables, and where the library that the form needs is not installed.
    """
    import pyarrow as pa

    match form:
        case Form.NATURAL | Form.TABLE:
            return table
        case Form.READER:
            return pa.RecordBatchReader.from_batches(table.schema, rebatch(table.to_batches(), table.schema))
        case Form.PANDAS:
            return to_pandas(table)
        case Form.POLARS:
            return Dataset(table).to_polars()
        case Form.POLARS_LAZY:
            polars: Any = Dataset(table).to_polars()
            return polars.lazy()
        case Form.DATASET:
            return Dataset(table)
        case _:
            raise UsageError(f"a table cannot be given as {form}", hint="annotate it as pyarrow.Table or pathlib.Path")


def source_as(source: TableSource, form: Form) -> object:
    """Return a table on disk as `form`; a reader and a `Dataset` read it as they go."""
    import pyarrow as pa

    match form:
        case Form.DATASET:
            return Dataset(source)
        case Form.READER:
            return pa.RecordBatchReader.from_batches(source.schema, source.batches())
        case _:
            return as_form(source.to_table(), form)


def file_as(path: Path, format_name: str, form: Form) -> object:
    """Return the table in one file as `form`; for forms that show bytes, the path or the bytes of the file itself."""
    match form:
        case Form.PATH:
            return path
        case Form.PATHS:
            return [path]
        case Form.BYTES:
            return path.read_bytes()
        case Form.TEXT:
            return path.read_bytes().decode()
        case _:
            return source_as(one_file(path, format_name), form)
