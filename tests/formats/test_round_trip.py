"""Values go through every format and come back; equal values give equal bytes and equal digests."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.values import table_digest
from ckptflow.errors import DepMissing, DepUnreadable, ResultError, UsageError
from ckptflow.formats.dataset import Dataset
from ckptflow.formats.forms import Form
from ckptflow.formats.parquet import readback_schema
from ckptflow.formats.registry import format_of, get_format, is_tabular

TABLES = ["parquet", "arrow"]
D = decimal.Decimal


def every_type() -> pa.Table:
    utc = datetime.UTC
    columns = {
        "i8": pa.array([1, None, -3], pa.int8()),
        "u64": pa.array([1, None, 2**64 - 1], pa.uint64()),
        "f16": pa.array(np.array([1, 2, 3], np.float16)),
        "f64": pa.array([1.5, None, float("nan")]),
        "bool": pa.array([True, None, False]),
        "text": pa.array(["a", None, "é"]),
        "large": pa.array(["a", None, ""], pa.large_string()),
        "view": pa.array(["a", None, "long enough to be out of line"], pa.string_view()),
        "blob": pa.array([b"\0", None, b""]),
        "fixed": pa.array([b"ab", None, b"cd"], pa.binary(2)),
        "date": pa.array([datetime.date(2024, 1, 2), None, datetime.date(1, 1, 1)]),
        "date64": pa.array([datetime.date(2024, 1, 2), None, None], pa.date64()),
        "s": pa.array([1, None, 3], pa.timestamp("s")),
        "ns": pa.array([1, None, 3], pa.timestamp("ns")),
        "zoned": pa.array([datetime.datetime(2024, 1, 1, tzinfo=utc), None, None], pa.timestamp("us", "Europe/Berlin")),
        "time": pa.array([1, None, 3], pa.time32("s")),
        "span": pa.array([1, None, 3], pa.duration("ms")),
        "money": pa.array([D("1.50"), None, D("-2.00")], pa.decimal128(9, 2)),
        "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
        "deep": pa.array([[{"x": [1]}], None, [{"x": None}]], pa.list_(pa.struct([("x", pa.list_(pa.int8()))]))),
        "pair": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
        "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "none": pa.nulls(3),
        "words": pa.array(["x", None, "x"]).dictionary_encode(),
        "codes": pa.array([7, None, 7]).dictionary_encode(),
        "runs": pa.RunEndEncodedArray.from_arrays([2, 3], ["p", "q"]),
    }
    return pa.table(columns, metadata={"note": "not a value"})


def plain(table: pa.Table) -> list[dict[str, object]]:
    return [{k: repr(v) for k, v in row.items()} for row in table.to_pylist()]


@pytest.mark.parametrize("name", TABLES)
def test_all_types_come_back(name: str, tmp_path: Path) -> None:
    table = every_type()
    written = get_format(name).write(table, tmp_path / "t")
    back = get_format(name).read(tmp_path / "t", Form.NATURAL)
    assert isinstance(back, pa.Table)
    # Parquet has no seconds and no date64: their values come back in the nearest type.
    lossless = [n for n in table.schema.names if n not in ("s", "time", "date64")]
    assert plain(back.select(lossless)) == plain(table.select(lossless))
    assert back.schema.metadata is None
    assert written.rows == 3
    assert written.values == table_digest(back)


@pytest.mark.parametrize("name", TABLES)
def test_equal_values_give_equal_bytes_however_they_come(name: str, tmp_path: Path) -> None:
    table = pa.table({"a": list(range(300_000)), "b": [f"{i % 7}" if i % 5 else None for i in range(300_000)]})
    forms = [
        table,
        pa.concat_tables([table.slice(0, 100), table.slice(100, 70_000), table.slice(70_100)]),
        table.to_reader(max_chunksize=999),
        iter(table.to_batches(max_chunksize=12_345)),
        iter([table.slice(0, 5), table.slice(5)]),
        table.set_column(1, "b", table["b"].dictionary_encode().combine_chunks().dictionary_decode()),
        Dataset(table),
    ]
    results = set()
    for i, value in enumerate(forms):
        written = get_format(name).write(value, tmp_path / str(i))
        results.add((written.values, (tmp_path / str(i)).read_bytes()))
    assert len(results) == 1


@pytest.mark.parametrize("name", TABLES)
def test_bytes_under_nulls_do_not_count(name: str, tmp_path: Path) -> None:
    valid = pa.array([True, False, True]).buffers()[1]

    def with_garbage(garbage: int) -> pa.Table:
        data = np.array([1, garbage, 3], np.int64)
        numbers = pa.Array.from_buffers(pa.int64(), 3, [valid, pa.py_buffer(data.tobytes())])
        child = pa.array([1, garbage, 3])
        struct = pa.StructArray.from_arrays([child], ["x"], mask=pa.array([False, True, False]))
        lists = pa.Array.from_buffers(
            pa.list_(pa.int64()), 3, [valid, pa.py_buffer(np.arange(4, dtype=np.int32).tobytes())], children=[child]
        )
        nested = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), struct)
        return pa.table({"n": numbers, "s": struct, "l": lists, "ls": nested})

    seen = set()
    for garbage in (5, 6):
        get_format(name).write(with_garbage(garbage), tmp_path / "t")
        seen.add((tmp_path / "t").read_bytes())
    assert len(seen) == 1


def test_another_encoding_of_parquet_has_the_same_digest(tmp_path: Path) -> None:
    table = pa.table({"a": range(5000), "b": [str(i % 11) for i in range(5000)]})
    ours = get_format("parquet").write(table, tmp_path / "ours")
    for i, options in enumerate(
        [
            {"compression": "gzip", "row_group_size": 77},
            {"use_dictionary": True, "data_page_version": "2.0"},
            {"compression": "none", "store_schema": False, "data_page_size": 100},
        ]
    ):
        pq.write_table(table.replace_schema_metadata({"pandas": "{}"}), tmp_path / str(i), **options)
        theirs = get_format("parquet").read(tmp_path / str(i), Form.TABLE)
        assert table_digest(theirs) == ours.values  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*TABLES, "csv"])
def test_an_empty_table_keeps_its_schema(name: str, tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.string())})
    written = get_format(name).write(table, tmp_path / "t")
    back = get_format(name).read(tmp_path / "t", Form.TABLE)
    assert isinstance(back, pa.Table)
    assert written.rows == back.num_rows == 0
    assert back.schema.names == ["a", "b"]
    if name != "csv":
        assert back.schema.equals(table.schema)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", [Form.TABLE, Form.READER, Form.PANDAS, Form.POLARS, Form.POLARS_LAZY, Form.DATASET])
def test_every_form_holds_the_same_rows(name: str, form: Form, tmp_path: Path) -> None:
    table = pa.table({"a": [3, 1, 2], "b": ["x", None, "z"]})
    written = get_format(name).write(table, tmp_path / "t")
    value = get_format(name).read(tmp_path / "t", form)
    again = get_format(name).write(value, tmp_path / "u")
    assert again.rows == written.rows
    back = get_format(name).read(tmp_path / "u", Form.TABLE)
    assert back.to_pylist() == table.to_pylist()  # type: ignore[attr-defined]


def test_pandas_index_is_kept_where_it_is_data(tmp_path: Path) -> None:
    def columns(frame: pd.DataFrame) -> list[str]:
        get_format("parquet").write(frame, tmp_path / "t")
        return pq.read_schema(tmp_path / "t").names

    frame = pd.DataFrame({"k": ["a", "b", "a"], "v": [1, 2, 3]})
    assert columns(frame) == ["k", "v"]
    assert columns(frame[frame.v != 2]) == ["k", "v"]
    assert columns(frame[frame.v > 0]) == ["k", "v"]
    assert columns(frame[frame.v > 9]) == ["k", "v"]
    assert columns(frame.groupby("k").sum()) == ["k", "v"]
    assert columns(frame.set_index(["k", "v"]).assign(w=1)) == ["k", "v", "w"]
    assert columns(frame.set_index(pd.Index(["x", "y", "z"]))) == ["index", "k", "v"]
    with pytest.raises(ResultError, match="`k` is a column and a level"):
        columns(frame.set_index("k", drop=False))


def test_rows_and_columns_of_plain_python(tmp_path: Path) -> None:
    parquet = get_format("parquet")
    parquet.write([{"a": 1}, {"a": 2, "b": "x"}], tmp_path / "t")
    assert parquet.read(tmp_path / "t", Form.TABLE).to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]  # type: ignore[attr-defined]
    parquet.write({"a": [1, 2], "b": np.array([1.5, 2.5])}, tmp_path / "t")
    assert parquet.read(tmp_path / "t", Form.TABLE).to_pylist() == [{"a": 1, "b": 1.5}, {"a": 2, "b": 2.5}]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (5, "cannot hold a int"),
        ("text", "cannot hold a str"),
        ([], "no columns"),
        ([1, 2], "no dicts"),
        ({}, "no columns"),
        ({"a": {"x": 1}}, "no columns"),
        ({"a": [1, 2], "b": [1]}, "cannot hold a dict"),
        (iter([]), "yielded nothing"),
        (iter([1]), "cannot hold a int"),
        (pa.table([[1], [2]], names=["a", "a"]), "`a` comes twice"),
        (pa.table({}), "no columns"),
        (pa.table({"u": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}), "column `u`"),
        (pd.DataFrame({"a": [1, "x"]}), "cannot hold a pandas"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(value: object, says: str, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=says) as raised:
        get_format("parquet").write(value, tmp_path / "t")
    assert raised.value.hint


def test_a_stream_that_changes_its_columns_is_refused(tmp_path: Path) -> None:
    first = pa.table({"a": [1]})
    for second, says in [(pa.table({"b": [1]}), "columns b after a"), (pa.table({"a": ["x"]}), "a: int64")]:
        with pytest.raises(ResultError) as raised:
            get_format("parquet").write(iter([first, second]), tmp_path / "t")
        assert says in f"{raised.value} {raised.value.hint}"
    get_format("parquet").write(iter([first, pa.table({"a": pa.nulls(2)})]), tmp_path / "t")
    assert pq.read_table(tmp_path / "t")["a"].to_pylist() == [1, None, None]


def test_errors_of_the_users_generator_pass(tmp_path: Path) -> None:
    def rows() -> object:
        yield pa.table({"a": [1]})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get_format("parquet").write(rows(), tmp_path / "t")


def test_writing_holds_no_more_than_a_row_group(tmp_path: Path) -> None:
    alive: list[int] = []
    peak = 0

    def stream() -> object:
        nonlocal peak
        base = pa.total_allocated_bytes()
        for i in range(60):
            yield pa.table({"a": np.full(50_000, i), "b": np.random.default_rng(i).random(50_000)})
            peak = max(peak, pa.total_allocated_bytes() - base)
            alive.append(i)

    written = get_format("parquet").write(stream(), tmp_path / "t")
    assert written.rows == 3_000_000
    whole = 3_000_000 * 16
    assert peak < whole / 3
    assert pq.ParquetFile(tmp_path / "t").metadata.num_row_groups == 23


def test_a_changed_frame_does_not_change_what_others_see(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0], "b": ["x", "y"]})
    from ckptflow.formats.deliver import as_form

    frame = as_form(table, Form.PANDAS)
    assert isinstance(frame, pd.DataFrame)
    frame["a"] = 9
    frame.loc[0, "b"] = "changed"
    other = as_form(table, Form.PANDAS)
    other.iloc[0, 0] = 5.0  # type: ignore[attr-defined]
    polars = as_form(table, Form.POLARS)
    assert isinstance(polars, pl.DataFrame)
    polars[0, "a"] = 7.0
    assert table.to_pydict() == {"a": [1.0, 2.0], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pickle", {"deep": {"er": {1, 2}}, "none": None}),
        ("json", {"z": [1, 2.5, None, True], "a": "é"}),
        ("json", {}),
        ("text", "two\r\nlines\n"),
        ("text", ""),
    ],
)
def test_values_come_back(name: str, value: object, tmp_path: Path) -> None:
    written = get_format(name).write(value, tmp_path / "v")
    assert (written.rows, written.values) == (None, None)
    assert get_format(name).read(tmp_path / "v", Form.NATURAL) == value


def test_json_is_for_people(tmp_path: Path) -> None:
    get_format("json").write({"b": np.float64(0.5), "a": np.arange(2), "ü": np.int8(3)}, tmp_path / "v")
    assert (tmp_path / "v").read_text("utf-8") == '{\n  "b": 0.5,\n  "a": [\n    0,\n    1\n  ],\n  "ü": 3\n}\n'


def test_npy_comes_back_in_memory_of_its_own(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    get_format("npy").write(array, tmp_path / "v")
    first = get_format("npy").read(tmp_path / "v", Form.NATURAL)
    assert isinstance(first, np.ndarray)
    first[:] = 0
    assert np.array_equal(get_format("npy").read(tmp_path / "v", Form.NATURAL), array)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("json", {"a": float("nan")}),
        ("json", {"a": {1}}),
        ("json", object()),
        ("pickle", lambda: None),
        ("npy", np.array([object()])),
        ("text", b"bytes"),
        ("file", "text"),
        ("dir", {}),
        ("jsonl", pa.table({"a": [b"x"]})),
        ("csv", pa.table({"a": [[1]]})),
    ],
)
def test_values_that_a_format_cannot_hold_are_refused(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=f"`{name}` cannot hold") as raised:
        get_format(name).write(value, tmp_path / "v")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("parquet", b"PAR1 no"),
        ("parquet", b""),
        ("arrow", b"ARROW1 no"),
        ("arrow", b""),
        ("json", b"{"),
        ("npy", b"\x93NUMPY"),
        ("pickle", b"\x80\x05"),
        ("text", b"\xff"),
        ("csv", b""),
        ("csv", b"a,b\n1\n"),
        ("jsonl", b'{"a": }\n'),
    ],
)
def test_a_malformed_file_is_named(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(data)
    with pytest.raises(DepUnreadable, match="broken"):
        get_format(name).read(tmp_path / "broken", Form.NATURAL)


@pytest.mark.parametrize("name", ["parquet", "arrow", "csv", "json", "npy", "text"])
def test_a_missing_file_is_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(DepMissing, match="gone"):
        get_format(name).read(tmp_path / "gone", Form.NATURAL)


def test_a_flipped_bit_in_a_page_is_found(tmp_path: Path) -> None:
    get_format("parquet").write(pa.table({"a": range(1000)}), tmp_path / "t")
    data = bytearray((tmp_path / "t").read_bytes())
    data[200] ^= 1
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(DepUnreadable):
        get_format("parquet").read(tmp_path / "t", Form.TABLE)


def test_forms_that_a_format_has_not_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("{}")
    with pytest.raises(UsageError, match=r"pandas\.DataFrame"):
        get_format("json").read(tmp_path / "v", Form.PANDAS)
    assert get_format("json").read(tmp_path / "v", Form.BYTES) == b"{}"
    assert get_format("json").read(tmp_path / "v", Form.TEXT) == "{}"
    assert get_format("file").read(tmp_path / "v", Form.NATURAL) == tmp_path / "v"


def test_names_and_suffixes() -> None:
    assert format_of("a/b.PARQUET") == "parquet"
    assert format_of("a/b") == "file"
    assert format_of("a/b.csv", "text") == "text"
    assert is_tabular("csv")
    assert not is_tabular("pickle")
    with pytest.raises(UsageError, match="no format is called `nope`"):
        get_format("nope")


def test_formats_of_others_come_by_entry_points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib.metadata

    class Shout:
        name, suffix, tabular = "shout", ".shout", False

        def read(self, path: Path, form: Form) -> str:
            return path.read_text().upper()

    class Point:
        def load(self) -> type[Shout]:
            return Shout

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **k: [Point()] if k["name"] == "shout" else [])
    get_format.cache_clear()
    (tmp_path / "v").write_text("quiet")
    assert get_format("shout").read(tmp_path / "v", Form.NATURAL) == "QUIET"
    get_format.cache_clear()


def test_the_schema_of_a_chunk_is_that_of_the_file() -> None:
    schema = pa.schema([("s", pa.timestamp("s")), ("d", pa.date64())])
    assert readback_schema(schema).types == [pa.timestamp("ms"), pa.date32()]


cells = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
texts = st.one_of(st.none(), st.text(max_size=8))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(cells, texts, st.lists(texts, max_size=3)), max_size=30), cut=st.integers(1, 7))
def test_any_rows_come_back_from_any_batches(
    rows: list[tuple[object, ...]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    schema = pa.schema([("n", pa.int64()), ("t", pa.string()), ("l", pa.list_(pa.string()))])
    table = pa.Table.from_pylist([dict(zip("ntl", row, strict=True)) for row in rows], schema)
    path = tmp_path_factory.mktemp("any")
    for name in TABLES:
        one = get_format(name).write(table, path / "one")
        two = get_format(name).write(
            pa.RecordBatchReader.from_batches(schema, table.to_batches(max_chunksize=cut)), path / "two"
        )
        assert one == two
        assert one.values == table_digest(table)
        assert (path / "one").read_bytes() == (path / "two").read_bytes()
        assert get_format(name).read(path / "one", Form.TABLE).equals(table)  # type: ignore[attr-defined]
