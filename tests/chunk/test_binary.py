"""Bytes of no known structure: sizes, blocks, locality."""

from __future__ import annotations

import numpy as np
import pytest

from ckptflow.chunk.binary import BytePiece, cut_binary
from ckptflow.ids import digest
from ckptflow.spec.model import Cut

DATA = np.random.default_rng(0).bytes(300_000)


def cut(data: bytes, size: int, how: Cut = Cut.CONTENT, block: int = 1 << 16) -> list[BytePiece]:
    return list(cut_binary([data[i : i + block] for i in range(0, len(data), block)], size, how))


@pytest.mark.parametrize("size", [5_000, 100])
def test_pieces_are_the_bytes_in_order(size: int) -> None:
    data = DATA[: 60 * size]
    pieces = cut(data, size)
    assert pieces[0].start == 0 and pieces[-1].stop == len(data)
    assert [p.stop for p in pieces[:-1]] == [p.start for p in pieces[1:]]
    assert all(size / 2 <= p.stop - p.start <= 2 * size for p in pieces)
    assert all(p.digest == digest(data[p.start : p.stop]) for p in pieces)


@pytest.mark.parametrize("how", list(Cut))
def test_blocks_do_not_count(how: Cut) -> None:
    whole = cut(DATA[:20_000], 700, how)
    assert all(cut(DATA[:20_000], 700, how, block) == whole for block in (1, 7, 8, 9, 699))


@pytest.mark.parametrize("at", [0, 1, 150_001, 299_999])
def test_an_inserted_byte_makes_few_pieces_new(at: int) -> None:
    before = {p.digest for p in cut(DATA, 2_000)}
    after = {p.digest for p in cut(DATA[:at] + b"!" + DATA[at:], 2_000)}
    assert 1 <= len(after - before) <= 3


def test_fixed_cuts_are_exact() -> None:
    assert [p.stop - p.start for p in cut(DATA[:2_500], 1_000, Cut.FIXED)] == [1000, 1000, 500]
    assert [p.stop - p.start for p in cut(DATA[:2_000], 1_000, Cut.FIXED)] == [1000, 1000]


def test_runs_of_one_value() -> None:
    sizes = [p.stop - p.start for p in cut(bytes(100_000), 3_000)]
    assert min(sizes) >= 1_500 and max(sizes) <= 6_000


@pytest.mark.parametrize("how", list(Cut))
def test_no_bytes_are_one_empty_piece(how: Cut) -> None:
    assert cut(b"", 10, how) == [BytePiece(0, 0, digest(b""))]
    assert [(p.start, p.stop) for p in cut(b"abc", 10, how)] == [(0, 3)]
