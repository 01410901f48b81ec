"""Pure. One hash and one size a row, over all columns of a block: what cuts of tables are decided by.

A sum over the columns of value times a multiplier of that column, modulo 2**64: two passes over a column of numbers,
in pieces that stay in the processor's cache. Strings count by length and some of their bytes (`content.text_hashes`),
lists by length and their first and last element. Equal rows have equal hashes; the converse need not hold.
"""

from __future__ import annotations

import numpy as np

from .columns import Column
from .content import Hashes, Places, factor, text_hashes
from .values import Block

_STEP = 1 << 15
_USES = 16  # multipliers set aside for one column


def row_hashes(block: Block) -> Hashes:
    """Return a hash a row, not yet `mixed`."""
    out = np.zeros(block.rows, np.uint64)
    scratch = np.empty(_STEP, np.uint64)
    for start in range(0, block.rows, _STEP):
        rows = slice(start, min(start + _STEP, block.rows))
        near = out[rows]
        for number, column in enumerate(block.columns):
            _add(near, column, rows, (number + 1) << 32, scratch)
    return out


def row_bytes(block: Block) -> Places:
    """Return the size of each row in canonical form, at least 1 byte."""
    out = np.zeros(block.rows, np.int64)
    for column in block.columns:
        out += _sizes(column)
    return np.maximum(out, 1)


def _add(out: Hashes, column: Column, rows: slice | Places, salt: int, scratch: Hashes | None = None) -> None:
    if len(column.nulls):
        if isinstance(rows, slice):
            first, last = np.searchsorted(column.nulls, (rows.start, rows.stop))
            out[column.nulls[first:last] - rows.start] += factor(salt)
        else:
            out[np.isin(rows, column.nulls)] += factor(salt)
    if column.offsets is None:
        if column.data is not None and column.width:
            _add_numbers(out, column.data.reshape(column.length, column.width)[rows], salt + 1, scratch)
        for number, child in enumerate(column.children):
            _add(out, child, rows, _child(salt, number))
        return
    if isinstance(rows, slice):
        edges = column.offsets[rows.start : rows.stop + 1].astype(np.int64)
        starts, stops = edges[:-1], edges[1:]
    else:
        starts, stops = column.offsets[rows].astype(np.int64), column.offsets[rows + 1].astype(np.int64)
    if column.data is not None:
        out += text_hashes(column.data, starts, stops, salt + 2)
        return
    out += (stops - starts).view(np.uint64) * factor(salt + 3)
    own = np.flatnonzero(stops > starts)
    for number, child in enumerate(column.children):
        ends = np.zeros(len(own), np.uint64)
        _add(ends, child, starts[own], _child(salt, 2 * number))
        _add(ends, child, stops[own] - 1, _child(salt, 2 * number + 1))
        out[own] += ends


def _child(salt: int, number: int) -> int:
    return (salt + number + 1) * _USES


def _add_numbers(out: Hashes, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], salt: int,
                 scratch: Hashes | None) -> None:  # fmt: skip
    width = values.shape[1]
    values = np.ascontiguousarray(values)
    for number, start in enumerate(range(0, width, 8)):
        size = min(8, width - start)
        if size == width and size in (1, 2, 4, 8):
            words = values.reshape(-1).view(f"<u{size}")
        elif size == 8:
            words = values[:, start : start + 8].copy().reshape(-1).view("<u8")
        else:
            wide = np.zeros((len(values), 8), np.uint8)
            wide[:, :size] = values[:, start : start + size]
            words = wide.reshape(-1).view("<u8")
        space = None if scratch is None else scratch[: len(words)]
        out += np.multiply(words, factor(salt + (number << 16)), out=space, dtype=np.uint64)


def _sizes(column: Column) -> Places | int:
    if column.offsets is None:
        own: Places | int = column.width if column.data is not None else 0
        for child in column.children:
            own = own + _sizes(child)
        return own
    lengths = np.diff(column.offsets).astype(np.int64)
    total: Places = lengths * (column.width if column.data is not None else 0) + column.span
    for child in column.children:
        inner = _sizes(child)
        if isinstance(inner, int):
            total = total + lengths * inner
        else:
            upto = np.concatenate((np.zeros(1, np.int64), np.cumsum(inner)))
            total = total + (upto[column.offsets[1:]] - upto[column.offsets[:-1]])
    return total
