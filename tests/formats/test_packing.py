"""Small results come as bytes, large ones as a file; the bytes are the same either way."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ckptflow.errors import ResultError
from ckptflow.formats.packing import SMALL_BYTES, pack, small, unpacked
from ckptflow.formats.registry import get_format

VALUES = {
    "parquet": pa.table({"x": [1, 2, None], "s": ["a", "b", "ü"]}),
    "arrow": pa.table({"x": [1, 2, None], "s": ["a", "b", "ü"]}),
    "json": {"a": [1, 2]},
    "text": "one\ntwo\n",
}


def numbers(rows: int) -> pa.Table:
    return pa.table({"x": pa.array(range(rows), pa.int64())})


@pytest.mark.parametrize("name", VALUES)
def test_what_is_packed_is_what_is_written(name, tmp_path):
    format_ = get_format(name)
    packed = pack(format_, VALUES[name], tmp_path / "packed")
    assert packed.data is not None
    assert not (tmp_path / "packed").exists()
    written = format_.write(VALUES[name], tmp_path / "written")
    assert (tmp_path / "written").read_bytes() == packed.data
    assert written == unpacked(packed, tmp_path / "unpacked")
    assert written.data is None
    assert (tmp_path / "unpacked").read_bytes() == packed.data


@pytest.mark.parametrize("name", ["parquet", "arrow"])
@pytest.mark.parametrize("rows", [SMALL_BYTES // 8 + 1, 131_073])
def test_large_tables_go_to_the_file(name, rows, tmp_path):
    written = pack(get_format(name), numbers(rows), tmp_path / "out")
    assert written.data is None
    assert written.rows == rows
    assert get_format(name).reader(tmp_path / "out").measure().rows == rows


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_a_table_without_rows_is_packed(name, tmp_path):
    packed = pack(get_format(name), numbers(0), tmp_path / "out")
    assert packed.data is not None
    assert unpacked(packed, tmp_path / "out").rows == 0
    assert get_format(name).reader(tmp_path / "out").measure().rows == 0


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_how_rows_are_batched_makes_no_difference(name, tmp_path):
    whole = numbers(200_000)
    batches = (batch for start in range(0, 200_000, 7_001) for batch in whole.slice(start, 7_001).to_batches())
    one, other = (tmp_path / n for n in ("one", "other"))
    assert unpacked(pack(get_format(name), whole, one), one) == unpacked(pack(get_format(name), batches, other), other)
    assert one.read_bytes() == other.read_bytes()


def test_formats_that_cannot_pack_write(tmp_path):
    assert pack(get_format("pickle"), {"a": 1}, tmp_path / "out").data is None
    assert (tmp_path / "out").stat().st_size > 0


def test_a_stream_that_fails_leaves_no_file(tmp_path):
    def broken():
        yield numbers(10)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pack(get_format("parquet"), broken(), tmp_path / "out")
    with pytest.raises(ResultError):
        pack(get_format("json"), {"a": object()}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_small_gives_back_every_batch():
    batches = numbers(30).to_batches(max_chunksize=10)
    is_small, same = small(iter(batches))
    assert (is_small, list(same)) == (False, batches)
    is_small, same = small(iter(batches[:1]))
    assert (is_small, list(same)) == (True, batches[:1])
    large = numbers(SMALL_BYTES).to_batches()
    is_small, same = small(iter(large))
    assert (is_small, list(same)) == (False, large)
