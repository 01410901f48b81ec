"""Packs: what is put in comes out, whatever ranges are read; what is no pack is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.ids import Digest, digest
from ckptflow.store.packs import PACK_BYTES, Held, MalformedPack, build, read_index, spans

contents = st.lists(st.binary(max_size=40), max_size=12).map(lambda blocks: [(digest(b), b) for b in blocks])


@given(contents)
def test_the_index_in_a_pack_is_the_one_that_was_told(objects):
    data, index = build(objects)
    assert read_index(data) == index
    assert [(name, data[at : at + size]) for name, at, size in index] == objects


@given(contents, st.data())
def test_spans_hold_all_that_is_wanted(objects, data):
    pack_bytes, index = build(objects)
    pack = digest(pack_bytes)
    wanted = [Held(name, size, pack, at) for name, at, size in data.draw(st.permutations(index))]
    chosen = [held for held in wanted if data.draw(st.booleans())]
    gap, most = data.draw(st.integers(0, 60)), data.draw(st.integers(1, 80))
    found = list(spans(chosen, gap=gap, most=most))
    assert sorted((h for s in found for h in s.wanted), key=repr) == sorted(chosen, key=repr)
    for span in found:
        read = pack_bytes[span.start : span.stop]
        for held in span.wanted:
            start = held.offset - span.start
            assert digest(read[start : start + held.bytes]) == held.object
        assert len(span.wanted) == 1 or span.stop - span.start <= max(most, max(h.bytes for h in span.wanted) + most)


def test_neighbours_are_read_in_one_request_and_packs_apart():
    first, second = digest(b"pack 1"), digest(b"pack 2")
    held = [Held(digest(b"%d" % i), 100, pack, i * 100) for pack in (first, second) for i in range(50)]
    found = list(spans(held))
    assert [(s.pack, s.start, s.stop) for s in sorted(found, key=lambda s: s.pack != first)] == [
        (first, 0, 5000),
        (second, 0, 5000),
    ]


def test_far_neighbours_are_read_apart():
    pack = digest(b"pack")
    a, b = Held(digest(b"a"), 10, pack, 0), Held(digest(b"b"), 10, pack, PACK_BYTES // 2)
    assert len(list(spans([a, b]))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d[:-1],
        lambda d: b"",
        lambda d: d[:-16] + (1 << 40).to_bytes(8, "big") + d[-8:],
        lambda d: d.replace(b"[", b"{"),
        lambda d: d.replace(digest(b"one").encode(), b"z" * 64),
    ],
)
def test_what_is_no_pack_is_refused(damage):
    data, _ = build([(digest(b"one"), b"one"), (digest(b"two"), b"two")])
    with pytest.raises(MalformedPack):
        read_index(damage(data))


def test_an_index_that_names_what_is_not_in_the_pack_is_refused():
    data, _ = build([(Digest(digest(b"one")), b"one")])
    with pytest.raises(MalformedPack, match="not in it"):
        read_index(data.replace(b",0,3]", b",0,9]"))
