"""Groups of files: sorted, whole, and moved only beside a change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ckptflow.chunk.files import cut_files
from ckptflow.ids import Digest, digest
from ckptflow.spec.model import Cut

FILES = [(f"audio/{number:05}.wav", digest(str(number).encode()), number) for number in range(1000)]


def test_one_file_each() -> None:
    for how in Cut:
        pieces = cut_files(reversed(FILES), 1, how)
        assert [piece.paths for piece in pieces] == [(path,) for path, _, _ in FILES]
        assert len({piece.digest for piece in pieces}) == len(FILES)


@given(st.integers(1, 60), st.sampled_from(list(Cut)))
def test_groups_are_all_files_in_order(count: int, how: Cut) -> None:
    pieces = cut_files(FILES, count, how)
    assert [path for piece in pieces for path in piece.paths] == [path for path, _, _ in FILES]
    assert sum(piece.bytes for piece in pieces) == sum(range(1000))
    sizes = [len(piece.paths) for piece in pieces]
    if how is Cut.FIXED:
        assert sizes[:-1] == [count] * (len(sizes) - 1) and 0 < sizes[-1] <= count
    else:
        assert all(count / 2 <= size <= 2 * count for size in sizes)


@given(st.integers(0, 999))
def test_changes_stay_where_they_are(at: int) -> None:
    before = {piece.digest for piece in cut_files(FILES, 10, Cut.CONTENT)}
    path, _, size = FILES[at]
    changed = [*FILES[:at], (path, Digest("0" * 64), size), *FILES[at + 1 :]]
    assert len({piece.digest for piece in cut_files(changed, 10, Cut.CONTENT)} - before) == 1
    added = [*FILES, (f"{path}.new", Digest("0" * 64), 1)]
    assert 1 <= len({piece.digest for piece in cut_files(added, 10, Cut.CONTENT)} - before) <= 3


def test_names_and_contents_count_and_sizes_do_not() -> None:
    a, b = digest(b"a"), digest(b"b")
    groups = [[("x", a, 1)], [("y", a, 1)], [("x", b, 1)], [("x", a, 1), ("y", a, 1)], [("\udcff", a, 1)], []]
    assert len({cut_files(files, 9, Cut.CONTENT)[0].digest for files in groups}) == len(groups)
    assert cut_files([("x", a, 2)], 9, Cut.CONTENT)[0].digest == cut_files([("x", a, 1)], 9, Cut.CONTENT)[0].digest


def test_no_files_are_one_empty_piece() -> None:
    (piece,) = cut_files([], 5, Cut.CONTENT)
    assert (piece.paths, piece.bytes) == ((), 0)
