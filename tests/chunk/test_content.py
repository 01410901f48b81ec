"""The rule of boundaries against its plainest statement, and what it promises of sizes."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.content import (
    Boundaries,
    Boundary,
    Counted,
    Window,
    factor,
    reach,
    text_hashes,
    whole_text_hashes,
)
from ckptflow.spec.model import Cut


def by_the_rule(places: list[int], hashes: list[int], end: int, target: int) -> list[int]:
    """The rule as the module states it, on all data at once, element by element."""
    low, high = (target + 1) // 2, 2 * target
    anchors = []
    for i, place in enumerate(places):
        near = [j for j, other in enumerate(places) if abs(other - place) < low and j != i]
        least = all(hashes[i] < hashes[j] if j < i else hashes[i] <= hashes[j] for j in near)
        if least and low <= place <= end - low:
            anchors.append(place)
    cuts = [0]
    while True:
        cut = cuts[-1]
        after = [anchor for anchor in anchors if anchor - cut >= low]
        if after and after[0] - cut <= high:
            cuts.append(after[0])
        elif end - cut > high:
            inside = [i for i, place in enumerate(places) if cut + low <= place <= cut + high + 1 - low]
            beyond = bisect_left(places, cut + low)
            if not inside and beyond == len(places):
                return cuts[1:]
            cuts.append(places[min(inside, key=lambda i: (hashes[i], i))] if inside else places[beyond])
        else:
            return cuts[1:]


def fed(target: int, places: list[int], hashes: list[int], end: int, parts: list[int]) -> list[Boundary]:
    choose = Boundaries(target)
    edges = [0, *sorted(min(part, len(places)) for part in parts), len(places)]
    found = []
    for start, stop in pairwise(edges):
        upto = places[stop] if stop < len(places) else end
        found += choose.push(np.array(places[start:stop], np.int64), np.array(hashes[start:stop], np.uint64), upto)
    return found + choose.finish()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2**64 - 1) | st.integers(0, 3)), max_size=120),
    st.integers(1, 20),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_any_feeding_follows_the_rule(elements: list[tuple[int, int]], target: int, parts: list[int]) -> None:
    ends = np.cumsum([size for size, _ in elements]).tolist()
    places, end = [0, *ends][: len(elements)], [0, *ends][-1]
    hashes = [value for _, value in elements]
    found = fed(target, places, hashes, end, parts)
    assert [cut.position for cut in found] == by_the_rule(places, hashes, end, target)
    assert [places[cut.element] for cut in found] == [cut.position for cut in found]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 50), st.integers(0, 600), st.integers(1, 2**64 - 1), st.integers(0, 2**32))
def test_sizes_are_half_to_twice_the_target(target: int, count: int, distinct: int, seed: int) -> None:
    hashes = np.random.default_rng(seed).integers(0, distinct, count, np.uint64)
    choose = Boundaries(target)
    cuts = [cut.position for cut in choose.push(np.arange(count), hashes, count) + choose.finish()]
    sizes = np.diff([0, *cuts, count])
    assert sizes.sum() == count
    if count >= target:
        assert sizes.min() * 2 >= target
        assert sizes.max() <= 2 * target
    else:
        assert len(cuts) <= 1


def test_the_mean_is_about_the_target() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, 200_000, np.uint64, endpoint=False)
    choose = Boundaries(500)
    pieces = 1 + len(choose.push(np.arange(200_000), hashes, 200_000) + choose.finish())
    assert 0.8 < 200_000 / pieces / 500 < 1.2


def test_anywhere_needs_no_elements() -> None:
    choose = Boundaries(10, anywhere=True)
    none = (np.empty(0, np.int64), np.empty(0, np.uint64))
    cuts = [cut.position for cut in choose.push(*none, 47) + choose.push(*none, 95) + choose.finish()]
    assert cuts == [10, 20, 30, 40, 50, 60, 70, 80]


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 15), st.integers(0, 60))
def test_counted_pieces_are_as_long_as_the_target_lets(sizes: list[int], target: int, split: int) -> None:
    ends = np.cumsum([0, *sizes])
    choose = Counted(target)
    split = min(split, len(sizes))
    found = choose.push(ends[:split], np.empty(0, np.uint64), int(ends[split]))
    found += choose.push(ends[split:-1], np.empty(0, np.uint64), int(ends[-1]))
    cuts = [0, *(cut.position for cut in found), int(ends[-1])]
    expected, start = [0], 0
    for number in range(len(sizes)):
        if ends[number + 1] - start > target and ends[number] > start:
            start = int(ends[number])
            expected.append(start)
    assert cuts == [*expected, int(ends[-1])]


def test_impossible_targets_are_refused() -> None:
    for make in (Boundaries, Counted):
        with pytest.raises(ValueError, match="pieces of"):
            make(0)


@given(st.integers(1, 2000), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=80), st.integers(0, 80))
def test_windows_do_not_depend_on_batches(target: int, values: list[int], split: int) -> None:
    hashes = np.array(values, np.uint64)
    whole = Window(target).push(hashes)
    window = Window(target)
    assert [*window.push(hashes[:split]), *window.push(hashes[split:])] == list(whole)


@pytest.mark.parametrize("target", [1, 63, 64, 200, 512, 5_000])
def test_windows_need_what_reach_says_is_before_a_cut(target: int) -> None:
    hashes = np.random.default_rng(4).integers(0, 2**64, 100, np.uint64)
    before, _ = reach(target, Cut.CONTENT)
    window = Window(target)
    window.push(hashes[50 - before : 50])
    assert np.array_equal(window.push(hashes[50:]), Window(target).push(hashes)[50:])


def test_windows_forget() -> None:
    rng = np.random.default_rng(2)
    same = rng.integers(0, 2**63, 40).astype(np.uint64)
    one, other = (Window(10**6).push(np.concatenate((rng.integers(0, 9, 5).astype(np.uint64), same))) for _ in "ab")
    assert list(one[20:]) == list(other[20:])
    assert list(one[5:19]) != list(other[5:19])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20), st.binary(max_size=10))
def test_hashes_of_text_are_of_the_text_alone(texts: list[bytes], before: bytes) -> None:
    def of(texts: list[bytes], before: bytes, after: bytes) -> list[list[int]]:
        ends = len(before) + np.cumsum([0, *map(len, texts)])
        data = np.frombuffer(before + b"".join(texts) + after, np.uint8)
        return [
            list(h) for h in (text_hashes(data, ends[:-1], ends[1:], 7), whole_text_hashes(data, ends[:-1], ends[1:]))
        ]

    together = of(texts, before, b"tail of other bytes")
    alone = [of([text], b"", b"") for text in texts]
    assert together == [[a[0][0] for a in alone], [a[1][0] for a in alone]]


@given(st.binary(max_size=120), st.booleans(), st.data())
def test_hashes_of_text_are_as_they_are_said_to_be(data: bytes, joined: bool, drawn: st.DataObject) -> None:
    ends = st.integers(0, len(data))
    spans = [sorted(drawn.draw(st.tuples(ends, ends))) for _ in range(drawn.draw(st.integers(1, 9)))]
    if joined:
        edges = sorted(edge for span in spans for edge in span)
        spans = [[start, stop] for start, stop in pairwise(edges)]
    starts, stops = np.array(spans, np.int64).T

    def said(text: bytes) -> int:
        middle = text[len(text) // 2 - 4 :][:8] if len(text) > 16 else b""
        words = [int.from_bytes(part, "little") for part in (text[:8], text[-8:], middle)]
        return sum(word * int(factor(7 + n)) for n, word in enumerate((*words, len(text)))) % 2**64

    hashes = text_hashes(np.frombuffer(data, np.uint8), starts, stops, 7)
    assert hashes.tolist() == [said(data[start:stop]) for start, stop in spans]


def test_hashes_of_text_tell_texts_apart() -> None:
    texts = [
        b"",
        b"\0",
        b"\0\0",
        b"a",
        b"b",
        b"ab",
        b"ba",
        b"12345678",
        b"123456789",
        b"123456780",
        b"x" * 30,
        b"x" * 31,
    ]
    ends = np.cumsum([0, *map(len, texts)])
    data = np.frombuffer(b"".join(texts), np.uint8)
    assert len(set(text_hashes(data, ends[:-1], ends[1:], 7).tolist())) == len(texts)
    assert len(set(whole_text_hashes(data, ends[:-1], ends[1:]).tolist())) == len(texts)


def test_the_rule_is_the_same_for_ever() -> None:
    texts = [b"%d" % number for number in range(3000)]
    ends = np.cumsum([0, *map(len, texts)])
    hashes = text_hashes(np.frombuffer(b"".join(texts), np.uint8), ends[:-1], ends[1:], 7)
    choose = Boundaries(500)
    cuts = choose.push(np.arange(3000), Window(500).push(hashes), 3000) + choose.finish()
    assert [cut.position for cut in cuts] == [506, 1376, 2122, 2611]
