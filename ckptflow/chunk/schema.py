"""Pure. What of an Arrow schema belongs to a table's identity.

Identity: names, order, types and nullability of the columns, child fields of structs included. Not identity: metadata
of schema and fields, names of the children of lists and maps (Arrow itself calls such types equal, and Parquet renames
them), the index type of a dictionary, the run-end type of runs, and the order of the entries of an unordered
dictionary. What is no identity must not be visible either, or a stage could depend on what its key does not contain:
`formats` takes it away before a stage function sees a table.
"""

from __future__ import annotations

import json
from functools import lru_cache

import pyarrow as pa

from ..ids import Digest, digest

VERSION = 1
"""Version of the text of a schema and of the streams of values; a change makes every table a new one."""


class Exact:
    """A schema as a key for what was worked out from it: equal only to schemas that are the same in everything, down to
    metadata and names inside lists, where Arrow's own `==` is generous."""

    __slots__ = ("_bytes", "schema")

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._bytes = schema.serialize().to_pybytes()

    def __eq__(self, other: object) -> bool:
        # The bytes tell all but an extension type from its storage with the metadata of one.
        if self is other:
            return True
        return isinstance(other, Exact) and self._bytes == other._bytes and self.schema.equals(other.schema)

    def __hash__(self) -> int:
        return hash(self._bytes)


_KEPT_MOST = 256
_kept: dict[int, Exact] = {}  # by the identity of the schema, which lives as long as it is here


def keep(schema: pa.Schema) -> pa.Schema:
    """Return `schema`, for which `exact` need not work out its key again: one that many tables will be asked for."""
    if len(_kept) >= _KEPT_MOST:
        _kept.clear()
    _kept[id(schema)] = Exact(schema)
    return schema


def exact(schema: pa.Schema) -> Exact:
    """Return the key of `schema`."""
    known = _kept.get(id(schema))
    return Exact(schema) if known is None else known


def schema_text(schema: pa.Schema) -> str:
    """Return the identity of `schema` as text: one line of JSON, injective in all that counts."""
    return _text(exact(schema))


@lru_cache(maxsize=64)
def _text(key: Exact) -> str:
    return json.dumps([_field(field) for field in key.schema], separators=(",", ":"))


def schema_digest(schema: pa.Schema) -> Digest:
    """Return the digest of names, order, types and nullability of the columns."""
    return digest(f"schema {VERSION} {schema_text(schema)}".encode())


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
