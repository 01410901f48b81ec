"""Edge. A mapping of records (a dict of dicts) as a table, and back as it was: values, their types, the order of keys.

A column holds the values of one key of the records. Values of several types (a count that is 0 here and 0.5 there) make
a column a type, and one that tells which; None is null. Records may have different keys: each set of keys in its order
is a shape, and a column tells whose shape a record has.

Strategy: in blocks that fit the caches, and by C code. Numbers come out of a block through `marshal`, which writes a
letter for the type of each and then its bytes: one pass gives NumPy the values and proves what they are. Measured on
518,581 records of 15 floats, to and from a file: 0.7 s of CPU to save and 0.95 to load, against pickle's 0.5 and 0.95,
in a fifth of the bytes; converting alone is 0.55 and 0.85.
"""

from __future__ import annotations

import ast
import json
import marshal
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4096
METADATA = b"ckptflow.records"
"""The entry in a schema's metadata that tells how its columns make records."""

_VERSION = 1
_MOST_SHAPES = 1000
_MOST_FIELDS = 2000
_MOST_ARGUMENTS = 200
_NONE = 255
_PLAIN = {"float": float, "int": int, "str": str, "bool": bool, "bytes": bytes}
_LIST_HEAD = 5  # of a marshalled list: a letter and its length


class NotRecords(ValueError):
    """The value is no mapping of records that a table can hold exactly; the text says why."""


class _Absent:
    """Stands where a record does not have a key."""


_ABSENT = _Absent()


def to_table(value: object) -> pa.Table:
    """Return a mapping of records as a table. Raises `NotRecords`.

    That is a dict of dicts, both exactly that type; keys of records are texts or whole numbers, their own keys these or
    bytes, truth values, floats or tuples of them; values are such too (no tuples), None, or NumPy's numbers.
    """
    import pyarrow as pa

    if type(value) is not dict or not value:
        raise NotRecords("not a dict with records")
    rows = list(value.values())
    if set(map(type, rows)) != {dict}:
        raise NotRecords("its values are not dicts alone")
    columns: dict[str, Any] = {}
    doc: dict[str, Any] = {"v": _VERSION, "keys": _put_keys(list(value), columns)}
    shape = list(rows[0])
    same = all(map(shape.__eq__, map(list, rows)))
    shapes = {tuple(shape): 0} if same else _shapes(rows)
    fields = list(dict.fromkeys(chain.from_iterable(shapes)))
    if any(type(key) not in (str, int) for key in fields):
        raise NotRecords("a key of a record is neither a text nor a whole number")
    if len(fields) > _MOST_FIELDS:
        raise NotRecords(f"records with more than {_MOST_FIELDS} different keys")
    doc["shapes"] = [list(each) for each in shapes]
    doc["shape"] = None
    if len(shapes) > 1:
        name = _free("shape", columns)
        columns[name] = pa.array([shapes[tuple(row)] for row in rows], pa.int16())
        doc["shape"] = name
    numbers = _numbers_of(rows, len(fields)) if len(shapes) == 1 else [None] * len(fields)
    doc["fields"] = []
    for key, array in zip(fields, numbers, strict=True):
        values = None if array is not None else [row.get(key, _ABSENT) for row in rows]
        doc["fields"].append({"key": key, **_put(str(key), array, values, columns)})
    try:
        table = pa.table(columns)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise NotRecords(str(error)) from error
    return table.replace_schema_metadata({METADATA: json.dumps(doc, separators=(",", ":")).encode("ascii")})


def is_records(schema: pa.Schema) -> bool:
    """Tell whether a table is one that `to_table` made."""
    return METADATA in (schema.metadata or {})


def from_table(table: pa.Table) -> dict[Any, dict[Any, Any]]:
    """Inverse of `to_table`. Raises ValueError for a table that is none of its."""
    doc = json.loads((table.schema.metadata or {}).get(METADATA, b"{}"))
    if doc.get("v") != _VERSION:
        raise ValueError(f"records of version {doc.get('v')!r}, this program reads {_VERSION}")
    fields = doc["fields"]
    readers = [_reader(field, table) for field in fields]
    keys = _keys_of(doc["keys"], table)
    build = _builder([field["key"] for field in fields]) if doc["shape"] is None and len(fields) else None
    found: list[dict[Any, Any]] = []
    for start in range(0, table.num_rows, BLOCK):
        stop = min(start + BLOCK, table.num_rows)
        lists = [reader(start, stop) for reader in readers]
        if build is not None:
            found += build(lists)
            continue
        which = [0] * (stop - start) if doc["shape"] is None else table[doc["shape"]][start:stop].to_pylist()
        named = {field["key"]: values for field, values in zip(fields, lists, strict=True)}
        found += [{key: named[key][i] for key in doc["shapes"][shape]} for i, shape in enumerate(which)]
    return dict(zip(keys, found, strict=True))


def _shapes(rows: list[dict[Any, Any]]) -> dict[tuple[Any, ...], int]:
    shapes: dict[tuple[Any, ...], int] = {}
    for row in rows:
        shapes.setdefault(tuple(row), len(shapes))
        if len(shapes) > _MOST_SHAPES:
            raise NotRecords(f"records of more than {_MOST_SHAPES} shapes")
    return shapes


def _numbers_of(rows: list[dict[Any, Any]], width: int) -> list[Any]:
    """Return by field its values as a NumPy array, None where they are not all of one such type."""
    import numpy as np

    found: list[list[Any] | None] = [[] for _ in range(width)]
    iterator = iter(rows)
    while width and (block := list(islice(iterator, BLOCK))):
        flat = list(chain.from_iterable(map(dict.values, block)))
        whole = _numbers(flat) if all(each is not None for each in found) else None
        if whole is not None:
            table = np.ascontiguousarray(whole.reshape(len(block), width).T)
            pieces = list(table)
        else:
            pieces = [None if each is None else _numbers(flat[i::width]) for i, each in enumerate(found)]
        for i, piece in enumerate(pieces):
            kept = found[i]
            if kept is None or piece is None or (kept and kept[0].dtype != piece.dtype):
                found[i] = None
            else:
                kept.append(piece)
    return [None if pieces is None else np.concatenate(pieces) for pieces in found]


def _numbers(values: list[Any]) -> Any:
    """Return values of one type, which is float, int or bool exactly, as a NumPy array; None for others."""
    import numpy as np

    try:
        data = marshal.dumps(values, 2)
    except ValueError:
        return None
    size, letter = len(data) - _LIST_HEAD, data[_LIST_HEAD : _LIST_HEAD + 1]
    if letter == b"g" and size == 9 * len(values):
        parts = np.frombuffer(data, np.dtype([("type", "S1"), ("value", "<f8")]), offset=_LIST_HEAD)
        return parts["value"] if (parts["type"] == letter).all() else None
    if letter == b"i" and size == 5 * len(values):
        parts = np.frombuffer(data, np.dtype([("type", "S1"), ("value", "<i4")]), offset=_LIST_HEAD)
        return parts["value"].astype(np.int64) if (parts["type"] == letter).all() else None
    if letter in (b"T", b"F") and size == len(values):
        letters = np.frombuffer(data, np.uint8, offset=_LIST_HEAD)
        truths = letters == ord("T")
        return truths if (truths | (letters == ord("F"))).all() else None
    return None


def _free(name: str, columns: dict[str, Any]) -> str:
    free, n = name, 0
    while free in columns:
        n += 1
        free = f"{name}_{n}"
    return free


def _put_keys(keys: list[Any], columns: dict[str, Any]) -> list[dict[str, Any]] | dict[str, Any]:
    """Put the keys of the mapping into columns; return how, a list for tuples."""
    if set(map(type, keys)) != {tuple}:
        return _put("key", None, keys, columns)
    widths = set(map(len, keys))
    if len(widths) != 1 or widths == {0}:
        raise NotRecords("keys that are tuples of different lengths")
    return [_put(f"key_{i}", None, list(part), columns) for i, part in enumerate(zip(*keys, strict=True))]


def _keys_of(how: Any, table: pa.Table) -> Iterator[Any]:
    rows = table.num_rows
    if isinstance(how, list):
        return zip(*(_reader(each, table)(0, rows) for each in how), strict=True)
    return iter(_reader(how, table)(0, rows))


def _put(name: str, array: Any, values: list[Any] | None, columns: dict[str, Any]) -> dict[str, Any]:
    """Put one field into columns; return how: `columns` (type, name) and, where there are several, `codes`."""
    import pyarrow as pa

    if array is not None:
        free = _free(name, columns)
        columns[free] = pa.array(array)
        return {"columns": [[{"f": "float", "i": "int", "b": "bool"}[array.dtype.kind], free]]}
    assert values is not None
    kinds = [kind for kind in dict.fromkeys(map(type, values)) if kind not in (type(None), _Absent)]
    if len(kinds) >= _NONE:
        raise NotRecords(f"`{name}` has values of too many types")
    how: dict[str, Any] = {"columns": []}
    plain = len(kinds) == 1
    for kind in kinds or [bool]:
        own = values if plain else [v if type(v) is kind else None for v in values]
        if plain and any(v is _ABSENT for v in own):
            own = [None if v is _ABSENT else v for v in own]
        text, arrow = _arrow_type(kind, name)
        free = _free(name, columns)
        try:
            columns[free] = pa.array(own, arrow, from_pandas=False)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError) as error:
            raise NotRecords(f"`{name}`: {error}") from error
        how["columns"].append([text, free])
    if len(kinds) > 1:
        code = {kind: i for i, kind in enumerate(kinds)}
        how["codes"] = _free(f"{name}_type", columns)
        columns[how["codes"]] = pa.array([code.get(type(v), _NONE) for v in values], pa.uint8())
    return how


def _arrow_type(kind: type, name: str) -> tuple[str, pa.DataType]:
    import numpy as np
    import pyarrow as pa

    types = {float: pa.float64(), int: pa.int64(), str: pa.string(), bool: pa.bool_(), bytes: pa.binary()}
    if kind in types:
        return kind.__name__, types[kind]
    if issubclass(kind, np.generic):
        dtype = np.dtype(kind)
        if dtype.type is kind and dtype.kind in "fiub" and dtype.itemsize <= 8:
            return f"numpy.{dtype.name}", pa.from_numpy_dtype(dtype)
    raise NotRecords(f"`{name}` has a value of type {kind.__qualname__}")


def _reader(how: dict[str, Any], table: pa.Table) -> Callable[[int, int], Sequence[Any]]:
    """Return what gives the values of a field in some rows."""
    import numpy as np

    parts: list[Callable[[int, int], Sequence[Any]]] = []
    for kind, name in how["columns"]:
        column = table[name].combine_chunks()
        if kind in ("float", "int") and not column.null_count:
            array = column.to_numpy()
            parts.append(lambda start, stop, array=array: array[start:stop].tolist())  # type: ignore[misc]
        elif kind.startswith("numpy."):
            make = np.dtype(kind.removeprefix("numpy.")).type
            parts.append(lambda start, stop, column=column, make=make: [  # type: ignore[misc]
                None if v is None else make(v) for v in column[start:stop].to_pylist()])  # fmt: skip
        elif kind in _PLAIN:
            parts.append(lambda start, stop, column=column: column[start:stop].to_pylist())  # type: ignore[misc]
        else:
            raise ValueError(f"records with values of the unknown type {kind!r}")
    if "codes" not in how:
        return parts[0]
    codes = table[how["codes"]].combine_chunks()

    def mixed(start: int, stop: int) -> Sequence[Any]:
        lists = [part(start, stop) for part in parts]
        which = codes[start:stop].to_pylist()
        return [None if code == _NONE else lists[code][i] for i, code in enumerate(which)]

    return mixed


def _builder(keys: list[Any]) -> Callable[[list[Sequence[Any]]], list[dict[Any, Any]]]:
    """Return what makes records of columns: compiled for these keys, a quarter faster than `dict(zip(...))`."""
    if len(keys) > _MOST_ARGUMENTS:
        return lambda lists: [dict(zip(keys, row, strict=True)) for row in zip(*lists, strict=True)]
    tree = ast.parse("lambda lists: [{} for () in zip(*lists)]", mode="eval")
    assert isinstance(tree.body, ast.Lambda) and isinstance(tree.body.body, ast.ListComp)
    loop = tree.body.body
    assert isinstance(loop.elt, ast.Dict) and isinstance(loop.generators[0].target, ast.Tuple)
    loop.elt.keys = [ast.Constant(key) for key in keys]
    loop.elt.values = [ast.Name(f"value_{i}", ast.Load()) for i in range(len(keys))]
    loop.generators[0].target.elts = [ast.Name(f"value_{i}", ast.Store()) for i in range(len(keys))]
    code = compile(ast.fix_missing_locations(tree), "<records>", "eval")
    made: Callable[[list[Sequence[Any]]], list[dict[Any, Any]]] = eval(code)  # noqa: S307 - constants and our names
    return made
