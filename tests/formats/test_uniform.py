"""Records that are all alike make the same table batch by batch; others are told apart, however late they differ."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ckptflow.formats import faithful, mappings, uniform
from ckptflow.formats.mappings import from_table, to_table
from ckptflow.formats.uniform import BLOCK, NotUniform, to_batches
from tests.formats.test_mappings import exact

BATCH_ROWS = 4 * BLOCK


def whole(value) -> pa.Table:
    schema, batches = to_batches(value)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:  # at once: the memory of a batch is used again
        for batch in batches:
            stream.write_batch(batch)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def made(count: int, **last):
    """Records with a field of each kind; the last record has other values for some."""
    rows = {
        f"k{n}": {"float": n / 3, "whole": n, "flag": n % 3 == 0, "text": str(n), "bytes": b"%d" % n, "more": -n / 7}
        for n in range(count)
    }
    rows[f"k{count - 1}"].update(last)
    return rows


def numbers(count: int, **last):
    """As `made`, with numbers alone."""
    return {
        key: {k: v for k, v in row.items() if k not in ("text", "bytes")} for key, row in made(count, **last).items()
    }


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch) -> None:
    monkeypatch.setattr(uniform, "BATCH_ROWS", BATCH_ROWS)


SIZES = [1, BLOCK - 1, BLOCK, BLOCK + 1, BATCH_ROWS, 3 * BATCH_ROWS + BLOCK + 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [made, numbers])
def test_the_table_is_that_of_all_at_once(make, size) -> None:
    value = make(size)
    table = whole(value)
    assert table.equals(to_table(value), check_metadata=True)
    assert exact(from_table(table)) == exact(value)


@pytest.mark.parametrize(
    "last",
    [
        {"float": None},
        {"whole": None},
        {"flag": None},
        {"whole": 2**62},
        {"whole": -(2**31) - 1},
        {"float": float("nan")},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [BLOCK + 3, BATCH_ROWS + 3 * BLOCK])
def test_what_is_missing_or_large_stays_uniform(last, size) -> None:
    value = numbers(size, **last)
    assert exact(from_table(whole(value))) == exact(value)


@pytest.mark.parametrize(
    "last",
    [{"float": 1}, {"whole": 1.0}, {"whole": True}, {"flag": 1}, {"float": "x"}, {"new": 1.0}, {"whole": 2**63}],
    ids=str,
)
@pytest.mark.parametrize("size", [2, BLOCK + 3, BATCH_ROWS + BLOCK])
def test_a_last_one_that_differs_is_told_apart_and_kept_all_the_same(last, size, tmp_path) -> None:
    value = numbers(size, **last)
    with pytest.raises(NotUniform):
        whole(value)
    paths = {}
    kind = faithful.write(value, lambda kind: paths.setdefault(kind, tmp_path / kind))
    assert exact(faithful.read(kind, paths[kind])) == exact(value)
    assert [path.name for path in tmp_path.iterdir()] == [kind]
    assert kind == ("pickle" if 2**63 in last.values() else "records")


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}},
        {"a": {1: 1}, "b": {True: 1}},
        {"a": {"x": 1}, "b": {}},
        {"a": {"x": 1}, 2: {"x": 1}},
        {("a", 1): {"x": 1}},
        {"a": {"x": None}},
        {"a": {"\ud800": 1}},
        {"a": {}},
        {"a": 1},
        {},
        [],
    ],
    ids=repr,
)
def test_others(value) -> None:
    with pytest.raises(NotUniform):
        whole(value)


def test_a_file_of_records(tmp_path) -> None:
    """Every tool reads it: plain columns, whose names are those of the keys; one row group here."""
    value = numbers(BATCH_ROWS)
    assert faithful.write(value, lambda kind: tmp_path / "x.parquet") == "records"
    file = pq.ParquetFile(tmp_path / "x.parquet")
    assert file.schema_arrow.names == ["key", "float", "whole", "flag", "more"] and file.num_row_groups == 1
    assert file.read(["whole"])["whole"].to_pylist() == list(range(BATCH_ROWS))
    first = (tmp_path / "x.parquet").read_bytes()
    faithful.write(value, lambda kind: tmp_path / "y.parquet")
    assert (tmp_path / "y.parquet").read_bytes() == first


def test_a_disk_that_fails_is_no_other_shape(tmp_path) -> None:
    with pytest.raises(OSError, match="irectory"):
        faithful.write(numbers(3), lambda kind: tmp_path / "none" / "x.parquet")


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__doc__", "None", "a b", "", "é", "e\u0301", "__x"])
def test_keys_that_mean_something_elsewhere(name) -> None:
    value = {"a": {name: 1.5, "x": 2}, "b": {name: 2.5, "x": 3}}
    again = from_table(to_table(value))
    assert exact(again) == exact(value)
    again["a"].update(y=1)
    del again["a"][name]
    assert again == {"a": {"x": 2, "y": 1}, "b": value["b"]}


@pytest.mark.parametrize("width", [mappings._MOST_SHARED, mappings._MOST_SHARED + 1, 300])
def test_many_keys_come_back_in_order(width) -> None:
    value = {n: {f"f{i}": float(i * n) for i in reversed(range(width))} for n in range(5)}
    assert exact(from_table(whole(value))) == exact(value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_a_disk_that_is_full_is_told_of_from_the_other_thread(tmp_path) -> None:
    (tmp_path / "x.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        faithful.write(numbers(3 * BATCH_ROWS), lambda kind: tmp_path / "x.parquet")
