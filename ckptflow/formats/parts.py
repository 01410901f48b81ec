"""Edge. One file of a table: its shape, learnt without decoding where the format allows, and its groups of rows.

A `Reader` is one file. Its groups (row groups, record batches, blocks of lines) are the units in which it can be
entered; `tables` makes one table of several readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..dataclass import dataclass
from ..errors import DepMissing, DepUnreadable
from .forms import Form
from .normal import BATCH_ROWS, conform, normal_schema, wider
from .registry import get_format

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive rows of a file. `bytes` is their decoded size, roughly. `start` and `stop` are the offsets of its
    bytes in the file, for formats of lines; elsewhere 0."""

    rows: int
    bytes: int
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class PartShape:
    """What is known of one file without its rows: the normal schema and the groups in order."""

    schema: pa.Schema
    groups: tuple[Group, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(group.rows for group in self.groups)


class Reader(Protocol):
    """One file of a table. Raises `DepUnreadable` for a malformed file, `DepMissing` where there is none."""

    def join(self, one: pa.DataType, other: pa.DataType) -> pa.DataType:
        """Return the type of a column that is `one` in this file and `other` in the next. Raises ValueError."""
        ...

    def measure(self) -> PartShape:
        """Return the shape of the file."""
        ...

    def stream(self, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one group: the columns of `schema`, by name, with its types. Memory: some batches."""
        ...


@runtime_checkable
class Nameable(Protocol):
    """A reader that can tell groups apart without decoding them."""

    def names(self, shape: PartShape, schema: pa.Schema) -> list[str]:
        """Return a name for each group: where two are equal, in whatever files, `stream` with this `schema` yields the
        same rows. Of the stored bytes, so the same rows may have many names."""
        ...


@runtime_checkable
class Enterable(Protocol):
    """A tabular format whose files can be read group by group."""

    def reader(self, path: Path) -> Reader:
        """Return the reader of the file at `path`, which is opened when it is first used."""
        ...


def open_reader(path: Path, format_name: str) -> Reader:
    """Return the reader of a file in the format called `format_name`. Opens nothing."""
    found = get_format(format_name)
    if isinstance(found, Enterable):
        return found.reader(path)
    return WholeReader(path, format_name)


class WholeReader:
    """A file of a format that can only be read in one piece: those of entry points."""

    def __init__(self, path: Path, format_name: str) -> None:
        self._path = path
        self._format = format_name
        self._table: pa.Table | None = None

    def join(self, one: pa.DataType, other: pa.DataType) -> pa.DataType:
        """See `Reader`."""
        return wider(one, other)

    def _read(self) -> pa.Table:
        import pyarrow as pa

        if self._table is None:
            with readable(self._path):
                table = get_format(self._format).read(self._path, Form.TABLE)
            if not isinstance(table, pa.Table):
                raise DepUnreadable(f"{self._path}: format `{self._format}` gave {type(table).__name__}, no table")
            self._table = table
        return self._table

    def measure(self) -> PartShape:
        """Return the shape of the file; reads it."""
        table = self._read()
        return PartShape(normal_schema(table.schema), (Group(table.num_rows, table.nbytes),))

    def stream(self, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield all rows."""
        table = self._read().rename_columns(shape.schema.names)
        for batch in table.select(schema.names).to_batches(max_chunksize=BATCH_ROWS):
            yield conform(batch, schema)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading `path` into `DepUnreadable` or `DepMissing` with its name."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError as error:
        raise DepMissing(f"{path} is not there") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        text = str(error).strip().splitlines()
        raise DepUnreadable(f"{path} cannot be read: {text[0] if text else type(error).__name__}") from error
