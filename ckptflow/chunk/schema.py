"""Pure. What of an Arrow schema belongs to a table's identity, and the form in which functions see tables.

Identity: names, order, types and nullability of the columns, child fields of structs included. Not identity: metadata
of schema and fields, names of the children of lists and maps (Arrow itself calls such types equal, and Parquet renames
them), the index type of a dictionary, and the order of the entries of an unordered dictionary. What is no identity must
not be visible either, or a stage could depend on what its key does not contain: `normalise` removes it, and every table
passes through there before a stage function sees it.
"""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from ..ids import Digest, digest

VERSION = 1
"""Version of the text of a schema and of the streams of values; a change makes every table a new one."""


def schema_text(schema: pa.Schema) -> str:
    """Return the identity of `schema` as text: one line of JSON, injective in all that counts."""
    return json.dumps([_field(field) for field in schema], separators=(",", ":"))


def schema_digest(schema: pa.Schema) -> Digest:
    """Return the digest of names, order, types and nullability of the columns."""
    return digest(f"schema {VERSION} {schema_text(schema)}".encode())


def normalise(table: pa.Table) -> pa.Table:
    """Return `table` with all that its digest does not cover brought to one form; the digest stays.

    No metadata; children of lists named `item`, of maps `key` and `value`; an unordered dictionary column has int32
    indices and its entries in the order of first appearance, one dictionary for the table; nested ones are decoded.
    """
    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = _visible(field.type, top=True)
        if pa.types.is_dictionary(field.type) and not field.type.ordered:
            column = column.cast(field.type.value_type).combine_chunks()
            column = pc.dictionary_encode(column).cast(kind)
        elif not field.type.equals(kind, check_metadata=True):
            column = column.cast(kind)
        fields.append(pa.field(field.name, kind, field.nullable))
        columns.append(column)
    if not columns:
        return table.replace_schema_metadata(None)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _field(field: pa.Field) -> list[object]:
    return [field.name, _type(field.type), field.nullable]


def _type(kind: pa.DataType) -> object:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return ["extension", kind.extension_name, _extension(kind), _type(kind.storage_type)]
    if types.is_dictionary(kind):
        return ["dictionary", _type(kind.value_type), kind.ordered]
    if types.is_run_end_encoded(kind):
        return ["run_end_encoded", _type(kind.value_type)]
    if types.is_map(kind):
        return ["map", _type(kind.key_type), _type(kind.item_type), kind.item_field.nullable, kind.keys_sorted]
    if types.is_fixed_size_list(kind):
        return ["fixed_size_list", kind.list_size, _type(kind.value_type), kind.value_field.nullable]
    name = _list_name(kind)
    if name:
        return [name, _type(kind.value_type), kind.value_field.nullable]
    if types.is_struct(kind):
        return ["struct", [_field(kind.field(i)) for i in range(kind.num_fields)]]
    if types.is_union(kind):
        return ["union", kind.mode, list(kind.type_codes), [_field(kind.field(i)) for i in range(kind.num_fields)]]
    return str(kind)


def _list_name(kind: pa.DataType) -> str | None:
    types = pa.types
    tests = {
        "list": types.is_list,
        "large_list": types.is_large_list,
        "list_view": types.is_list_view,
        "large_list_view": types.is_large_list_view,
    }
    return next((name for name, test in tests.items() if test(kind)), None)


def _extension(kind: pa.BaseExtensionType) -> str:
    serialize = getattr(kind, "__arrow_ext_serialize__", None)
    return str(kind) if serialize is None else serialize().hex()


def _visible(kind: pa.DataType, *, top: bool = False) -> pa.DataType:
    types = pa.types
    if types.is_dictionary(kind):
        if top or kind.ordered:
            return pa.dictionary(pa.int32(), kind.value_type, kind.ordered)
        return _visible(kind.value_type)
    if types.is_map(kind):
        value = pa.field("value", _visible(kind.item_type), kind.item_field.nullable)
        return pa.map_(pa.field("key", _visible(kind.key_type), False), value, kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pa.list_(_item(kind), kind.list_size)
    name = _list_name(kind)
    if name:
        make = {
            "list": pa.list_,
            "large_list": pa.large_list,
            "list_view": pa.list_view,
            "large_list_view": pa.large_list_view,
        }
        return make[name](_item(kind))
    if types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([pa.field(f.name, _visible(f.type), f.nullable) for f in fields])
    return kind


def _item(kind: pa.DataType) -> pa.Field:
    return pa.field("item", _visible(kind.value_type), kind.value_field.nullable)
