"""Mappings of records come back with the same values, types and order, or are refused."""

from __future__ import annotations

import gc
import math
import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.formats import mappings
from ckptflow.formats.mappings import NotRecords, from_table, is_records, to_table

settings.register_profile("repeatable", settings.get_profile("unhurried"), derandomize=True)
settings.load_profile("repeatable")

TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
WHOLE = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(st.none(), st.booleans(), WHOLE, st.floats(), TEXTS, st.binary())
FIELDS = st.one_of(TEXTS, st.integers(-3, 3), st.sampled_from(["key", "shape", "a", "a_1"]))
KEYS = st.one_of(TEXTS, WHOLE, st.binary(max_size=3))
KINDS = st.sampled_from([st.floats(), st.integers(-9, 2**40), st.booleans(), VALUES])


def exact(value):
    """Return what two values share only if they are the same in type and bits; NaN is itself."""
    if type(value) is float:
        return "float", struct.pack("d", math.nan if math.isnan(value) else value)
    if type(value) is dict:
        return "dict", [(exact(k), exact(v)) for k, v in value.items()]
    if type(value) is tuple:
        return "tuple", [exact(v) for v in value]
    return type(value), value


def check(value) -> None:
    table = to_table(value)
    assert is_records(table.schema) and table.num_rows == len(value)
    assert exact(from_table(table)) == exact(value)


@given(st.dictionaries(KEYS, st.dictionaries(FIELDS, VALUES, max_size=4), min_size=1, max_size=20))
def test_any_records(value) -> None:
    check(value)


def rows_of(kinds):
    return st.lists(st.tuples(*kinds), min_size=1, max_size=30)


@given(st.lists(KINDS, min_size=1, max_size=4).flatmap(rows_of), st.booleans())
def test_records_of_one_shape(rows, pairs) -> None:
    check({((n, f"k{n}") if pairs else n): {f"f{i}": v for i, v in enumerate(row)} for n, row in enumerate(rows)})


@pytest.mark.parametrize("size", [mappings.BLOCK - 1, mappings.BLOCK, mappings.BLOCK + 1, 3 * mappings.BLOCK])
def test_blocks(size) -> None:
    check({n: {"float": n / 3, "int": n, "bool": n % 2 == 0, "late": n if n < size - 1 else 0.5} for n in range(size)})
    check({str(n): {"x": n / 3, "y": -0.0} for n in range(size)})


def test_many_fields() -> None:
    check({k: {f"f{n}": float(n) for n in range(500)} for k in "ab"})


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": 1},
        {"a": {}, "b": []},
        {"a": {"x": 2**63}},
        {"a": {"x": 1j}},
        {"a": {"x": {}}},
        {"a": {"x": "\ud800"}},
        {"a": {None: 1}},
        {"a": {True: 1}},
        {None: {"x": 1}, "b": {"x": object}},
        {("a",): {"x": 1}, ("a", "b"): {"x": 1}},
        {2**70: {"x": 1}},
        {n: {f"f{n}": 1} for n in range(1500)},
    ],
    ids=repr,
)
def test_what_no_table_holds_is_refused(value) -> None:
    with pytest.raises(NotRecords):
        to_table(value)


def test_subclasses_are_refused() -> None:
    class Mine(dict):
        pass

    class Number(int):
        pass

    for value in (Mine(a={"x": 1}), {"a": Mine(x=1)}, {"a": {"x": Number(1)}}):
        with pytest.raises(NotRecords):
            to_table(value)


def test_other_tables_are_no_records() -> None:
    table = pa.table({"key": ["a"]})
    assert not is_records(table.schema)
    with pytest.raises(ValueError, match="version"):
        from_table(table)


@pytest.mark.parametrize("on", [True, False])
def test_garbage_is_collected_afterwards_as_before(on):
    value = {f"k{i}": {"a": i} for i in range(3000)}
    table = to_table(value)
    was = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        assert from_table(table) == value
        assert gc.isenabled() is on
    finally:
        (gc.enable if was else gc.disable)()
