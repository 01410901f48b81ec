"""Edge. `Dataset`: a table that is not read yet. What `ckptflow.Dataset` annotates and `ckptflow.open` returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .normal import rebatch
from .tables import TableSource

if TYPE_CHECKING:
    import pyarrow as pa


class Dataset:
    """A lazy handle on rows with a schema: of a whole table, or of one chunk of it.

    Reading goes through Arrow batches whose bounds depend on the number of rows alone. Nothing is cached between
    calls, so `batches` needs memory for a batch, whatever the size of the table. Other libraries take it as it is:
    `pl.DataFrame(dataset)`, `duckdb.from_arrow(dataset)`, `pa.table(dataset)`.
    """

    __slots__ = ("_source", "_table")

    def __init__(self, rows: TableSource | pa.Table) -> None:
        self._source = rows if isinstance(rows, TableSource) else None
        self._table = None if isinstance(rows, TableSource) else rows

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self._rows.schema

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.schema.names)

    @property
    def num_rows(self) -> int:
        """The number of rows, without reading them where the format knows it."""
        return int(self._rows.num_rows)

    @property
    def _rows(self) -> Any:
        return self._table if self._source is None else self._source

    def select(self, columns: Sequence[str]) -> Dataset:
        """Return the same rows with just `columns`, in this order; the others are not read."""
        if self._source is not None:
            return Dataset(self._source.select(columns))
        return Dataset(self._rows.select(list(columns)))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches."""
        if columns is not None:
            return self.select(columns).batches()
        if self._source is not None:
            return self._source.batches()
        return rebatch(self._rows.to_batches(), self.schema)

    def chunks(self) -> Iterator[Dataset]:
        """Yield one `Dataset` for each part of the table, in order; a single file or a chunk is one part."""
        if self._source is None:
            yield self
            return
        for part in self._source.parts():
            yield Dataset(part)

    def to_table(self) -> pa.Table:
        """Read all rows into a `pyarrow.Table`."""
        return self._rows if self._source is None else self._source.to_table()

    def to_pandas(self) -> Any:
        """Read all rows into a `pandas.DataFrame` that may be changed in place."""
        return to_pandas(self.to_table())

    def to_polars(self) -> Any:
        """Read all rows into a `polars.DataFrame`."""
        import polars

        return polars.from_arrow(self.to_table())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the rows as an Arrow C stream (the Arrow PyCapsule interface)."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.num_rows

    def __repr__(self) -> str:
        return f"Dataset({self.num_rows} rows: {', '.join(self.columns)})"


def to_pandas(table: pa.Table) -> Any:
    """Return a `pandas.DataFrame` of its own memory: writing into it changes nothing that others see.

    Arrow hands columns without nulls to pandas as they are, read-only; a function that assigns into its frame would
    fail on some chunks. So everything is taken over as it is and copied once.
    """
    return table.to_pandas(split_blocks=True).copy()
