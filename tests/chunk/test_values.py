"""The digest of a table: blind to layout, sensitive to every value, name, type, order and null."""

from __future__ import annotations

import datetime
import decimal
import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.values import TableHasher, schema_digest, table_digest

DAY = datetime.date(2026, 11, 23)
NOON = datetime.datetime(2026, 11, 23, 12)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(max_size=12)
KINDS: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int32(), INTS),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.bool_(), st.booleans()),
    (pa.string(), TEXT),
    (pa.large_string(), TEXT),
    (pa.string_view(), TEXT),
    (pa.binary(), st.binary(max_size=20)),
    (pa.binary_view(), st.binary(max_size=20)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.decimal128(20, 2), st.integers(-(10**9), 10**9).map(lambda n: decimal.Decimal(n) / 100)),
    (pa.date32(), st.integers(0, 9999).map(lambda n: DAY + datetime.timedelta(days=n))),
    (pa.timestamp("us", "UTC"), st.integers(0, 10**6).map(lambda n: NOON + datetime.timedelta(seconds=n))),
    (pa.duration("ms"), st.integers(0, 10**6).map(lambda n: datetime.timedelta(milliseconds=n))),
    (pa.list_(pa.string()), st.lists(st.none() | TEXT, max_size=3)),
    (pa.large_list(pa.list_(pa.int32())), st.lists(st.none() | st.lists(st.none() | INTS, max_size=3), max_size=3)),
    (pa.list_view(pa.int32()), st.lists(st.none() | INTS, max_size=3)),
    (pa.list_(pa.int32(), 2), st.lists(st.none() | INTS, min_size=2, max_size=2)),
    (
        pa.struct({"a": pa.int32(), "b": pa.list_(pa.string())}),
        st.fixed_dictionaries({"a": st.none() | INTS, "b": st.none() | st.lists(st.none() | TEXT, max_size=2)}),
    ),
    (pa.map_(pa.string(), pa.int32()), st.lists(st.tuples(TEXT, st.none() | INTS), max_size=3)),
    (pa.dictionary(pa.int32(), pa.string()), TEXT),
    (pa.null(), st.none()),
]


@st.composite
def tables(draw: st.DrawFn, minimum: int = 0) -> pa.Table:
    count = draw(st.integers(minimum, 24))
    chosen = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    columns = {}
    for number, (kind, values) in enumerate(chosen):
        cells = draw(st.lists(st.none() | values, min_size=count, max_size=count))
        columns[f"c{number}"] = pa.array(cells, kind)
    return pa.table(columns)


def in_parts(table: pa.Table, cuts: list[int]) -> str:
    hasher = TableHasher(table.schema)
    edges = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
    for start, stop in pairwise(edges):
        for batch in table.slice(start, stop - start).to_batches():
            hasher.update(batch)
    assert hasher.rows == table.num_rows
    return hasher.digest()


@settings(max_examples=80, deadline=None)
@given(tables(), st.lists(st.integers(0, 24), max_size=5))
def test_batches_and_slices_do_not_count(table: pa.Table, cuts: list[int]) -> None:
    assert in_parts(table, cuts) == table_digest(table)


@settings(max_examples=80, deadline=None)
@given(tables(minimum=1), st.data())
def test_a_slice_has_the_digest_of_the_same_rows_made_anew(table: pa.Table, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, table.num_rows - 1))
    part = table.slice(start)
    anew = pa.table({f.name: pa.array(c.to_pylist(), f.type) for f, c in zip(part.schema, part.columns, strict=True)})
    assert table_digest(part) == table_digest(anew)


@settings(max_examples=80, deadline=None)
@given(tables(minimum=1), tables(minimum=1))
def test_tables_with_equal_digests_are_equal(one: pa.Table, other: pa.Table) -> None:
    same = one.schema.equals(other.schema) and one.to_pylist() == other.to_pylist()
    if not same:
        assert table_digest(one) != table_digest(other)


@settings(max_examples=80, deadline=None)
@given(tables(minimum=1), st.data())
def test_any_changed_cell_changes_the_digest(table: pa.Table, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, table.num_columns - 1))
    row = data.draw(st.integers(0, table.num_rows - 1))
    kind = table.schema.field(column).type
    values = {str(k): v for k, v in KINDS}[str(kind)]
    cells = table.column(column).to_pylist()
    before = cells[row]
    cells[row] = data.draw(st.none() | values)
    changed = table.set_column(column, table.schema.field(column), pa.array(cells, kind))
    # 0.0 and -0.0 are equal to Python, and not to the digest; compared by their text they differ for both.
    assert (table_digest(changed) == table_digest(table)) == (
        repr(before) == repr(changed.column(column).to_pylist()[row])
    )


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(["none", "zstd", "snappy"]), st.integers(1, 30), st.booleans())
def test_parquet_round_trips_keep_the_digest(table: pa.Table, codec: str, group: int, dictionary: bool) -> None:
    file = io.BytesIO()
    pq.write_table(table, file, compression=codec, row_group_size=group, use_dictionary=dictionary)
    file.seek(0)
    again = pq.read_table(file)
    assert again.schema.types == table.schema.types
    assert table_digest(again) == table_digest(table)


def test_dictionaries_count_by_their_values() -> None:
    plain = pa.array(["a", None, "b", "a", ""])
    kind = pa.dictionary(pa.int32(), pa.string())
    one = pa.table({"c": plain.cast(kind)})
    indices = pa.array([3, None, 1, 3, 4], pa.int8())
    shuffled = pa.DictionaryArray.from_arrays(indices, pa.array(["zz", "b", None, "a", ""]))
    null_entry = pa.DictionaryArray.from_arrays(pa.array([3, 2, 1, 3, 4], pa.int8()), shuffled.dictionary)
    assert table_digest(pa.table({"c": shuffled})) == table_digest(one)
    assert table_digest(pa.table({"c": null_entry})) == table_digest(one)
    assert table_digest(pa.table({"c": plain})) != table_digest(one), "another type"


def test_ordered_dictionaries_count_by_the_order_of_their_entries_too() -> None:
    def made(entries: list[str], values: list[str]) -> pa.Array:
        indices = pa.array([entries.index(value) for value in values], pa.int8())
        return pa.DictionaryArray.from_arrays(indices, pa.array(entries), ordered=True)

    one = pa.table({"c": made(["low", "high"], ["low", "high", "low"])})
    other = pa.table({"c": made(["high", "low"], ["low", "high", "low"])})
    longer = pa.table({"c": made(["low", "high", "top"], ["low", "high", "low"])})
    assert len({table_digest(one), table_digest(other), table_digest(longer)}) == 3
    assert in_parts(one, [1, 2]) == table_digest(one)


def test_what_lies_under_nulls_does_not_count() -> None:
    mask = pa.array([True, False, True]).buffers()[1]
    clean = pa.array([1, None, 3], pa.int64())
    dirty = pa.Array.from_buffers(pa.int64(), 3, [mask, pa.array([1, 99, 3], pa.int64()).buffers()[1]])
    assert dirty.to_pylist() == clean.to_pylist()
    assert table_digest(pa.table({"c": dirty})) == table_digest(pa.table({"c": clean}))
    words = pa.array(["a", "garbage", "c"])
    dirty_text = pa.Array.from_buffers(pa.string(), 3, [mask, *words.buffers()[1:]])
    assert table_digest(pa.table({"c": dirty_text})) == table_digest(pa.table({"c": pa.array(["a", None, "c"])}))
    lists = pa.array([[1], [7, 8], [3]])
    dirty_lists = pa.Array.from_buffers(lists.type, 3, [mask, lists.buffers()[1]], children=[lists.values])
    assert dirty_lists.to_pylist() == [[1], None, [3]]
    assert table_digest(pa.table({"c": dirty_lists})) == table_digest(pa.table({"c": pa.array([[1], None, [3]])}))
    inner = pa.array([5, 6, 7])
    dirty_struct = pa.StructArray.from_arrays([inner], ["a"], mask=pa.array([False, True, False]))
    clean_struct = pa.array([{"a": 5}, None, {"a": 7}], dirty_struct.type)
    assert table_digest(pa.table({"c": dirty_struct})) == table_digest(pa.table({"c": clean_struct}))


def test_a_bitmap_without_nulls_is_no_bitmap() -> None:
    full = pa.array([True] * 3).buffers()[1]
    values = pa.array([1, 2, 3])
    mapped = pa.Array.from_buffers(pa.int64(), 3, [full, values.buffers()[1]])
    assert table_digest(pa.table({"c": mapped})) == table_digest(pa.table({"c": values}))


def test_run_end_encoding_does_not_depend_on_the_runs() -> None:
    plain = pa.array([1, 1, None, None, 2])
    encoded = pc.run_end_encode(plain)
    other = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3, 4, 5], pa.int32()), plain)
    one = table_digest(pa.table({"c": encoded}))
    assert table_digest(pa.table({"c": other})) == one
    assert table_digest(pa.table({"c": plain})) != one, "another type"
    assert in_parts(pa.table({"c": encoded}), [1, 3]) == one


@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_unions_count_by_what_is_in_use(mode: str) -> None:
    codes = pa.array([0, 1, 0], pa.int8())

    def made(numbers: list[int], word: str) -> pa.Table:
        if mode == "sparse":
            union = pa.UnionArray.from_sparse(codes, [pa.array([numbers[0], 5, numbers[1]]), pa.array(["", word, "x"])])
        else:
            offsets = pa.array([0, 0, 1], pa.int32())
            union = pa.UnionArray.from_dense(codes, offsets, [pa.array(numbers), pa.array([word])])
        return pa.table({"c": union})

    assert table_digest(made([1, 2], "a")) == in_parts(made([1, 2], "a"), [1])
    assert table_digest(made([1, 2], "a")) != table_digest(made([1, 3], "a"))
    assert table_digest(made([1, 2], "a")) != table_digest(made([1, 2], "b"))


def test_bits_of_floats_count() -> None:
    def of(bits: int) -> str:
        return table_digest(pa.table({"c": np.array([bits], np.uint64).view(np.float64)}))

    quiet, other = 0x7FF8000000000000, 0x7FF8000000000001
    assert (
        len({of(quiet), of(other), of(0), of(1 << 63), table_digest(pa.table({"c": pa.nulls(1, pa.float64())}))}) == 5
    )


def test_rows_of_no_bytes_count() -> None:
    lengths = [table_digest(pa.table({"c": pa.nulls(n)})) for n in range(3)]
    empties = [table_digest(pa.table({"c": pa.array([[]] * n, pa.list_(pa.null()))})) for n in range(3)]
    assert len({*lengths, *empties}) == 6


def test_nested_emptiness_is_told_apart() -> None:
    kind = pa.list_(pa.list_(pa.int8()))
    cells: list[object] = [None, [], [None], [[]], [[None]], [[], []], [[0]], [[0], []], [[], [0]]]
    assert len({table_digest(pa.table({"c": pa.array([cell], kind)})) for cell in cells}) == len(cells)
    moved = [pa.table({"c": pa.array([["a"], []])}), pa.table({"c": pa.array([[], ["a"]])})]
    assert len({table_digest(table) for table in moved}) == 2
    split = [pa.table({"c": ["ab", "c"]}), pa.table({"c": ["a", "bc"]})]
    assert len({table_digest(table) for table in split}) == 2


def test_schemas() -> None:
    base = pa.schema([("a", pa.int32()), ("b", pa.string())])
    others = [
        pa.schema([("b", pa.string()), ("a", pa.int32())]),
        pa.schema([("a", pa.int32()), ("c", pa.string())]),
        pa.schema([("a", pa.int64()), ("b", pa.string())]),
        pa.schema([pa.field("a", pa.int32(), nullable=False), ("b", pa.string())]),
        pa.schema([("a", pa.int32()), ("b", pa.large_string())]),
        pa.schema([("a", pa.int32())]),
        pa.schema([("a", pa.timestamp("us"))]),
        pa.schema([("a", pa.timestamp("us", "UTC"))]),
        pa.schema([("a", pa.list_(pa.field("item", pa.int32(), nullable=False)))]),
        pa.schema([("a", pa.list_(pa.int32()))]),
        pa.schema([("a", pa.struct({"x": pa.int32()}))]),
        pa.schema([("a", pa.struct({"y": pa.int32()}))]),
        pa.schema([('a",["x', pa.int32())]),
        pa.schema([("a", pa.uuid())]),
        pa.schema([("a", pa.binary(16))]),
    ]
    digests = {schema_digest(schema) for schema in (base, *others)}
    assert len(digests) == len(others) + 1
    assert len({table_digest(schema.empty_table()) for schema in (base, *others)}) == len(others) + 1
    assert schema_digest(base.with_metadata({"pandas": "{}"})) == schema_digest(base)
    renamed = pa.schema([("a", pa.list_(pa.field("element", pa.int32())))])
    assert schema_digest(renamed) == schema_digest(pa.schema([("a", pa.list_(pa.int32()))]))


def test_extension_types_count_by_name_and_storage() -> None:
    storage = pa.array([b"0" * 16, None], pa.binary(16))
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    assert table_digest(pa.table({"c": uuids})) != table_digest(pa.table({"c": storage}))
    assert in_parts(pa.table({"c": uuids}), [1]) == table_digest(pa.table({"c": uuids}))


def test_rows_of_another_schema_are_refused() -> None:
    hasher = TableHasher(pa.schema([("a", pa.int32())]))
    with pytest.raises(ValueError, match="schema"):
        hasher.update(pa.table({"a": pa.array([1], pa.int64())}))


def test_large_tables_are_hashed_in_blocks(make_rows) -> None:  # type: ignore[no-untyped-def]
    table = make_rows(300_000)
    assert in_parts(table, [1, 140_000, 299_999]) == table_digest(table)


def test_digests_are_the_same_for_ever() -> None:
    table = pa.table(
        {
            "i": pa.array([1, None, 3], pa.int32()),
            "s": ["a", "", None],
            "l": pa.array([[1.5], None, []], pa.list_(pa.float64())),
            "d": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    assert table_digest(table) == "e4c78e875a812768fe07ac4dde570a02882cec4f364fdce8a56aa867108522eb"
