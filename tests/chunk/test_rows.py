"""Tables cut by rows and by bytes: the same whatever the batches, and moved only beside a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.rowhash import row_bytes, row_hashes
from ckptflow.chunk.rows import RowPiece, cut_rows, cut_table_bytes
from ckptflow.chunk.values import blocks_of, table_digest
from ckptflow.spec.model import Cut

Make = Callable[..., pa.Table]


def pieces_of(table: pa.Table, rows: int, cut: Cut = Cut.CONTENT, batch: int = 50_000) -> list[RowPiece]:
    return list(cut_rows(table.to_batches(max_chunksize=batch), table.schema, rows, cut))


def fresh(before: list[RowPiece], after: list[RowPiece]) -> int:
    return len({piece.digest for piece in after} - {piece.digest for piece in before})


def test_pieces_are_the_whole_table_in_order_and_named_by_their_rows(make_rows: Make) -> None:
    table = make_rows(20_000)
    pieces = pieces_of(table, 700)
    assert [p.start for p in pieces] == [0, *(p.stop for p in pieces[:-1])]
    assert pieces[-1].stop == table.num_rows
    for piece in pieces:
        assert piece.digest == table_digest(table.slice(piece.start, piece.stop - piece.start))
        assert 350 <= piece.stop - piece.start <= 1400
        assert piece.bytes > 0


@pytest.mark.parametrize("cut", list(Cut))
def test_batches_do_not_count(make_rows: Make, cut: Cut) -> None:
    table = make_rows(5_000)
    whole = pieces_of(table, 300, cut)
    assert all(pieces_of(table, 300, cut, batch) == whole for batch in (1_000, 37, 299, 301))


def test_fixed_cuts_are_exact(make_rows: Make) -> None:
    sizes = [p.stop - p.start for p in pieces_of(make_rows(2_500), 1_000, Cut.FIXED)]
    assert sizes == [1000, 1000, 500]
    assert [p.stop - p.start for p in pieces_of(make_rows(2_000), 1_000, Cut.FIXED)] == [1000, 1000]


@pytest.mark.parametrize("cut", list(Cut))
def test_one_row_each(make_rows: Make, cut: Cut) -> None:
    assert [(p.start, p.stop) for p in pieces_of(make_rows(5), 1, cut)] == [(i, i + 1) for i in range(5)]


@pytest.mark.parametrize("cut", list(Cut))
def test_a_table_without_rows_is_one_piece(make_rows: Make, cut: Cut) -> None:
    table = make_rows(0)
    nothing = RowPiece(0, 0, table_digest(table), 0)
    assert pieces_of(table, 10, cut) == [nothing]
    assert list(cut_table_bytes([], table.schema, 10, cut)) == [nothing]
    assert list(cut_table_bytes([], table.schema, 10, cut, groups=[])) == [nothing]


def test_a_row_at_the_top_of_200_000_makes_three_pieces_new_at_most(make_rows: Make) -> None:
    table = make_rows(200_000)
    before = pieces_of(table, 1_000)
    assert 170 < len(before) < 240
    after = pieces_of(pa.concat_tables([make_rows(1, seed=9), table]), 1_000)
    assert 1 <= fresh(before, after) <= 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 4_999), st.sampled_from(["insert", "delete", "change"]))
def test_changes_stay_where_they_are(seed: int, at: int, change: str) -> None:
    rng = np.random.default_rng(seed)
    table = pa.table({"a": rng.integers(0, 10**9, 5_000), "b": rng.normal(size=5_000)})
    row = pa.table({"a": rng.integers(0, 10**9, 1), "b": rng.normal(size=1)})
    kept = table.slice(at if change == "insert" else at + 1)
    parts = [table.slice(0, at), kept] if change == "delete" else [table.slice(0, at), row, kept]
    before, after = pieces_of(table, 50), pieces_of(pa.concat_tables(parts), 50)
    assert fresh(before, after) <= 3 + (change == "change")


@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_few_distinct_rows_are_cut_well_too(distinct: int) -> None:
    values = np.random.default_rng(3).integers(0, distinct, 30_000)
    pieces = pieces_of(pa.table({"a": values}), 1_000)
    sizes = [p.stop - p.start for p in pieces]
    assert min(sizes) >= 500 and max(sizes) <= 2_000
    longer = pieces_of(pa.table({"a": np.append(values, values[:300])}), 1_000)
    assert fresh(pieces, longer) <= 3
    if distinct > 1:
        inserted = pieces_of(pa.table({"a": np.insert(values, 10_000, 1 - values[10_000] % 2)}), 1_000)
        assert fresh(pieces, inserted) <= 6


def test_memory_is_bounded_by_a_few_pieces(make_rows: Make) -> None:
    table = make_rows(100_000)
    given_rows = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal given_rows
        for batch in table.to_batches(max_chunksize=500):
            given_rows += batch.num_rows
            yield batch

    waiting = [given_rows - piece.stop for piece in cut_rows(batches(), table.schema, 1_000, Cut.CONTENT)]
    assert max(waiting) <= 6_000


def test_bytes_decide_sizes(make_rows: Make) -> None:
    table = make_rows(20_000)
    pieces = list(cut_table_bytes(table.to_batches(), table.schema, 20_000, Cut.CONTENT))
    assert all(p.digest == table_digest(table.slice(p.start, p.stop - p.start)) for p in pieces)
    assert pieces[-1].stop == table.num_rows
    assert all(9_900 <= p.bytes <= 40_100 for p in pieces)
    again = list(cut_table_bytes(table.to_batches(max_chunksize=333), table.schema, 20_000, Cut.CONTENT))
    assert again == pieces
    fixed = list(cut_table_bytes(table.to_batches(), table.schema, 20_000, Cut.FIXED))
    assert all(19_900 <= p.bytes <= 20_000 for p in fixed[:-1])


@pytest.mark.parametrize("cut", list(Cut))
def test_row_groups_stay_whole(make_rows: Make, cut: Cut) -> None:
    table = make_rows(10_000)
    groups = [(start, min(start + 130, 10_000)) for start in range(0, 10_000, 130)]
    pieces = list(cut_table_bytes(table.to_batches(max_chunksize=777), table.schema, 30_000, cut, groups=groups))
    assert {p.start for p in pieces} <= {start for start, _ in groups}
    assert [p.stop for p in pieces] == [*(p.start for p in pieces[1:]), 10_000]
    assert len(pieces) > 5
    assert all(p.digest == table_digest(table.slice(p.start, p.stop - p.start)) for p in pieces)


def test_a_row_group_more_moves_little(make_rows: Make) -> None:
    table, extra = make_rows(30_000), make_rows(100, seed=5)
    groups = [(start, start + 100) for start in range(0, 30_000, 100)]
    longer = pa.concat_tables([table.slice(0, 5_000), extra, table.slice(5_000)])
    before = list(cut_table_bytes(table.to_batches(), table.schema, 40_000, Cut.CONTENT, groups=groups))
    after = list(
        cut_table_bytes(longer.to_batches(), table.schema, 40_000, Cut.CONTENT, groups=[*groups, (30_000, 30_100)])
    )
    assert 1 <= fresh(before, after) <= 3


NESTED = pa.table(
    {
        "l": pa.array([[1, 2], None, [], [1, 3], [4, 2]], pa.list_(pa.int64())),
        "s": pa.array([{"x": "a"}, {"x": None}, None, {"x": "b"}, {"x": "a"}]),
        "f": pa.array([[1.0, 2.0], [1.0, 3.0], None, [0.0, 2.0], [1.0, 2.0]], pa.list_(pa.float32(), 2)),
        "b": pa.array([b"abc", b"abd", None, b"abc", b"abc"], pa.binary(3)),
        "d": pa.array([1, None, 3, 4, 5], pa.decimal128(30, 2)),
        "n": pa.nulls(5),
    }
)


@pytest.mark.parametrize("name", NESTED.schema.names[:-1])
def test_hashes_of_rows_see_every_kind_of_column(name: str) -> None:
    (block,) = blocks_of(NESTED.select([name]).combine_chunks())
    cells = [str(cell) for cell in NESTED[name].to_pylist()]
    assert len(set(row_hashes(block).tolist())) == len(set(cells))


def test_hashes_and_sizes_of_rows_are_of_the_row_alone() -> None:
    (block,) = blocks_of(NESTED.combine_chunks())
    alone = [blocks_of(NESTED.slice(row, 1).combine_chunks())[0] for row in range(5)]
    assert row_hashes(block).tolist() == [row_hashes(one)[0] for one in alone]
    assert row_bytes(block).tolist() == [row_bytes(one)[0] for one in alone]
    assert row_bytes(block)[0] == (4 + 16) + (4 + 1) + 8 + 3 + 16


def test_cuts_are_the_same_for_ever() -> None:
    (block,) = blocks_of(NESTED.combine_chunks())
    assert [int(value) >> 48 for value in row_hashes(block)] == [14801, 20575, 45442, 26425, 47669]
    table = pa.table({"a": range(4000), "b": [f"name-{number}" for number in range(4000)]})
    assert [piece.start for piece in pieces_of(table, 700)] == [0, 611, 1605, 2147, 2813, 3224]
