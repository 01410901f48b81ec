"""Pure. What a table is once encodings are taken away: the types and the batches that functions and digests see.

Two files with the same values must look the same to a stage function, or a re-encoded file could change a result that
its digest calls fresh. Therefore everything that is encoding and not value goes, on writing and on reading alike:
schema and field metadata (pandas' among it), dictionary and run-end encoding, view layouts, names inside lists, types
of extensions that only some process has registered (Arrow's own `arrow.*` stay). Batches come in sizes that depend on
the number of rows alone, never on row groups or on what a function happened to yield.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.schema import Exact

BATCH_ROWS = 65_536
"""Rows of a batch, in all places where functions see batches."""


class Untypable(ValueError):
    """A column has a type that no table on disk can hold."""


def normal_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of `kind`, without encoding. Raises `Untypable` for unions and intervals."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return normal_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return kind if kind.extension_name.startswith("arrow.") else normal_type(kind.storage_type)
    if kind.equals(pa.string_view()):
        return pa.large_string()
    if kind.equals(pa.binary_view()):
        return pa.large_binary()
    if is_.is_fixed_size_list(kind):
        return pa.list_(_item(kind.value_field), kind.list_size)
    if is_.is_large_list(kind) or is_.is_large_list_view(kind):
        return pa.large_list(_item(kind.value_field))
    if is_.is_list(kind) or is_.is_list_view(kind):
        return pa.list_(_item(kind.value_field))
    if is_.is_map(kind):
        key = pa.field("key", normal_type(kind.key_type), nullable=False)
        value = pa.field("value", normal_type(kind.item_type), kind.item_field.nullable)
        return pa.map_(key, value, keys_sorted=kind.keys_sorted)
    if is_.is_struct(kind):
        return pa.struct([_field(kind.field(i)) for i in range(kind.num_fields)])
    if is_.is_union(kind) or is_.is_interval(kind):
        raise Untypable(f"{kind} cannot be kept in a table")
    return kind


def _item(field: pa.Field) -> pa.Field:
    import pyarrow as pa

    return pa.field("item", normal_type(field.type), field.nullable)


def _field(field: pa.Field) -> pa.Field:
    import pyarrow as pa

    return pa.field(field.name, normal_type(field.type), field.nullable)


def normal_schema(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with normal types, unique names and no metadata. Raises `Untypable` naming the column."""
    from ..chunk.schema import Exact

    return _normal(Exact(schema))


@lru_cache(maxsize=64)
def _normal(exact: Exact) -> pa.Schema:
    import pyarrow as pa

    fields = []
    schema = exact.schema
    for name, field in zip(unique_names(schema.names), schema, strict=True):
        try:
            fields.append(pa.field(name, normal_type(field.type), field.nullable))
        except Untypable as error:
            raise Untypable(f"column `{name}`: {error}") from None
    return pa.schema(fields)


def unique_names(names: Iterable[str]) -> list[str]:
    """Return `names`, a repeated one with `_1`, `_2`, ... so that every column can be asked for by name."""
    wanted = list(names)
    taken = set(wanted)
    seen: set[str] = set()
    result = []
    for name in wanted:
        unique, n = name, 0
        while unique in seen or (n and unique in taken):
            n += 1
            unique = f"{name}_{n}"
        seen.add(unique)
        result.append(unique)
    return result


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return `batch` with the types of `schema`, columns matched by position. Raises `pyarrow.ArrowInvalid` if a
    value does not fit (never rounds), `ArrowNotImplementedError` if the types have nothing in common."""
    import pyarrow as pa

    from ..chunk.schema import Exact

    exact = Exact(schema)
    if Exact(batch.schema) == exact:
        _check_nulls(batch, schema, exact)
        return batch
    columns = [
        column if identical(column.type, field.type) else decoded(column, field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    if not columns:
        return batch.replace_schema_metadata(None)
    made = pa.record_batch(columns, schema=schema)
    _check_nulls(made, schema, exact)
    return made


def _check_nulls(batch: pa.RecordBatch, schema: pa.Schema, exact: Exact) -> None:
    import pyarrow as pa

    for place in _without_nulls(exact):
        if batch.column(place).null_count:
            raise pa.ArrowInvalid(f"column `{schema.field(place).name}` is declared without nulls and has some")


@lru_cache(maxsize=64)
def _without_nulls(exact: Exact) -> tuple[int, ...]:
    """Return which columns are declared without nulls."""
    return tuple(place for place, field in enumerate(exact.schema) if not field.nullable)


def identical(one: pa.DataType, other: pa.DataType) -> bool:
    """Tell whether two types are the same down to the names inside lists, which Arrow's `equals` passes over."""
    return bool(one.equals(other, check_metadata=True)) and str(one) == str(other)


def decoded(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return `column` as values of type `kind`, whatever its encoding."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ExtensionArray) and not isinstance(kind, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if identical(column.type, kind) else column.cast(kind)


def rebatch(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of exactly `rows`, the last one smaller. Yields nothing where there are none.

    Holds `rows` rows and one batch of the input at a time.
    """
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, rows - held)
            waiting.append(piece)
            held += piece.num_rows
            start += piece.num_rows
            if held == rows:
                yield joined(waiting, schema)
                waiting, held = [], 0
    if held:
        yield joined(waiting, schema)


def gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of at least `rows`, the last one smaller. Large ones are passed on as they are."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held >= rows:
            yield joined(waiting, schema)
            waiting, held = [], 0
    if held:
        yield joined(waiting, schema)


def joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of `batches` (at least one) as one batch."""
    import pyarrow as pa

    if len(batches) == 1:
        return batches[0]
    if not schema.names:
        raise Untypable("a table without columns has no rows")
    return pa.concat_batches(batches)


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both: null gives way, numbers and strings take the wider type.

    Raises `ValueError` where there is none.
    """
    import pyarrow as pa

    try:
        fields = [pa.schema([("", kind)]) for kind in (one, other)]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException:
        raise ValueError(f"{one} and {other} have no type in common") from None


def unify(
    schemas: Iterable[tuple[str, pa.Schema]], join: Callable[[pa.DataType, pa.DataType], pa.DataType] = wider
) -> pa.Schema:
    """Return one schema for files that make one table. `schemas` yields (name of the file, its normal schema).

    Same columns in the same order; `join` says which type two files have in common, or raises ValueError. Raises
    `ValueError` naming the file and the column that do not fit.
    """
    import pyarrow as pa

    first_name = ""
    result: pa.Schema | None = None
    for name, schema in schemas:
        if result is None:
            first_name, result = name, schema
        if result.equals(schema):
            continue
        if result.names != schema.names:
            odd = sorted(set(result.names) ^ set(schema.names))
            what = f"column `{odd[0]}` is only in one of them" if odd else "their columns differ in order"
            raise ValueError(f"{name} and {first_name} are no one table: {what}")
        fields = []
        for one, other in zip(result, schema, strict=True):
            try:
                kind = one.type if one.type.equals(other.type) else join(one.type, other.type)
            except ValueError:
                raise ValueError(
                    f"{name} and {first_name} are no one table: column `{one.name}` is {other.type} in one "
                    f"and {one.type} in the other"
                ) from None
            fields.append(pa.field(one.name, kind, one.nullable or other.nullable))
        result = pa.schema(fields)
    if result is None:
        raise ValueError("no files, so no table")
    return result
