"""Tables come back with their library, index, types and values; what Parquet would change is pickled."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import polars.testing.parametric as plst
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.formats import faithful

settings.register_profile("repeatable", settings.get_profile("unhurried"), derandomize=True)
settings.load_profile("repeatable")


def kept(value, folder):
    """Return the kind under which `value` was kept, and what came back."""
    paths = {}
    kind = faithful.write(value, lambda kind: paths.setdefault(kind, folder / f"value{faithful.suffix_of(kind)}"))
    again = faithful.read(kind, paths[kind])
    assert type(again) is type(value)
    for path in paths.values():
        path.unlink(missing_ok=True)
    return kind, again


TABLES = [
    pa.table({"a": pa.array([1, None], pa.int8()), "b": pa.array(["x", "y"]).dictionary_encode()}),
    pa.table({"t": pa.array([1, None], pa.timestamp("s", "UTC")), "d": pa.array([1, 2], pa.duration("s"))}),
    pa.table({"l": [[1], []], "s": [{"x": 1}, None], "a.b": [1.5, 2.5]}),
    pa.table(
        {"u": pa.array([1], pa.uint32()), "h": pa.array([1.5], pa.float16()), "v": pa.array(["x"], pa.string_view())}
    ),
    pa.table({"f": [float("nan"), -0.0, None]}).replace_schema_metadata({"by": "me"}),
    pa.table({"e": pa.array([], pa.large_list(pa.date32()))}),
]


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_arrow(table, tmp_path) -> None:
    kind, again = kept(table, tmp_path)
    assert kind == "arrow" and again.schema.equals(table.schema, check_metadata=True)
    assert str(again.to_pydict()) == str(table.to_pydict())
    batch = table.combine_chunks().to_batches()[0] if table.num_rows else None
    if batch is not None:
        assert kept(batch, tmp_path)[1].schema == batch.schema


def test_what_parquet_cannot_hold_is_pickled(tmp_path) -> None:
    for table in (
        pa.table({}),
        pa.table({"m": pa.array([], pa.month_day_nano_interval())}),
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
    ):
        kind, again = kept(table, tmp_path)
        assert kind == "pickle" and again.equals(table)


FRAMES = {
    "plain": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "levels": pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, "a")], names=["x", None])),
    "mixed": pd.DataFrame({"o": [1, 2.5]}, dtype=object),
    "categories": pd.DataFrame({"c": pd.Categorical(["a", "b"], categories=["b", "a", "z"], ordered=True)}),
    "numbers as names": pd.DataFrame({0: [1], 1: [2]}),
    "two of one name": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "dicts": pd.DataFrame({"d": [{"a": 1}, {"b": 2}]}),
    "lists": pd.DataFrame({"l": [[1], [2]]}),
    "nullable": pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}),
    "periods": pd.DataFrame({"p": pd.period_range("2020", periods=2)}),
    "zone": pd.DataFrame({"a": [1, 2, 3]}, index=pd.date_range("2020", periods=3, tz="Europe/Berlin")),
    "empty": pd.DataFrame(),
    "complex": pd.DataFrame({"c": [1 + 2j]}),
    "columns in levels": pd.DataFrame(np.zeros((2, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "decimals": pd.DataFrame({"t": [dt.time(1, 2), None]}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_pandas(name, tmp_path) -> None:
    frame = FRAMES[name]
    kind, again = kept(frame, tmp_path)
    pd.testing.assert_frame_equal(again, frame, check_exact=True)
    assert kind == ("pandas" if name in ("plain", "levels", "categories", "nullable") else kind)


def test_attributes_of_a_frame_are_kept(tmp_path) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = "here"
    assert kept(frame, tmp_path)[1].attrs == {"source": "here"}


@given(frame=plst.dataframes(max_cols=4, max_size=8, allow_null=True, excluded_dtypes=[pl.Object, pl.Unknown]))
@settings(max_examples=60)
def test_polars(frame, tmp_path_factory) -> None:
    kind, again = kept(frame, tmp_path_factory.getbasetemp())
    assert kind in ("polars", "pickle")
    assert again.schema == frame.schema and again.equals(frame, null_equal=True)


@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=9),
    st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"))), max_size=9),
)
def test_arrow_values(numbers, texts) -> None:
    import tempfile
    from pathlib import Path

    rows = min(len(numbers), len(texts))
    table = pa.table({"n": pa.array(numbers[:rows], pa.int64()), "t": pa.array(texts[:rows], pa.string())})
    with tempfile.TemporaryDirectory() as folder:
        kind, again = kept(table, Path(folder))
    assert kind == "arrow" and again.equals(table, check_metadata=True)
