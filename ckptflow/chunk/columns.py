"""Pure. Arrow arrays brought to one canonical form, on numpy views of their buffers.

Arrow has many layouts for one value: offsets into shared buffers, bytes under nulls, dictionaries, views, runs. A
`Column` has one: where nulls are, lengths, and dense data without what lies under a null. Plain numbers and strings
are views of Arrow's own memory; only what is not canonical is copied. All on little-endian machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dataclass import dataclass, field
from ..ids import Hasher, digest

Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]

BLOCK = 1 << 17
"""Most rows of a batch that are brought to canonical form at a time: bounds the memory that copies take."""

_LARGE_TEXTS = frozenset({pa.lib.Type_LARGE_STRING, pa.lib.Type_LARGE_BINARY})
_NONE: Positions = np.empty(0, np.int64)
_NO_BYTES: Bytes = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class Column:
    """`length` values. Rows `a` to `b` own elements `a` to `b` of `data` (of `width` bytes each) and of the children,
    or, where there are `offsets` (length + 1 of them, ascending), elements `offsets[a]` to `offsets[b]`.

    `nulls`: ascending positions; what lies under them is zero or empty. `data` is None where there is none. `span`: the
    bytes with which each length counts (0: all alike, not counted). `mark`: digest of an ordered dictionary's entries.
    """

    length: int
    nulls: Positions = field(default_factory=lambda: _NONE)
    data: Bytes | None = None
    width: int = 1
    offsets: npt.NDArray[np.int64] | npt.NDArray[np.int32] | None = None
    span: int = 0
    children: tuple[Column, ...] = ()
    mark: bytes = b""


def columns_of(batch: pa.RecordBatch) -> tuple[Column, ...]:
    """Return the columns of `batch` in canonical form. Raises TypeError for a type that has none."""
    return tuple(map(column_of, batch.columns))


def column_of(array: pa.Array) -> Column:
    """Return `array` in canonical form; equal values give equal columns, whatever their layout in memory."""
    if isinstance(array, pa.ExtensionArray):
        return column_of(array.storage)
    return _MAKERS.get(array.type.id, _fixed)(array)


def _nulls(array: pa.Array) -> Positions:
    if array.null_count == 0:
        return _NONE
    return np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))


def _buffer(buffer: pa.Buffer | None) -> Bytes:
    return _NO_BYTES if buffer is None else np.frombuffer(buffer, np.uint8)


def _boolean(array: pa.Array) -> Column:
    start, count = array.offset, len(array)
    first = start // 8
    raw = _buffer(array.buffers()[1]) if count else _NO_BYTES
    bits = np.unpackbits(raw[first : (start + count + 7) // 8], bitorder="little")
    return _filled(count, _nulls(array), bits[start - 8 * first : start - 8 * first + count], 1)


def _fixed(array: pa.Array) -> Column:
    try:
        width = array.type.bit_width // 8
    except ValueError as error:
        raise TypeError(f"a column of type {array.type} has no canonical form") from error
    start, count = array.offset, len(array)
    raw = _buffer(array.buffers()[1]) if count else _NO_BYTES
    return _filled(count, _nulls(array), raw[start * width : (start + count) * width], width)


def _filled(count: int, nulls: Positions, data: Bytes, width: int) -> Column:
    """Return values of a fixed width, with zeros under nulls."""
    if len(nulls) and width:
        data = data.copy()
        data.reshape(count, width)[nulls] = 0
    return Column(count, nulls, data, width)


def _text(array: pa.Array, span: int) -> Column:
    large = array.type.id in _LARGE_TEXTS
    nulls = _nulls(array)
    count = len(array)
    if count == 0:
        return Column(0, data=_NO_BYTES, offsets=np.zeros(1, np.int32), span=span)
    offsets = _offsets(array, np.int64 if large else np.int32)
    if len(nulls) and np.any(offsets[nulls + 1] != offsets[nulls]):
        array = pc.fill_null(array, _blank(array.type))
        offsets = _offsets(array, np.int64 if large else np.int32)
    return Column(count, nulls, _buffer(array.buffers()[2]), 1, offsets, span)


def _blank(kind: pa.DataType) -> bytes | str:
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else b""


def _offsets(array: pa.Array, kind: type[np.int32] | type[np.int64]) -> npt.NDArray[np.int64]:
    size = np.dtype(kind).itemsize
    raw = _buffer(array.buffers()[1])[array.offset * size : (array.offset + len(array) + 1) * size]
    offsets: npt.NDArray[np.int64] = raw.view(kind)
    return offsets


def _list(array: pa.Array) -> Column:
    nulls = _nulls(array)
    large = pa.types.is_large_list(array.type)
    if len(array) == 0:
        offsets = np.zeros(1, np.int64)
    else:
        offsets = _offsets(array, np.int64 if large else np.int32).astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    values = _entries(array)
    lengths = np.diff(offsets)
    if len(nulls) and np.any(lengths[nulls]):
        valid = np.ones(len(array), bool)
        valid[nulls] = False
        values = values.slice(first, last - first).filter(pa.array(np.repeat(valid, lengths)))
        lengths[nulls] = 0
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    else:
        values = values.slice(first, last - first)
        offsets -= first
    return Column(len(array), nulls, offsets=offsets, span=8 if large else 4, children=(column_of(values),))


def _list_view(array: pa.Array, span: int) -> Column:
    # A cast to a list makes invalid arrays (pyarrow 26), and keeps an order of values that is free in views.
    nulls = _nulls(array)
    lengths = array.sizes.to_numpy(zero_copy_only=False).astype(np.int64)
    lengths[nulls] = 0
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return Column(len(array), nulls, offsets=offsets, span=span, children=(column_of(array.flatten()),))


def _entries(array: pa.Array) -> pa.Array:
    if not pa.types.is_map(array.type):
        return array.values
    fields = [pa.field("key", array.type.key_type, False), array.type.item_field.with_name("value")]
    return pa.StructArray.from_arrays([array.keys, array.items], fields=fields)


def _fixed_list(array: pa.Array) -> Column:
    nulls = _nulls(array)
    lengths = np.full(len(array), array.type.list_size, np.int64)
    lengths[nulls] = 0
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return Column(len(array), nulls, offsets=offsets, children=(column_of(array.flatten()),))


def _dictionary(array: pa.DictionaryArray) -> Column:
    entries = array.dictionary
    if pa.types.is_string(entries.type):
        values = _text(entries.cast(pa.large_string()).take(array.indices), 4)
    elif pa.types.is_binary(entries.type):
        values = _text(entries.cast(pa.large_binary()).take(array.indices), 4)
    else:
        values = column_of(entries.take(array.indices))
    if not array.type.ordered:
        return values
    mark = bytes.fromhex(array_digest(entries))
    return Column(len(array), children=(values,), mark=mark)


def array_digest(array: pa.Array) -> str:
    """Return a digest of the values of `array`, types not counted: streams of each column of its tree in order."""
    whole = Hasher()

    def walk(column: Column, start: int, stop: int) -> None:
        whole.update(f"{stop - start} {digest(np.asarray(column.nulls, np.int64).tobytes())} ".encode() + column.mark)
        if column.offsets is not None:
            whole.update(np.diff(column.offsets[start : stop + 1]).astype(np.int64).tobytes())
            start, stop = int(column.offsets[start]), int(column.offsets[stop])
        if column.data is not None:
            whole.update(column.data[start * column.width : stop * column.width].tobytes())
        for child in column.children:
            walk(child, start, stop)

    walk(column_of(array), 0, len(array))
    return whole.digest()


def _union(array: pa.UnionArray) -> Column:
    # From the buffers: `type_codes` and `offsets` of a slice are those of the whole array (pyarrow 26).
    buffers, start, stop = array.buffers(), array.offset, array.offset + len(array)
    codes = _buffer(buffers[1])[start:stop]
    dense = array.type.mode == "dense"
    children = []
    for index, code in enumerate(array.type.type_codes):
        own = codes == code
        child = array.field(index)
        if dense:
            child = child.take(pa.array(_buffer(buffers[2]).view(np.int32)[start:stop][own]))
        else:
            child = child.filter(pa.array(own))
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(own)))
        children.append(Column(len(array), offsets=offsets, children=(column_of(child),)))
    return Column(len(array), data=codes, children=tuple(children))


def _view_of_text(array: pa.Array) -> Column:
    kind = pa.large_binary() if pa.types.is_binary_view(array.type) else pa.large_string()
    return _text(array.cast(kind), 4)


def _struct(array: pa.Array) -> Column:
    return Column(len(array), _nulls(array), children=tuple(map(column_of, array.flatten())))


_MAKERS: dict[int, Callable[[Any], Column]] = {
    pa.lib.Type_DICTIONARY: _dictionary,
    pa.lib.Type_RUN_END_ENCODED: lambda array: column_of(pc.run_end_decode(array)),
    pa.lib.Type_NA: lambda array: Column(len(array)),
    pa.lib.Type_BOOL: _boolean,
    pa.lib.Type_STRUCT: _struct,
    pa.lib.Type_SPARSE_UNION: _union,
    pa.lib.Type_DENSE_UNION: _union,
    pa.lib.Type_FIXED_SIZE_LIST: _fixed_list,
    pa.lib.Type_LIST: _list,
    pa.lib.Type_LARGE_LIST: _list,
    pa.lib.Type_MAP: _list,
    pa.lib.Type_LIST_VIEW: lambda array: _list_view(array, 4),
    pa.lib.Type_LARGE_LIST_VIEW: lambda array: _list_view(array, 8),
    pa.lib.Type_STRING_VIEW: _view_of_text,
    pa.lib.Type_BINARY_VIEW: _view_of_text,
    pa.lib.Type_STRING: lambda array: _text(array, 4),
    pa.lib.Type_BINARY: lambda array: _text(array, 4),
    pa.lib.Type_LARGE_STRING: lambda array: _text(array, 8),
    pa.lib.Type_LARGE_BINARY: lambda array: _text(array, 8),
}
"""How arrays come to their canonical form, by the number of their type; all others are `_fixed`."""
