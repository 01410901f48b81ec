"""Tables of several files: streamed in bounded memory, entered anywhere, no group decoded more often than needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import DepUnreadable
from ckptflow.formats.normal import BATCH_ROWS, rebatch, unify, unique_names
from ckptflow.formats.parquet import ParquetReader
from ckptflow.formats.parts import PartShape
from ckptflow.formats.tables import Shape, TableFile, TableSource, measure, open_table
from ckptflow.ids import digest


def files(*paths: Path) -> list[TableFile]:
    return [TableFile(p.name, "parquet", lambda p=p: p) for p in paths]  # type: ignore[misc]


def written(tmp_path: Path, rows: int = 10_000, group: int = 1000) -> tuple[pa.Table, list[TableFile]]:
    table = pa.table({"a": range(rows), "b": [str(i) for i in range(rows)]})
    half = rows // 2
    pq.write_table(table.slice(0, half), tmp_path / "0", row_group_size=group)
    pq.write_table(table.slice(half), tmp_path / "1", row_group_size=group)
    return table, files(tmp_path / "0", tmp_path / "1")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows decoded so far, one entry a batch."""
    counts: list[int] = []
    stream = ParquetReader.stream

    def counted(self: ParquetReader, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for batch in stream(self, shape, group, schema):
            counts.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(ParquetReader, "stream", counted)
    return counts


@pytest.mark.parametrize("cache_bytes", [0, 30_000, 1 << 30])
def test_neighbours_are_decoded_once(cache_bytes: int, tmp_path: Path, decoded: list[int]) -> None:
    table, parts = written(tmp_path)
    source = open_table(parts, cache_bytes=cache_bytes)
    pieces = [source.read_rows(start, min(start + 70, 10_000)) for start in range(0, 10_000, 70)]
    assert pa.concat_tables(pieces).combine_chunks().equals(table.combine_chunks())
    assert sum(decoded) == 10_000


def test_kept_groups_are_bounded(tmp_path: Path, decoded: list[int]) -> None:
    _, parts = written(tmp_path)
    source = open_table(parts, cache_bytes=60_000)
    for start in range(0, 10_000, 1000):
        source.read_rows(start, start + 10)
    assert source._kept_bytes <= 60_000
    before = sum(decoded)
    source.read_rows(9000, 9010)
    assert sum(decoded) == before
    source.read_rows(0, 10)
    assert sum(decoded) == before + 1000


@given(start=st.integers(0, 4000), length=st.integers(0, 4000), cache=st.sampled_from([0, 20_000, 1 << 30]))
def test_any_range(start: int, length: int, cache: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    table, parts = written(tmp_path_factory.mktemp("t"), 4000, 300)
    source = open_table(parts, cache_bytes=cache)
    stop = min(4000, start + length)
    found = source.read_rows(start, stop)
    assert found.equals(table.slice(start, stop - start))
    with pytest.raises(IndexError):
        source.read_rows(start, 4001)


def test_batches_do_not_show_row_groups(tmp_path: Path) -> None:
    table = pa.table({"a": np.arange(200_000)})
    sizes = []
    for group in (1000, 70_000, 200_000):
        pq.write_table(table, tmp_path / "t", row_group_size=group)
        sizes.append([b.num_rows for b in open_table(files(tmp_path / "t")).batches()])
    assert sizes == [[BATCH_ROWS, BATCH_ROWS, BATCH_ROWS, 200_000 - 3 * BATCH_ROWS]] * 3


def test_streaming_holds_some_batches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(tmp_path / "t", pa.schema([("x", pa.float64())])) as writer:
        for _ in range(40):
            writer.write_table(pa.table({"x": rng.random(100_000)}))
    source = open_table(files(tmp_path / "t"))
    base, peak, rows = pa.total_allocated_bytes(), 0, 0
    for batch in source.batches():
        rows += batch.num_rows
        peak = max(peak, pa.total_allocated_bytes() - base)
    assert rows == source.num_rows == 4_000_000
    assert peak < 8_000_000


def test_columns_that_are_not_asked_for_are_not_decoded(tmp_path: Path) -> None:
    _, parts = written(tmp_path)
    schemas = {str(b.schema.names) for b in open_table(parts, columns=("b",)).batches()}
    assert schemas == {"['b']"}
    reordered = open_table(parts, columns=("b", "a", "b"))
    assert reordered.to_table().schema.names == ["b", "a"]
    with pytest.raises(DepUnreadable, match="no column `c`"):
        open_table(parts, columns=("c",))


def test_odd_column_names(tmp_path: Path) -> None:
    table = pa.table({"a.b": [1], "a": pa.array([{"b": 2}]), "c": [3]})
    pq.write_table(table, tmp_path / "t")
    for name in ("a.b", "a", "c"):
        assert open_table(files(tmp_path / "t"), columns=(name,)).to_table().equals(table.select([name]))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(twice, tmp_path / "u")
    assert open_table(files(tmp_path / "u"), columns=("x_1",)).to_table().to_pylist() == [{"x_1": 2}]


def test_files_of_one_table_are_unified(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.nulls(1), "b": pa.array([1], pa.int32())}), tmp_path / "0")
    pq.write_table(pa.table({"a": ["x"], "b": [1.5]}), tmp_path / "1")
    table = open_table(files(tmp_path / "0", tmp_path / "1")).to_table()
    assert table.to_pylist() == [{"a": None, "b": 1.0}, {"a": "x", "b": 1.5}]
    pq.write_table(pa.table({"a": [1], "b": [1]}), tmp_path / "2")
    with pytest.raises(DepUnreadable, match="column `a` is int64"):
        measure(files(tmp_path / "1", tmp_path / "2"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "3")
    with pytest.raises(DepUnreadable, match="column `b` is only in one"):
        measure(files(tmp_path / "2", tmp_path / "3"))


def test_numbers_that_do_not_fit_are_not_rounded(tmp_path: Path) -> None:
    pq.write_table(pa.table({"b": [2**53 + 1]}), tmp_path / "0")
    pq.write_table(pa.table({"b": [1.5]}), tmp_path / "1")
    with pytest.raises(DepUnreadable):
        open_table(files(tmp_path / "0", tmp_path / "1")).to_table()


def test_an_exchanged_file_is_noticed(tmp_path: Path) -> None:
    _, parts = written(tmp_path)
    shape = measure(parts)
    pq.write_table(pa.table({"a": range(10), "b": ["x"] * 10}), tmp_path / "0")
    with pytest.raises(DepUnreadable):
        open_table(parts, shape=shape).read_rows(0, 100)


def test_shapes_survive_their_encoding(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.nulls(1), "b": pa.array([1], pa.int32())}), tmp_path / "0")
    pq.write_table(pa.table({"a": ["x"], "b": [1.5]}), tmp_path / "1")
    shape = measure(files(tmp_path / "0", tmp_path / "1"))
    assert Shape.decode(shape.encode()) == shape
    with pytest.raises(ValueError, match="shape"):
        Shape.decode(shape.encode()[:-1])


def test_views_of_a_table(tmp_path: Path) -> None:
    table, parts = written(tmp_path)
    source = open_table(parts)
    assert isinstance(source, TableSource)
    assert [p.num_rows for p in source.parts()] == [5000, 5000]
    assert [(g.start, g.stop) for g in source.row_groups][:2] == [(0, 1000), (1000, 2000)]
    assert source.select(["b"]).read_rows(4999, 5001).to_pylist() == [{"b": "4999"}, {"b": "5000"}]
    assert next(source.batches(["a"])).schema.names == ["a"]
    assert source.to_table().equals(table.combine_chunks())


@given(st.lists(st.sampled_from(["a", "a_1", "a_1_1", "b", ""]), max_size=8))
def test_unique_names_are_unique_and_keep_the_first(names: list[str]) -> None:
    unique = unique_names(names)
    assert len(set(unique)) == len(names)
    assert all(unique[names.index(n)] == n for n in names)


@given(st.lists(st.integers(0, 10), max_size=20), st.integers(1, 9))
def test_rebatching_keeps_rows(sizes: list[int], rows: int) -> None:
    schema = pa.schema([("n", pa.int64())])
    numbers = iter(range(1000))
    batches = [pa.record_batch([pa.array([next(numbers) for _ in range(n)], pa.int64())], schema=schema) for n in sizes]
    result = list(rebatch(batches, schema, rows))
    assert [v for b in result for v in b["n"].to_pylist()] == list(range(sum(sizes)))
    assert all(b.num_rows == rows for b in result[:-1])
    assert all(0 < b.num_rows <= rows for b in result)


def test_unify_takes_the_nullable_side() -> None:
    one, other = (pa.schema([pa.field("a", pa.int64(), nullable=n)]) for n in (True, False))
    assert unify([("1", other), ("2", one)]).field("a").nullable


def names_of(path: Path, table: pa.Table, columns: tuple[str, ...] | None = None, **how: object) -> list[str]:
    pq.write_table(table, path, **how)
    named = open_table(files(path), columns=columns).named_groups()
    assert named is not None and [rows for _, rows in named] == [
        group.stop - group.start for group in open_table(files(path)).row_groups
    ]
    return [name for name, _ in named]


def test_groups_are_named_by_what_is_stored(tmp_path: Path, decoded: list[int]) -> None:
    path = tmp_path / "t"
    table = pa.table({"a": range(500), "b.c": [str(i % 7) for i in range(500)], "d": [{"e": i} for i in range(500)]})
    before = names_of(path, table, row_group_size=100)
    assert len(set(before)) == 5
    moved = pa.concat_tables([table.slice(0, 100), table.slice(0, 50), table.slice(100)])
    with pq.ParquetWriter(path, table.schema) as writer:
        for start, stop in ((0, 100), (100, 150), (150, 250), (250, 350), (350, 450), (450, 550)):
            writer.write_table(moved.slice(start, stop - start))
    after = [name for name, _ in open_table(files(path)).named_groups() or ()]
    assert [after[0], *after[2:]] == before
    assert after[1] not in before
    for other in (
        table.set_column(0, "a", pa.array([*range(99), -1, *range(100, 500)])),
        table.rename_columns(["A", "b.c", "d"]),
        table.set_column(0, "a", table["a"].cast(pa.uint64())),
        table.set_column(
            2, "d", pa.array([{"e": i} for i in range(500)], pa.struct([pa.field("e", pa.int64(), False)]))
        ),
    ):
        assert names_of(path, other, row_group_size=100)[0] != before[0]
    assert names_of(path, table, row_group_size=100, compression="gzip")[0] != before[0]
    assert names_of(path, table, row_group_size=100, use_dictionary=False)[0] != before[0]
    assert not decoded


def test_columns_that_are_not_read_do_not_count_in_names(tmp_path: Path) -> None:
    table = pa.table({"a": range(50), "b": [{"c": i, "d": str(i)} for i in range(50)]})
    other = table.set_column(0, "a", pa.array(range(50, 100)))
    assert names_of(tmp_path / "t", table, ("b",)) == names_of(tmp_path / "t", other, ("b",))
    assert names_of(tmp_path / "t", table, ("a",)) != names_of(tmp_path / "t", other, ("a",))


def test_rows_can_be_read_from_any_one_on(tmp_path: Path, decoded: list[int]) -> None:
    table, parts = written(tmp_path)
    source = open_table(parts)
    for row in (0, 999, 1000, 4_321, 9_999, 10_000):
        decoded.clear()
        batches = list(source.batches_from(row))
        assert pa.Table.from_batches(batches, source.schema).equals(table.slice(row))
        assert sum(decoded) <= 10_000 - row // 1000 * 1000 + 1000 * (row == 10_000)


def test_files_whose_content_is_known_are_not_opened_for_names(tmp_path: Path) -> None:
    _, parts = written(tmp_path)
    shape = measure(parts)

    def closed() -> Path:
        raise AssertionError("opened")

    named = open_table([TableFile(p.name, p.format, closed, digest(p.name.encode())) for p in parts], shape=shape)
    assert len(dict(named.named_groups() or ())) == 10
    text = tmp_path / "t.csv"
    text.write_text("a\n1\n")
    assert open_table([TableFile("t", "csv", lambda: text)]).named_groups() is None
