"""Edge. A mapping of records (a dict of dicts) as a table, and back as it was: values, their types, the order of keys.

A column holds the values of one key of the records. Values of several types (a count that is 0 here and 0.5 there) make
a column a type, and one that tells which; None is null. Records may have different keys: each set of keys in its order
is a shape, and a column tells whose shape a record has.

Strategy: in blocks that fit the caches, and by C code (`marshalled`). Back, a record is the `__dict__` of an object:
dicts that come into being so share their keys, which takes half the memory and two thirds of the time.
"""

from __future__ import annotations

import ast
import gc
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from .marshalled import HELD, by_run, column, runs_of

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1024
"""Records looked at in one go: they fit the caches."""

METADATA = b"ckptflow.records"
"""The entry in a schema's metadata that tells how its columns make records."""

_VERSION = 1
_MOST_SHAPES = 1000
MOST_FIELDS = 2000
_MOST_SHARED = 30
"""So many keys dicts can share."""

_NONE = 255
_PLAIN = {"float": float, "int": int, "str": str, "bool": bool, "bytes": bytes}


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
    doc: dict[str, Any] = {"keys": _put_keys(list(value), columns)}
    shape = list(rows[0])
    same = all(map(shape.__eq__, map(list, rows)))
    shapes = {tuple(shape): 0} if same else _shapes(rows)
    fields = list(dict.fromkeys(chain.from_iterable(shapes)))
    if not {*map(type, chain.from_iterable(rows))} <= {str, int}:  # of all: True equals 1, and a subclass its like
        raise NotRecords("a key of a record is neither a text nor a whole number")
    if len(fields) > MOST_FIELDS:
        raise NotRecords(f"records with more than {MOST_FIELDS} different keys")
    doc["shapes"] = [list(each) for each in shapes]
    doc["shape"] = None
    if len(shapes) > 1:
        name = free("shape", columns)
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
    return table.replace_schema_metadata(metadata(doc))


def metadata(doc: dict[str, Any]) -> dict[bytes, bytes]:
    """Return the metadata of the schema of a table that holds records as `doc` says."""
    return {METADATA: json.dumps({"v": _VERSION, **doc}, separators=(",", ":")).encode("ascii")}


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
    with _uncollected():
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let nobody look for garbage while many objects are made, none of which is any: each look goes through all of
    them, and of half a million records that was half of the time.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


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
        runs = runs_of([*map(type, flat[:width])]) if all(each is not None for each in found) else None
        whole = by_run(flat, runs) if runs is not None else None
        if runs is not None and whole is not None:
            held = ((kind, row) for (kind, _), fields in zip(runs, whole, strict=True) for row in fields)
            pieces: list[Any] = [np.ascontiguousarray(row, HELD[kind]) for kind, row in held]
        else:
            pieces = [None if each is None else column(flat[i::width]) for i, each in enumerate(found)]
        for i, piece in enumerate(pieces):
            kept = found[i]
            if kept is None or piece is None or (kept and kept[0].dtype != piece.dtype):
                found[i] = None
            else:
                kept.append(piece)
    return [None if pieces is None else np.concatenate(pieces) for pieces in found]


def free(name: str, taken: Collection[str]) -> str:
    """Return the name of a new column, for a key that is called `name`."""
    found, n = name, 0
    while found in taken:
        n += 1
        found = f"{name}_{n}"
    return found


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
        place = free(name, columns)
        columns[place] = pa.array(array)
        return {"columns": [[{"f": "float", "i": "int", "b": "bool"}[array.dtype.kind], place]]}
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
        text, arrow = arrow_type(kind, name)
        place = free(name, columns)
        try:
            columns[place] = pa.array(own, arrow, from_pandas=False)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError) as error:
            raise NotRecords(f"`{name}`: {error}") from error
        how["columns"].append([text, place])
    if len(kinds) > 1:
        code = {kind: i for i, kind in enumerate(kinds)}
        how["codes"] = free(f"{name}_type", columns)
        columns[how["codes"]] = pa.array([code.get(type(v), _NONE) for v in values], pa.uint8())
    return how


def arrow_type(kind: type, name: str) -> tuple[str, pa.DataType]:
    """Return how a type of values is called, and what Arrow holds them as. Raises `NotRecords`."""
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
    """Return what makes records of columns, compiled for these keys.

    A record is the `__dict__` of an object that got its values as attributes. Names with meaning to Python, other keys
    than texts, and more keys than can be shared make ordinary dicts.
    """
    if len(keys) > _MOST_SHARED or any(type(key) is not str or key.startswith("__") for key in keys):
        return lambda lists: [dict(zip(keys, row, strict=True)) for row in zip(*lists, strict=True)]
    tree = ast.parse(_BUILD)
    (loop,) = (node for node in ast.walk(tree) if isinstance(node, ast.For))
    loop.target = ast.Tuple([ast.Name(f"value_{i}", ast.Store()) for i in range(len(keys))], ast.Store())
    loop.body[1:1] = [
        ast.Assign([ast.Attribute(ast.Name("one", ast.Load()), key, ast.Store())], ast.Name(f"value_{i}", ast.Load()))
        for i, key in enumerate(keys)
    ]
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), "<records>", "exec"), names)  # noqa: S102 - constants and our names
    made: Callable[[list[Sequence[Any]]], list[dict[Any, Any]]] = names["build"]
    return made


_BUILD = """
class Record:
    pass

def build(lists):
    found = []
    add = found.append
    for () in zip(*lists):
        one = Record()
        add(one.__dict__)
    return found
"""
