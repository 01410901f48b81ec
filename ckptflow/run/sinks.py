"""Edge. What comes of items, put together to one value of an out: as rows of a table, or as a list.

Rules: what is put together depends on what came of the items and their order, never on when some of it was kept. So
a result is taken as it is at its moment (the function may go on using the object), and a list holds values that know
nothing of each other: two of them never share a part, which pickle would note.
"""

from __future__ import annotations

import json
import pickle
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from ..chunk.model import Part
from ..errors import ResultError
from ..formats.gather import joined_tables, table_of, table_of_rows
from ..formats.registry import TABULAR, get_format
from ..formats.tables import one_file
from ..ids import digest
from .messages import Output
from .storing import Staging, store_value

if TYPE_CHECKING:
    import pyarrow as pa

SEAL_ROWS = 1024
"""Rows that are held as dicts, at most: a table is a tenth of the size."""

Piece: TypeAlias = Any
"""A result of one item in the form in which a sink takes it."""


class Sink(Protocol):
    """All results for one out, in order."""

    @property
    def length(self) -> int:
        """How many rows, or values, there are."""
        ...

    def prepare(self, result: Any) -> Piece:
        """Return one item's result as it is to be added. Runs generators to their end. Raises `ResultError`."""
        ...

    def add(self, piece: Piece) -> None:
        """Add it."""
        ...

    def keep(self, staging: Staging, start: int) -> Part | None:
        """Store what was added from row, or value, `start` on, at which something was kept before; None where that is
        nothing.
        """
        ...

    def load(self, staging: Staging, parts: Iterable[Part]) -> None:
        """Add what was kept. Raises `StoreDamaged`, `NotThere`."""
        ...

    def load_finished(self, staging: Staging, part: Part) -> None:
        """Add what a finished chunk holds. Raises `StoreDamaged`, `NotThere`."""
        ...

    def copy(self, other: Self, start: int, stop: int) -> None:
        """Add rows, or values, `start` to `stop` (excluded) of another sink of the same out."""
        ...

    def finish(self, staging: Staging) -> Part:
        """Store all of it in the out's format. Raises `ResultError`."""
        ...


def sink_for(output: Output) -> Sink:
    """Return an empty sink for an out."""
    return Rows(output) if output.format in TABULAR else Values(output)


class Rows:
    """A table. An item gives a row (a dict), several (a list, an iterator), a table, or none (None)."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._rows: list[dict[Any, Any]] = []
        self._tables: list[pa.Table] = []
        self._starts: list[int] = []  # of each table, the number of rows before it
        self._sealed = 0

    @property
    def length(self) -> int:
        """See `Sink`."""
        return self._sealed + len(self._rows)

    def prepare(self, result: Any) -> list[Any]:
        """See `Sink`."""
        if result is None:
            return []
        if isinstance(result, Mapping):
            return [dict(result)]
        if isinstance(result, Iterator | list | tuple) and not hasattr(result, "__arrow_c_stream__"):
            return [dict(piece) if isinstance(piece, Mapping) else self._table(piece) for piece in result]
        return [self._table(result)]

    def _table(self, value: Any) -> Any:
        try:
            return table_of(value)
        except ResultError as error:
            hint = "for an item return a dict (a row), a list or iterator of dicts, a table, or None"
            raise ResultError(f"out `{self._output.label}`: {error.message}", hint=hint) from None

    def add(self, piece: list[Any]) -> None:
        """See `Sink`."""
        for each in piece:
            if isinstance(each, dict):
                self._rows.append(each)
                if len(self._rows) >= SEAL_ROWS:
                    self._seal()
            else:
                self._seal()
                self._take(each)

    def keep(self, staging: Staging, start: int) -> Part | None:
        """See `Sink`."""
        self._seal()
        if self._sealed == start:
            return None
        fresh = self._joined(self._tables[bisect_left(self._starts, start) :])
        return store_value(staging, Output(self._output.label, self._output.path, "arrow"), fresh)

    def load(self, staging: Staging, parts: Iterable[Part]) -> None:
        """See `Sink`."""
        for part in parts:
            self._take(one_file(staging.objects.path(part.object), "arrow").to_table())

    def load_finished(self, staging: Staging, part: Part) -> None:
        """See `Sink`."""
        if not part.is_void:
            self._take(one_file(staging.objects.path(part.object), self._output.format).to_table())

    def copy(self, other: Rows, start: int, stop: int) -> None:
        """See `Sink`."""
        self._seal()
        if stop > start:
            self._take(other._joined(other._tables).slice(start, stop - start))

    def finish(self, staging: Staging) -> Part:
        """See `Sink`."""
        self._seal()
        table = self._joined(self._tables)
        if not table.num_columns:
            nothing = staging.objects.put(b"")
            return Part(object=nothing, bytes=0, values=digest(b"no rows, no columns"), rows=0)
        return store_value(staging, self._output, table)

    def _joined(self, tables: list[pa.Table]) -> pa.Table:
        try:
            return joined_tables(tables)
        except ResultError as error:
            raise ResultError(f"out `{self._output.label}`: {error.message}", hint=error.hint) from None

    def _seal(self) -> None:
        if self._rows:
            try:
                table = table_of_rows(self._rows)
            except ResultError as error:
                raise ResultError(f"out `{self._output.label}`: {error.message}", hint=error.hint) from None
            self._rows = []
            self._take(table)

    def _take(self, table: pa.Table) -> None:
        if table.num_rows:
            self._tables.append(table)
            self._starts.append(self._sealed)
            self._sealed += table.num_rows


class Values:
    """A list of values, one an item."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._blobs: list[Any] = []

    @property
    def length(self) -> int:
        """See `Sink`."""
        return len(self._blobs)

    def prepare(self, result: Any) -> Any:
        """See `Sink`."""
        if isinstance(result, Iterator):
            result = list(result)
        try:
            if self._output.format == "json":
                return json.dumps(result, allow_nan=False, default=_plain)
            return pickle.dumps(result, protocol=5)
        except (pickle.PicklingError, TypeError, ValueError, AttributeError, RecursionError) as error:
            message = (
                f"out `{self._output.label}`: format `{self._output.format}` cannot hold a {type(result).__name__}"
            )
            raise ResultError(f"{message}: {error}") from error

    def add(self, piece: Any) -> None:
        """See `Sink`."""
        self._blobs.append(piece)

    def keep(self, staging: Staging, start: int) -> Part | None:
        """See `Sink`."""
        fresh = self._blobs[start:]
        return store_value(staging, self._output, fresh) if fresh else None

    def load(self, staging: Staging, parts: Iterable[Part]) -> None:
        """See `Sink`."""
        from ..formats.forms import Form

        for part in parts:
            found: Any = get_format(self._output.format).read(staging.objects.path(part.object), Form.NATURAL)
            self._blobs += found

    def load_finished(self, staging: Staging, part: Part) -> None:
        """See `Sink`."""
        from ..formats.forms import Form

        found: Any = get_format(self._output.format).read(staging.objects.path(part.object), Form.NATURAL)
        self._blobs += map(self.prepare, found)

    def copy(self, other: Values, start: int, stop: int) -> None:
        """See `Sink`."""
        self._blobs += other._blobs[start:stop]

    def finish(self, staging: Staging) -> Part:
        """See `Sink`."""
        load = json.loads if self._output.format == "json" else pickle.loads
        return store_value(staging, self._output, [load(blob) for blob in self._blobs])


def _plain(value: Any) -> Any:
    """Return a NumPy scalar or array as Python has it."""
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a value of JSON")
