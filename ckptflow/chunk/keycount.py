"""Pure. The distinct keys of a column, in order, and how many rows each has."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dataclass import dataclass
from .content import Hashes, Places
from .keyvalues import AS_BYTES, Family, Keys, buffers, check_family, family_of, keys_of, leading_words, plain

_COMPACT = 1 << 22  # keys held before equal ones are counted together
_SHORT_WORDS = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """The distinct keys of a column, ascending, with the rows of each; `nulls` counts the rows without a key."""

    family: Family | None
    unsigned: bool
    nulls: int
    sizes: Places
    ordinals: Places | None
    texts: pa.LargeBinaryArray | None

    @property
    def elements(self) -> int:
        """The number of keys, null being one."""
        return len(self.sizes) + (self.nulls > 0)

    def hashes(self) -> Hashes:
        return Keys(np.zeros(len(self.sizes), bool), self.ordinals, self.texts).hashes()

    def pick(self, at: Places) -> tuple[int, ...] | tuple[bytes, ...]:
        if self.ordinals is not None:
            return tuple(self.ordinals[at].tolist())
        assert self.texts is not None
        return tuple(self.texts.take(pa.array(at)).to_pylist())


def count_keys(arrays: Iterable[pa.Array]) -> Counted:
    """Count the keys of a column, in arrays of one type. Raises ValueError for a type that cannot be a key."""
    family, unsigned, nulls, held = None, False, 0, 0
    parts: list[tuple[Places, Places]] = []
    texts: list[tuple[pa.LargeBinaryArray, Places]] = []
    first = True
    for column in arrays:
        array = plain(column)
        if first:
            family, unsigned, first = family_of(array.type), bool(pa.types.is_uint64(array.type)), False
        check_family(family, array.type)
        keys = keys_of(array, unsigned=unsigned)
        nulls += int(np.count_nonzero(keys.nulls))
        held += len(keys)
        if keys.ordinals is not None:
            parts.append(np.unique(keys.ordinals[~keys.nulls], return_counts=True))
            if held > _COMPACT:
                parts, held = [_merge(parts)], 0
        else:
            assert keys.texts is not None
            values = keys.texts.drop_null()
            texts.append((values, np.ones(len(values), np.int64)))
            if held > _COMPACT:
                texts, held = [_merge_texts(texts)], 0
    if family in AS_BYTES:
        distinct, rows = _merge_texts(texts)
        return Counted(family, unsigned, nulls, rows, None, distinct)
    ordinals, sizes = _merge(parts)
    return Counted(family, unsigned, nulls, sizes, ordinals, None)


def _merge(parts: list[tuple[Places, Places]]) -> tuple[Places, Places]:
    ordinals = np.concatenate([np.empty(0, np.int64), *(part for part, _ in parts)])
    sizes = np.concatenate([np.empty(0, np.int64), *(part for _, part in parts)])
    distinct, where = np.unique(ordinals, return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, where, sizes)
    return distinct, total


def _merge_texts(parts: list[tuple[pa.LargeBinaryArray, Places]]) -> tuple[pa.LargeBinaryArray, Places]:
    texts = pa.concat_arrays([part for part, _ in parts])
    sizes = np.concatenate([part for _, part in parts])
    if not len(texts):
        return texts, sizes
    order, new = _sorted(texts)
    firsts = np.flatnonzero(new)
    return texts.take(pa.array(order[firsts])), np.add.reduceat(sizes[order], firsts)


def _sorted(texts: pa.LargeBinaryArray) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Return the order of `texts`, and which of them, in this order, differ from the one before.

    Short ones as numbers of eight bytes each, which is five times as quick as comparing them as texts.
    """
    lengths = np.diff(buffers(texts)[1])
    words = -(-int(lengths.max()) // 8)
    new = np.ones(len(texts), np.bool_)
    if words > _SHORT_WORDS:
        order: Places = pc.sort_indices(texts).to_numpy().astype(np.int64)
        ordered = texts.take(pa.array(order))
        new[1:] = pc.not_equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
        return order, new
    columns = [lengths, *(leading_words(texts, 8 * word) for word in reversed(range(words)))]
    order = np.lexsort(columns)
    new[1:] = False
    for column in columns:
        ordered_column = column[order]
        new[1:] |= ordered_column[1:] != ordered_column[:-1]
    return order, new
