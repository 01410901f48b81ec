"""Edge. Rows that come as dicts, some at a time, put together to one table.

Rules: what comes of it depends on the rows and their order alone, never on how many came at a time. A column's type is
therefore the type that the values of each Python type have by themselves, joined by `wider`: Arrow's own inference over
mixed values goes by the first of them (a number after a date becomes a date). Columns are those of all rows, in the
order in which they first appear; what a row lacks is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ResultError
from .coerce import table_stream
from .normal import Untypable, decoded, identical, normal_type, wider

if TYPE_CHECKING:
    import pyarrow as pa


def table_of_rows(rows: Sequence[Mapping[Any, Any]]) -> pa.Table:
    """Return the table of `rows`; without rows one that has no columns. Raises `ResultError` naming the column."""
    import pyarrow as pa

    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {str(name): _column(str(name), [row.get(name) for row in rows]) for name in names}
    if len(columns) < len(names):
        raise ResultError("two columns of a row have one name as text", hint="name columns by texts")
    if rows and not names:
        raise ResultError("a row has no columns", hint="return None for an item that gives no row")
    return pa.table(columns)


def table_of(value: object) -> pa.Table:
    """Return a table of any kind that a function may return as a `pyarrow.Table`. Raises `ResultError`."""
    import pyarrow as pa

    schema, batches = table_stream(value, "parquet")
    return pa.Table.from_batches(list(batches), schema)


def joined_tables(tables: Iterable[pa.Table]) -> pa.Table:
    """Return the rows of `tables`, one after the other, with all their columns.

    Raises `ResultError` naming the column whose types have nothing in common.
    """
    import pyarrow as pa

    found = [table for table in tables if table.num_columns]
    if not found:
        return pa.table({})
    kinds: dict[str, pa.DataType] = {}
    for table in found:
        for field in table.schema:
            kinds[field.name] = _common(field.name, kinds.get(field.name), field.type)
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds.items()])
    return pa.concat_tables([_widened(table, schema) for table in found])


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)], field.type))
            continue
        column = table.column(field.name)
        chunks = [chunk if identical(chunk.type, field.type) else _cast(field, chunk) for chunk in column.chunks]
        columns.append(pa.chunked_array(chunks, field.type))
    return pa.table(columns, schema=schema)


def _cast(field: pa.Field, chunk: pa.Array) -> pa.Array:
    import pyarrow as pa

    try:
        return decoded(chunk, field.type)
    except pa.ArrowException as error:
        raise ResultError(f"column `{field.name}`: {error}") from error


def _column(name: str, values: list[Any]) -> pa.Array:
    kinds: set[Any] = set(map(type, values))
    kinds.discard(type(None))
    kind_of: Callable[[Any], Any] = type
    if any(issubclass(kind, datetime) for kind in kinds):  # Arrow drops the zones of all but the first
        kind_of = _kind_and_zone
        kinds = {kind_of(value) for value in values if value is not None}
    if len(kinds) < 2:
        return _array(name, values)
    import pyarrow as pa
    import pyarrow.compute as pc

    found: pa.Array | None = None
    for kind in sorted(kinds, key=repr):
        some = _array(name, [value if kind_of(value) == kind else None for value in values])
        if found is None:
            found = some
            continue
        common = pa.field(name, _common(name, found.type, some.type))
        found = pc.coalesce(_cast(common, found), _cast(common, some))
    assert found is not None
    return found


def _kind_and_zone(value: Any) -> tuple[type, str]:
    return type(value), str(value.tzinfo) if isinstance(value, datetime) else ""


def _array(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        found = pa.array(values)
        if isinstance(found, pa.ChunkedArray):
            found = found.combine_chunks()
        kind = normal_type(found.type)
        return found if identical(found.type, kind) else decoded(found, kind)
    except (pa.ArrowException, Untypable, TypeError, ValueError, OverflowError) as error:
        raise ResultError(f"column `{name}` cannot be kept in a table: {error}") from error


def _common(name: str, one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    if one is None or one.equals(other):
        return other if one is None else one
    try:
        return wider(one, other)
    except ValueError:
        hint = "give the column values of one type"
        raise ResultError(f"column `{name}` is {other} in one item and {one} in another", hint=hint) from None
