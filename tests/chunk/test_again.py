"""A table that is cut again is cut as if it never had been, whatever became of it; and little of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.again import Former, cut_again
from ckptflow.chunk.rows import RowPiece, cut_rows
from ckptflow.chunk.values import table_digest
from ckptflow.spec.model import Cut

Make = Callable[..., pa.Table]
Random = np.random.Generator


class Stored:
    """A table in groups, and a count of the rows that were read of it."""

    def __init__(self, groups: list[pa.Table]) -> None:
        self.groups = groups
        self.table = pa.concat_tables(groups)
        self.named = [(str(table_digest(group)), group.num_rows) for group in groups]
        self.read = 0

    def batches_from(self, row: int) -> Iterator[pa.RecordBatch]:
        for batch in self.table.slice(row).to_batches(max_chunksize=97):
            self.read += batch.num_rows
            yield batch

    def cut(self, rows: int, cut: Cut = Cut.CONTENT, former: Former = Former()) -> Former:  # noqa: B008 - frozen
        self.read = 0
        pieces = cut_again(self.batches_from, self.table.schema, rows, cut, self.named, former)
        return Former(tuple(self.named), tuple(pieces))

    def afresh(self, rows: int, cut: Cut = Cut.CONTENT) -> tuple[RowPiece, ...]:
        return tuple(cut_rows(self.table.to_batches(), self.table.schema, rows, cut))


def some_rows(rng: Random, count: int, distinct: int) -> pa.Table:
    words = pa.array([f"b{v}" for v in rng.integers(0, distinct, count)], pa.string())
    return pa.table({"a": rng.integers(0, distinct, count), "b": words})


def split(rng: Random, table: pa.Table, most: int) -> list[pa.Table]:
    groups, at = [], 0
    while at < table.num_rows:
        size = int(rng.integers(0, most + 1))
        groups.append(table.slice(at, size))
        at += size
    return groups or [table]


def changed(rng: Random, groups: list[pa.Table], distinct: int, most: int) -> list[pa.Table]:
    """Return the groups after some changes of rows, or of groups as a whole."""
    groups = list(groups)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(groups)))
        group = groups[at]
        row = int(rng.integers(0, group.num_rows + 1))
        extra = some_rows(rng, int(rng.integers(1, 40)), distinct)
        match rng.integers(0, 9):
            case 0:
                groups[at] = pa.concat_tables([group.slice(0, row), extra, group.slice(row)])
            case 1:
                groups[at] = pa.concat_tables([group.slice(0, row), group.slice(row + int(rng.integers(1, 30)))])
            case 2:
                groups[at] = pa.concat_tables([group.slice(0, row), extra.slice(0, 1), group.slice(row + 1)])
            case 3:
                groups.append(extra)
            case 4:
                groups.insert(0, extra)
            case 5:
                groups = groups[at:] or groups
            case 6:
                groups = groups[: at + 1]
            case 7:
                groups.insert(at, groups[int(rng.integers(0, len(groups)))])
            case _:
                groups = split(rng, pa.concat_tables(groups), most)
    return groups


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 100, 3_000, 12_000]),
    st.sampled_from([1, 3, 40, 10**6]),
    st.sampled_from([30, 400, 4_000]),
    st.sampled_from([1, 2, 5, 63, 64, 130, 300, 1_100]),
    st.sampled_from(list(Cut)),
)
def test_it_is_cut_as_from_nothing(seed: int, count: int, distinct: int, most: int, target: int, cut: Cut) -> None:
    rng = np.random.default_rng(seed)
    stored = Stored(split(rng, some_rows(rng, min(count, 100 * target), distinct), most))
    former = stored.cut(target, cut)
    assert former.pieces == stored.afresh(target, cut)
    for _ in range(3):
        stored = Stored(changed(rng, stored.groups, distinct, most))
        former = stored.cut(target, cut, former)
        assert former.pieces == stored.afresh(target, cut)


@pytest.mark.parametrize("cut", list(Cut))
def test_the_same_groups_are_not_read(make_rows: Make, cut: Cut) -> None:
    stored = Stored(split(np.random.default_rng(1), make_rows(20_000), 3_000))
    former = stored.cut(500, cut)
    assert stored.read == 20_000
    assert stored.cut(500, cut, former) == former and not stored.read


def test_what_is_read_is_what_lies_around_a_change(make_rows: Make) -> None:
    groups = [make_rows(10_000, seed) for seed in range(10)]
    former = Stored(groups).cut(500)
    row = make_rows(1, 99)
    inserted = Stored([*groups[:4], groups[4].slice(0, 5_000), row, groups[4].slice(5_000), *groups[5:]])
    assert inserted.cut(500, former=former).pieces == inserted.afresh(500)
    assert 10_001 < inserted.read < 14_000
    appended = Stored([*groups, row])
    assert appended.cut(500, former=former).pieces == appended.afresh(500)
    assert appended.read < 2_500
    assert appended.cut(500, Cut.FIXED, Stored(groups).cut(500, Cut.FIXED)).pieces[-1].stop == 100_001
    assert appended.read < 1_002
    ahead = Stored([row, *groups])
    assert ahead.cut(500, former=former).pieces == ahead.afresh(500)
    assert ahead.read < 3_000


def test_a_cut_is_remembered_whole_or_not_at_all(make_rows: Make) -> None:
    former = Stored([make_rows(3_000), make_rows(9).slice(9), make_rows(2_000, 1)]).cut(100)
    data = former.encode("a way")
    assert Former.decode(data, "a way") == former
    for other in (b"", data[:-1], data[:100], data.replace(b"3000", b"3001")):
        with pytest.raises(ValueError, match="not a cut"):
            Former.decode(other, "a way")
    with pytest.raises(ValueError, match="another way"):
        Former.decode(data, "another")
