"""Packed lists give back what was put into them, one by one and as JSON."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.chunk.model import AtBytes, AtColumns, AtFiles, AtPart, AtRows, AtSlot, Part, Piece, Whole
from ckptflow.chunk.packed import Keys, Parts, Pieces
from ckptflow.ids import ChunkKey, digest

SIZES = st.integers(0, 2**50)
NUMBERS = st.none() | SIZES
DIGESTS = st.integers(0, 50).map(lambda n: digest(b"%d" % n))
PARTS = st.builds(Part, DIGESTS, SIZES, DIGESTS, NUMBERS, st.booleans())
NAMES = st.text(max_size=3)
WHERE = st.one_of(
    st.builds(AtRows, SIZES, SIZES),
    st.builds(AtBytes, SIZES, SIZES),
    st.builds(AtSlot, st.sampled_from(["a", "b"]), SIZES),
    st.builds(AtFiles, st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(AtPart, PARTS),
    st.builds(AtColumns, PARTS),
    st.just(Whole()),
)
KINDS = [st.builds(AtRows, SIZES, SIZES), st.builds(AtSlot, st.just("a"), SIZES), WHERE]


@given(st.lists(PARTS))
def test_parts(parts):
    packed = Parts(parts)
    assert list(packed) == parts and packed == tuple(parts) and tuple(parts) == tuple(packed)
    assert packed[1:] == parts[1:] and packed[::-1] == parts[::-1]
    assert pickle.loads(pickle.dumps(packed)) == packed
    blank = Parts.blank(len(parts))
    for index in reversed(range(len(parts))):
        blank[index] = parts[index]
    assert blank == packed
    if parts:
        assert packed[-1] == parts[-1]
        assert packed != parts[:-1] and packed != [*parts[:-1], parts[-1].object]
    with pytest.raises(IndexError):
        packed[len(parts)]


@given(st.sampled_from(KINDS).flatmap(lambda where: st.lists(st.builds(Piece, DIGESTS, where, NUMBERS, NUMBERS))))
def test_pieces(pieces):
    packed = Pieces(pieces)
    assert list(packed) == pieces and packed == tuple(pieces)
    assert [packed.digest(i) for i in range(len(pieces))] == [piece.digest for piece in pieces]
    assert packed[1:] == pieces[1:]
    begun = 0
    for index, piece in enumerate(pieces):
        assert packed.span(index) == (begun, begun := begun + (piece.rows or 0))
    assert Pieces.from_json(json.loads(json.dumps(packed.to_json()))) == pieces
    assert pickle.loads(pickle.dumps(packed)) == packed
    with pytest.raises(IndexError):
        packed[len(pieces)]


@pytest.mark.parametrize("name", ["digests", "rows", "bytes", "where"])
def test_columns_that_do_not_fit_are_refused(name):
    doc = Pieces([Piece(digest(b""), AtRows(0, 1), 1, 1)] * 2).to_json()
    doc[name] = {"digests": digest(b""), "rows": [1], "bytes": [1], "where": ["rows", "", [0, 1]]}[name]
    with pytest.raises(ValueError, match="differ in length"):
        Pieces.from_json(doc)


def test_keys():
    keys = Keys(3)
    assert list(keys) == [None, None, None] and None in keys
    some = [ChunkKey(digest(b"%d" % n)) for n in range(3)]
    for index in (2, 0, 1):
        keys[index] = some[index]
        assert keys[index] == some[index]
    assert list(keys) == some and None not in keys


def test_the_piece_that_begins_at_a_row():
    pieces = Pieces(Piece(digest(b""), AtRows(0, 0), rows) for rows in (3, 1, 5))
    assert [pieces.beginning_at(row) for row in range(11)] == [0, None, None, 1, 2, *[None] * 6]
    assert Pieces().beginning_at(0) is None
