"""Pure. Co-partitioning: rows of several deps that share a key come into the same slot, so that one chunk sees them.

Three ways to make slots: ranges of the sorted keys of the first dep, cut by content; hash buckets; one slot a value.
What slot a row comes into depends on its key and the slotting alone, never on other rows or on the batch it is in.
Nulls sort before all keys: they are in the first range, in bucket 0, or a slot of their own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dataclass import dataclass
from ..spec.model import Cut
from .content import Boundary, Places, chooser
from .keycount import Counted, count_keys
from .keyvalues import Family, bytes_text, check_family, family_of, keys_of, leading_words, ordinal_text, plain

Slots: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Slot i holds keys from `bounds[i - 1]` (included) to `bounds[i]`; the first is open below, the last above.

    Bounds are ordinals, or bytes (see `keyvalues`). `family` None: the first dep has no key, all rows are in slot 0.
    """

    family: Family | None
    unsigned: bool
    bounds: tuple[int, ...] | tuple[bytes, ...]

    @property
    def count(self) -> int:
        """The number of slots, at least 1."""
        return len(self.bounds) + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """One text a slot for people: `… < 1200`, `1200 … < 2400`, `2400 …`."""
        texts = _texts(self.bounds, self.family, unsigned=self.unsigned)
        if not texts:
            return ("all",)
        between = (f"{low} … < {high}" for low, high in pairwise(texts))
        return (f"… < {texts[0]}", *between, f"{texts[-1]} …")

    def assign(self, column: pa.Array) -> Slots:
        """Return the slot of each row of `column`. Raises ValueError for keys of another family."""
        return _assign(self.family, column, self._slots, null=0)

    def _slots(self, array: pa.Array) -> Slots:
        if not self.bounds:
            return np.zeros(len(array), np.int32)
        keys = keys_of(array, unsigned=self.unsigned)
        if keys.ordinals is not None:
            slots = np.searchsorted(np.array(self.bounds, np.int64), keys.ordinals, side="right").astype(np.int32)
        else:
            slots = _locate([bound for bound in self.bounds if isinstance(bound, bytes)], keys.texts)
        slots[keys.nulls] = 0
        return slots


@dataclass(frozen=True, slots=True)
class Buckets:
    """`count` slots by a hash of the key's value. `family` None: no column was seen, any key is taken."""

    count: int
    family: Family | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """One text a slot for people."""
        return tuple(f"bucket {slot} of {self.count}" for slot in range(self.count))

    def assign(self, column: pa.Array) -> Slots:
        """Return the slot of each row of `column`. Raises ValueError for keys of another family."""
        return _assign(self.family, column, self._slots, null=0)

    def _slots(self, array: pa.Array) -> Slots:
        if pa.types.is_uint64(array.type):
            # The same 64 bits as a signed number of equal value has.
            array = pa.Array.from_buffers(pa.int64(), len(array), array.buffers(), offset=array.offset)
        keys = keys_of(array, unsigned=False)
        slots = (keys.hashes() % np.uint64(self.count)).astype(np.int32)
        slots[keys.nulls] = 0
        return slots


@dataclass(frozen=True, slots=True)
class Values:
    """One slot a distinct key of the first dep, ascending, null first. Rows with any other key are in no slot (-1)."""

    family: Family | None
    unsigned: bool
    keys: tuple[int, ...] | tuple[bytes, ...]
    null: bool

    @property
    def count(self) -> int:
        """The number of slots, at least 1: without any key there is one, and it is empty."""
        return max(1, len(self.keys) + self.null)

    @property
    def labels(self) -> tuple[str, ...]:
        """One text a slot for people: the key."""
        texts = _texts(self.keys, self.family, unsigned=self.unsigned)
        return (*(("null",) if self.null else ()), *texts) or ("none",)

    def assign(self, column: pa.Array) -> Slots:
        """Return the slot of each row of `column`, -1 for none. Raises ValueError for keys of another family."""
        return _assign(self.family, column, self._slots, null=0 if self.null else -1)

    def _slots(self, array: pa.Array) -> Slots:
        if self.family is None or not self.keys:
            slots = np.full(len(array), -1, np.int32)
            if self.null:
                slots[array.is_null().to_numpy(zero_copy_only=False)] = 0
            return slots
        keys = keys_of(array, unsigned=self.unsigned)
        if keys.ordinals is not None:
            known = np.array(self.keys, np.int64)
            at = np.minimum(np.searchsorted(known, keys.ordinals), len(known) - 1)
            found = known[at] == keys.ordinals
            if keys.outside is not None:
                found &= ~keys.outside
            slots = np.where(found, at + self.null, -1).astype(np.int32)
        else:
            found = pc.index_in(keys.texts, value_set=pa.array(self.keys, pa.large_binary()))
            at = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
            slots = np.where(at < 0, -1, at + self.null).astype(np.int32)
        slots[keys.nulls] = 0 if self.null else -1
        return slots


Slotting: TypeAlias = Ranges | Buckets | Values


def build_ranges(keys: Iterable[pa.Array], rows: int, cut: Cut) -> Ranges:
    """Return ranges of about `rows` rows each, from the key column of the first dep, in arrays of one type.

    No key is in two ranges, so a key with more rows makes a longer one. A key that comes or goes moves the bounds
    beside it alone; keys appended behind all others touch the last ranges alone. Holds all distinct keys in memory;
    where that is too much, see `parting` and `build_ranges_of`. Raises ValueError for a type that cannot be a key.
    """
    return build_ranges_of((keys,), rows, cut)


def build_ranges_of(parts: Iterable[Iterable[pa.Array]], rows: int, cut: Cut) -> Ranges:
    """As `build_ranges`, of keys that come in parts: every key of a part is above all keys of the parts before, and
    nulls are in the first. The result does not depend on the parts. Holds the distinct keys of a part or two."""
    choose = chooser(rows, cut)
    family, unsigned = None, False
    bounds: list[Any] = []  # numbers or bytes, all of one kind
    recent: deque[tuple[int, Counted]] = deque()  # parts in which a cut may yet be, with the number of their first key
    elements = end = 0

    def pick(cuts: Iterable[Boundary]) -> None:
        for boundary in cuts:
            while boundary.element >= recent[0][0] + recent[0][1].elements:
                recent.popleft()
            first, counted = recent[0]
            bounds.extend(counted.pick(np.array([boundary.element - first - (counted.nulls > 0)])))

    for part in parts:
        counted = count_keys(part)
        if counted.family is not None:
            family, unsigned = counted.family, counted.unsigned
        if not counted.elements:
            continue
        recent.append((elements, counted))
        sizes, hashes = counted.sizes, counted.hashes()
        if counted.nulls:
            sizes, hashes = np.insert(sizes, 0, counted.nulls), np.insert(hashes, 0, np.uint64(0))
        ends = end + np.cumsum(sizes)
        elements, end, places = elements + len(sizes), int(ends[-1]), ends - sizes
        pick(choose.push(places, hashes, end))
    pick(choose.finish())
    return Ranges(family, unsigned, tuple(bounds))


def parting(sample: Iterable[pa.Array], count: int) -> Ranges:
    """Return at most `count` ranges that hold about as many rows each, judged by a sample of the keys."""
    counted = count_keys(sample)
    total = int(counted.sizes.sum())
    wanted = np.arange(1, count) * (total / count)
    at = np.unique(np.searchsorted(np.cumsum(counted.sizes), wanted, side="right"))
    return Ranges(counted.family, counted.unsigned, counted.pick(at[(at > 0) & (at < len(counted.sizes))]))


def build_buckets(into: int, kind: pa.DataType | None = None) -> Buckets:
    """Return `into` buckets for keys that compare with type `kind` (None: any). Raises ValueError for no key type."""
    if into < 1:
        raise ValueError(f"{into} buckets cannot be")
    return Buckets(into, None if kind is None else family_of(kind))


def build_values(keys: Iterable[pa.Array]) -> Values:
    """Return one slot a distinct key, from the key column of the first dep, in arrays of one type.

    Raises ValueError for a type that cannot be a key.
    """
    counted = count_keys(keys)
    every = counted.pick(np.arange(len(counted.sizes)))
    return Values(counted.family, counted.unsigned, every, counted.nulls > 0)


def slots_of_batch(
    slotting: Slotting, batch: pa.RecordBatch, columns: tuple[str, ...]
) -> tuple[npt.NDArray[np.int64], Slots]:
    """Return row numbers of `batch` and the slot of each, by slot and then by row; rows in no slot are left out.

    A row goes once to each slot that any of its keys, in `columns`, is in. Raises ValueError where a column is missing,
    occurs twice, or has keys that do not compare with those of the slotting.
    """
    assigned: list[Slots] = []
    pairs: list[Places] = []
    for name in columns:
        found = batch.schema.get_all_field_indices(name)
        if len(found) != 1:
            there = ", ".join(batch.schema.names)
            problem = "there are several columns" if found else "there is no column"
            raise ValueError(f"{problem} `{name}` to cut by; there are: {there}")
        slots = slotting.assign(batch.column(found[0]))
        wanted = slots >= 0
        for earlier in assigned:
            wanted &= slots != earlier
        rows = np.flatnonzero(wanted)
        pairs.append((slots[rows].astype(np.int64) << 32) | rows)
        assigned.append(slots)
    both = np.sort(np.concatenate(pairs)) if pairs else np.empty(0, np.int64)
    return both & 0xFFFFFFFF, (both >> 32).astype(np.int32)


def _assign(family: Family | None, column: pa.Array, slots_of: Callable[[pa.Array], Slots], *, null: int) -> Slots:
    check_family(family, column.type)
    if not pa.types.is_dictionary(column.type):
        return slots_of(column)
    if not len(column.dictionary):
        return np.full(len(column), null, np.int32)
    entries = slots_of(plain(column.dictionary))
    slots: Slots = entries[pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)]
    slots[column.indices.is_null().to_numpy(zero_copy_only=False)] = null
    return slots


def _locate(bounds: list[bytes], texts: pa.LargeBinaryArray) -> Slots:
    """Return how many of the ascending `bounds` are not above each text.

    Eight bytes behind what all bounds begin with, as a big-endian number, decide for nearly all; the rest are compared
    in full.
    """
    common = 0
    low, high = bounds[0], bounds[-1]
    while common < min(len(low), len(high)) and low[common] == high[common]:
        common += 1
    known = leading_words(pa.array(bounds, pa.large_binary()), common)
    words = leading_words(texts, common)
    slots = np.searchsorted(known, words, side="left").astype(np.int32)
    sure = np.searchsorted(known, words, side="right") == slots
    if common:
        sure &= pc.fill_null(pc.starts_with(texts, low[:common]), False).to_numpy(zero_copy_only=False)
    doubtful = np.flatnonzero(~sure)
    for row, text in zip(doubtful.tolist(), texts.take(pa.array(doubtful)).to_pylist(), strict=True):
        slots[row] = 0 if text is None else bisect_right(bounds, text)
    return slots


def _texts(keys: tuple[int, ...] | tuple[bytes, ...], family: Family | None, *, unsigned: bool) -> tuple[str, ...]:
    return tuple(
        bytes_text(key, family) if isinstance(key, bytes) else ordinal_text(key, family, unsigned=unsigned)
        for key in keys
    )
