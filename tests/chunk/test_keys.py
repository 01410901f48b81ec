"""Co-partitioning: keys compare by value in every dep, slots are stable, changes stay beside what changed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.keys import (
    Slotting,
    build_buckets,
    build_ranges,
    build_ranges_of,
    build_values,
    parting,
    slots_of_batch,
)
from ckptflow.spec.model import Cut

Build = Callable[[pa.Array], Slotting]

BUILDERS: dict[str, Build] = {
    "ranges": lambda keys: build_ranges([keys], 3, Cut.CONTENT),
    "fixed ranges": lambda keys: build_ranges([keys], 3, Cut.FIXED),
    "buckets": lambda keys: build_buckets(7, keys.type),
    "values": lambda keys: build_values([keys]),
}
builders = pytest.mark.parametrize("build", list(BUILDERS.values()), ids=list(BUILDERS))

TIMES = [datetime.datetime(2026, 1, day) for day in range(1, 28)]
NUMBERS = [*range(-5, 20)]
ALIKE: list[tuple[list[object], list[pa.DataType]]] = [
    ([*NUMBERS], [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.dictionary(pa.int8(), pa.int64())]),
    (
        [n + 5 for n in NUMBERS],
        [pa.uint64(), pa.uint8(), pa.int8(), pa.int64(), pa.run_end_encoded(pa.int32(), pa.int16())],
    ),
    ([n / 4 for n in NUMBERS], [pa.float16(), pa.float32(), pa.float64()]),
    (
        ["", "a", "b", "é", *(f"customer-{n}" for n in NUMBERS)],
        [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())],
    ),
    ([b"", b"\0", b"\0\0", b"a", b"a\0"], [pa.binary(), pa.large_binary(), pa.binary_view()]),
    ([True, False], [pa.bool_()]),
    ([t.date() for t in TIMES], [pa.date32(), pa.date64()]),
    ([*TIMES], [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")]),
    ([*TIMES], [pa.timestamp("s", "UTC"), pa.timestamp("ns", "Europe/Berlin")]),
    ([t.time() for t in TIMES[:1]], [pa.time32("s"), pa.time64("ns")]),
    ([datetime.timedelta(hours=n) for n in NUMBERS], [pa.duration("s"), pa.duration("us")]),
    ([Decimal(n) / 4 for n in NUMBERS], [pa.decimal128(10, 2), pa.decimal128(30, 10), pa.decimal256(40, 3)]),
]


def made(cells: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_run_end_encoded(kind):
        return pa.RunEndEncodedArray.from_arrays(
            pa.array(range(1, len(cells) + 1), pa.int32()), pa.array(cells, kind.value_type)
        )
    if kind == pa.float16():
        return pa.array([None if cell is None else np.float16(cell) for cell in cells], kind)
    return pa.array(cells, kind)


@builders
@pytest.mark.parametrize(("cells", "kinds"), ALIKE, ids=[str(kinds[0]) for _, kinds in ALIKE])
def test_keys_compare_by_value_whatever_the_type(build: Build, cells: list[object], kinds: list[pa.DataType]) -> None:
    cells = [*cells, None, *cells[:3]]
    for first in kinds:
        slotting = build(made(cells, first))
        assert len(slotting.labels) == slotting.count
        expected = slotting.assign(made(cells, first)).tolist()
        assert set(expected) <= set(range(slotting.count))
        for other in kinds:
            assert slotting.assign(made(cells, other)).tolist() == expected, f"{first} and {other}"
            assert slotting.assign(made(cells, other)[2:5]).tolist() == expected[2:5]


@pytest.mark.parametrize(("cells", "kinds"), ALIKE, ids=[str(kinds[0]) for _, kinds in ALIKE])
def test_slots_follow_the_order_of_the_keys(cells: list[object], kinds: list[pa.DataType]) -> None:
    keys, ordered = made(cells, kinds[0]), made([None, *sorted(cells)], kinds[0])  # type: ignore[type-var]
    slots = build_ranges([keys], 3, Cut.CONTENT).assign(ordered).tolist()
    assert slots == sorted(slots)
    assert build_values([keys]).assign(ordered).tolist() == [-1, *range(len(cells))]


TEXTS = st.lists(st.binary(max_size=10) | st.binary(max_size=3).map(lambda tail: b"common prefix" + tail), max_size=40)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 5))
def test_ranges_of_text_are_where_comparison_puts_them(keys: list[bytes], others: list[bytes], rows: int) -> None:
    ranges = build_ranges([pa.array(keys, pa.binary())], rows, Cut.FIXED)
    expected = [sum(bound <= other for bound in ranges.bounds) for other in others]  # type: ignore[operator]
    assert ranges.assign(pa.array(others, pa.binary())).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(-50, 50), max_size=300), st.integers(1, 30), st.sampled_from(list(Cut)))
def test_ranges_hold_about_so_many_rows_and_whole_keys(cells: list[int | None], rows: int, cut: Cut) -> None:
    column = pa.array(cells, pa.int32())
    ranges = build_ranges([column[:100], column[100:]], rows, cut)
    slots = ranges.assign(column)
    sizes = np.bincount(slots, minlength=ranges.count)
    for slot, size in enumerate(sizes):
        distinct = {cell for cell, own in zip(cells, slots, strict=True) if own == slot}
        assert size <= 2 * rows or min(sum(cell == key for cell in cells) for key in distinct) >= 1
        if size > 2 * rows:
            assert max(sum(cell == key for cell in cells) for key in distinct) > rows / 2
    assert ranges == build_ranges([column], rows, cut)


def test_unique_keys_make_ranges_of_half_to_twice_the_rows() -> None:
    keys = np.random.default_rng(0).permutation(20_000)
    ranges = build_ranges([pa.array(keys)], 100, Cut.CONTENT)
    sizes = np.bincount(ranges.assign(pa.array(keys)))
    assert sizes.min() >= 50 and sizes.max() <= 200


def test_a_new_key_moves_few_ranges() -> None:
    """Most often none but its own, which it may split or fill; only where cuts at the largest size follow each other,
    once in thousands, does it move a fourth.
    """
    moved = []
    for seed in range(100):
        chance = np.random.default_rng(seed)
        keys = np.sort(chance.choice(10**6, 3_000, replace=False))
        column = pa.array(keys)
        before = build_ranges([column], 50, Cut.CONTENT)
        after = build_ranges([pa.array(np.append(keys, chance.integers(10**6)))], 50, Cut.CONTENT)

        def members(slotting: Slotting, keys: Any = keys, column: Any = column) -> set[tuple[int, ...]]:
            slots = slotting.assign(column)
            return {tuple(keys[slots == slot].tolist()) for slot in range(slotting.count)}

        moved.append(len(members(after) - members(before)))
    assert max(moved) <= 3
    assert sum(moved) <= 0.2 * len(moved)


def test_appended_keys_move_only_the_end() -> None:
    keys = [f"{number:08}" for number in range(20_000)]
    before = build_ranges([pa.array(keys)], 100, Cut.CONTENT).bounds
    after = build_ranges([pa.array([*keys, *(f"9{number:07}" for number in range(500))])], 100, Cut.CONTENT).bounds
    assert after[: len(before) - 2] == before[:-2]
    assert len(after) > len(before)


def test_integers_beyond_signed_ones() -> None:
    big = pa.array([2**64 - 1, 2**63, 5, 0], pa.uint64())
    values = build_values([big])
    assert values.assign(big).tolist() == [3, 2, 1, 0]
    assert values.assign(pa.array([-1, 5, 0, -(2**63)], pa.int64())).tolist() == [-1, 1, 0, -1]
    assert values.labels == ("0", "5", str(2**63), str(2**64 - 1))
    signed = build_values([pa.array([-1, 5, 2**63 - 1], pa.int64())])
    assert signed.assign(big).tolist() == [-1, -1, 1, -1]
    ranges = build_ranges([big], 1, Cut.FIXED)
    assert ranges.assign(pa.array([-7, 0, 4, 5, 2**63 - 1], pa.int64())).tolist() == [0, 0, 0, 1, 1]
    assert build_ranges([pa.array([-1, 1])], 1, Cut.FIXED).assign(big).tolist() == [1, 1, 1, 0]


def test_floats_that_are_equal_and_those_that_are_none() -> None:
    cells = pa.array([float("nan"), -0.0, 0.0, float("inf"), float("-inf"), None])
    assert build_values([cells]).assign(cells).tolist() == [4, 2, 2, 3, 1, 0]
    assert build_values([cells]).labels == ("null", "-inf", "0.0", "inf", "nan")


def test_times_beyond_nanoseconds_keep_their_order() -> None:
    far = pa.array([10**11, 0, -(10**11)], pa.timestamp("s"))
    ranges = build_ranges([far], 1, Cut.FIXED)
    assert ranges.assign(far).tolist() == [2, 1, 0]
    assert ranges.assign(pa.array([1], pa.timestamp("ns"))).tolist() == [1]


def test_nulls_and_absent_values() -> None:
    keys = pa.array(["b", None, "a"])
    assert build_values([keys]).assign(pa.array([None, "c", "a", ""])).tolist() == [0, -1, 1, -1]
    assert build_values([keys.drop_null()]).assign(pa.array([None, "a"])).tolist() == [-1, 0]
    assert build_ranges([keys], 1, Cut.FIXED).assign(pa.array([None, "", "a", "b"])).tolist() == [0, 0, 1, 2]
    assert build_buckets(5).assign(pa.array([None], pa.string())).tolist() == [0]
    empty = pa.DictionaryArray.from_arrays(pa.array([None], pa.int8()), pa.array([], pa.string()))
    assert [build_values([keys]).assign(empty).tolist(), build_buckets(3).assign(empty).tolist()] == [[0], [0]]


@pytest.mark.parametrize("kind", [None, pa.int64(), pa.string(), pa.decimal128(5)])
def test_no_keys_are_one_slot(kind: pa.DataType | None) -> None:
    keys = [] if kind is None else [pa.array([], kind)]
    ranges, values = build_ranges(keys, 10, Cut.CONTENT), build_values(keys)
    assert (ranges.count, ranges.labels, values.count, values.labels) == (1, ("all",), 1, ("none",))
    some = pa.array(["1", "2"]).cast(kind or pa.int64())
    assert ranges.assign(some).tolist() == [0, 0]
    assert values.assign(some).tolist() == [-1, -1]


def test_keys_of_nulls_alone() -> None:
    nulls = pa.nulls(3)
    for build in BUILDERS.values():
        assert build(nulls).assign(nulls).tolist() == [0, 0, 0]
    assert build_values([nulls]).assign(pa.array(["a", None])).tolist() == [-1, 0]
    assert build_ranges([pa.array([1, 2])], 1, Cut.FIXED).assign(nulls).tolist() == [0, 0, 0]


@builders
@pytest.mark.parametrize(
    ("first", "other"),
    [
        (pa.array([1]), pa.array(["1"])),
        (pa.array([1]), pa.array([1.0])),
        (pa.array([1]), pa.array([True])),
        (pa.array(["a"]), pa.array([b"a"])),
        (pa.array([TIMES[0]]), pa.array([TIMES[0]], pa.timestamp("us", "UTC"))),
        (pa.array([TIMES[0]]), pa.array([TIMES[0].date()])),
        (pa.array(["a"]), pa.array([1]).dictionary_encode()),
    ],
)
def test_keys_that_do_not_compare_are_refused(build: Build, first: pa.Array, other: pa.Array) -> None:
    with pytest.raises(ValueError, match="do not compare"):
        build(first).assign(other)


@builders
def test_types_that_cannot_be_keys_are_refused(build: Build) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        build(pa.array([[1], [2]]))


def test_buckets_are_even_and_stable() -> None:
    texts = pa.array([f"https://example.org/{number:06}/index.html" for number in range(20_000)])
    sizes = np.bincount(build_buckets(16).assign(texts), minlength=16)
    assert sizes.min() > 1_000
    numbers = np.bincount(build_buckets(16).assign(pa.array(range(0, 2_000_000, 100))), minlength=16)
    assert numbers.min() > 1_000
    assert build_buckets(16).assign(pa.array(["a", "b", "longer than eight bytes", ""])).tolist() == [1, 8, 3, 10]
    assert build_buckets(16).assign(pa.array([0, 1, -1, 10**12])).tolist() == [0, 14, 14, 2]


ROWS = pa.record_batch({"from": [1, 5, 3, None, 9], "to": [5, 5, 1, 9, 3], "x": [0, 1, 2, 3, 4]})


def test_a_row_goes_once_to_each_slot_it_touches() -> None:
    slotting = build_values([pa.array([1, 3, 5])])
    rows, slots = slots_of_batch(slotting, ROWS, ("from", "to"))
    assert list(zip(slots.tolist(), rows.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 2), (1, 4), (2, 0), (2, 1)]
    rows, slots = slots_of_batch(slotting, ROWS, ("from",))
    assert list(zip(slots.tolist(), rows.tolist(), strict=True)) == [(0, 0), (1, 2), (2, 1)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_slots_of_batches_against_the_plain_statement(cells: list[tuple[int, int, int]]) -> None:
    columns = [[cell[i] for cell in cells] for i in range(3)]
    batch = pa.record_batch([pa.array(c, pa.int64()) for c in columns], names=["a", "b", "c"])
    slotting = build_buckets(4)
    assigned = [slotting.assign(batch.column(i)).tolist() for i in range(3)]
    expected = sorted({(slots[row], row) for slots in assigned for row in range(len(cells))})
    rows, slots = slots_of_batch(slotting, batch, ("a", "b", "c"))
    assert list(zip(slots.tolist(), rows.tolist(), strict=True)) == expected


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"no column `sender`.*from, to, x"):
        slots_of_batch(build_buckets(2), ROWS, ("sender",))
    twice = pa.record_batch([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(ValueError, match="several columns `a`"):
        slots_of_batch(build_buckets(2), twice, ("a",))
    with pytest.raises(ValueError, match="0 buckets"):
        build_buckets(0)


def test_labels_are_for_people() -> None:
    assert build_ranges([pa.array(["a", "b", "c"])], 1, Cut.FIXED).labels == ("… < b", "b … < c", "c …")
    assert build_values([pa.array([TIMES[0]])]).labels == ("2026-01-01T00:00:00",)
    assert build_values([pa.array([Decimal("-1.50"), Decimal("100.00")])]).labels == ("-1.5", "100")
    assert build_values([pa.array([True, False])]).labels == ("false", "true")
    assert build_values([pa.array([datetime.timedelta(seconds=90)])]).labels == ("90 s",)
    assert build_values([pa.array([datetime.time(1, 2, 3)])]).labels == ("01:02:03",)
    assert build_values([pa.array([b"\xff"])]).labels == ("ff",)
    assert build_values([pa.array([-1.5, 2.0])]).labels == ("-1.5", "2.0")
    assert build_buckets(2).labels == ("bucket 0 of 2", "bucket 1 of 2")


NULLABLE = {
    "integers": st.lists(st.none() | st.integers(-40, 40), max_size=200).map(lambda v: pa.array(v, pa.int64())),
    "unsigned": st.lists(st.integers(0, 2**64 - 1), max_size=80).map(lambda v: pa.array(v, pa.uint64())),
    "floats": st.lists(st.none() | st.floats(width=32), max_size=120).map(lambda v: pa.array(v, pa.float64())),
    "texts": st.lists(st.none() | st.text("ab\0é", max_size=9), max_size=200).map(lambda v: pa.array(v, pa.string())),
    "long texts": st.lists(st.binary(max_size=90), max_size=60).map(lambda v: pa.array(v, pa.binary())),
}


@pytest.mark.parametrize("keys", list(NULLABLE.values()), ids=list(NULLABLE))
@pytest.mark.parametrize("cut", Cut)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_ranges_do_not_depend_on_parts(keys: st.SearchStrategy[pa.Array], cut: Cut, data: st.DataObject) -> None:
    column = data.draw(keys)
    rows = data.draw(st.integers(1, 12))
    sample = column[:: data.draw(st.integers(1, 4))]
    parts = parting([sample], data.draw(st.integers(1, 6)))
    slots = parts.assign(column)
    divided = [[column.filter(pa.array(slots == part))] for part in range(parts.count)]
    assert build_ranges_of(divided, rows, cut) == build_ranges([column], rows, cut)


@given(st.lists(st.binary(max_size=20) | st.binary(min_size=60, max_size=80), max_size=60))
def test_a_slot_a_value_comes_in_the_order_of_bytes(values: list[bytes]) -> None:
    found = build_values([pa.array(values, pa.binary())])
    assert list(found.keys) == sorted(set(values))


def test_parts_hold_about_as_many_rows_each() -> None:
    keys = pa.array([n * 7919 % 10_000 for n in range(10_000)])
    slots = parting([keys[::10]], 8).assign(keys)
    assert 1_000 < min(np.bincount(slots, minlength=8)) <= max(np.bincount(slots)) < 1_600
