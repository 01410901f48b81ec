from __future__ import annotations

import os

import pytest

from ckptflow.ids import digest
from ckptflow.workspace.cache import Cache

D1, D2, D3 = (digest(data) for data in (b"1", b"2", b"3"))


def test_digests(cache):
    cache.keep_digests([("a/x", 1, 2, 3, D1), ("a/y", 4, 5, 6, D2), ("ab", 7, 8, 9, D3)])
    assert cache.digest_of("a/x") == (1, 2, 3, D1)
    assert cache.digest_of("a") is None
    assert dict(cache.digests_under("a/")) == {"a/x": (1, 2, 3, D1), "a/y": (4, 5, 6, D2)}
    cache.keep_digests([("a/x", 1, 2, 3, D3)])
    assert cache.digest_of("a/x")[3] == D3


def test_names_without_text_are_not_kept(cache):
    cache.keep_digests([("a/\udcff", 1, 2, 3, D1), ("a/ü", 4, 5, 6, D2)])
    assert cache.digest_of("a/\udcff") is None
    assert dict(cache.digests_under("a/")) == {"a/ü": (4, 5, 6, D2)}


def test_documents(cache):
    cache.keep_documents("k", {"a": {"x": [1, "ü"]}, "b": None})
    assert cache.document("k", "a") == {"x": [1, "ü"]}
    assert cache.document("k", "b") is None
    assert cache.document("other", "a") is None
    cache.drop_documents("k", "a")
    assert cache.document("k", "a") is None
    cache.keep_document("k", "c", 1)
    cache.drop_documents("k")
    assert cache.document("k", "c") is None


def test_it_outlives_the_process(tmp_path):
    path = tmp_path / "cache.db"
    first = Cache(path)
    first.keep_document("k", "a", 1)
    first.close()
    assert Cache(path).document("k", "a") == 1


@pytest.mark.parametrize(
    "damage",
    [b"", b"not a database at all", b"SQLite format 3\0" + bytes(range(256)) * 20, None],
    ids=["empty", "text", "garbage", "flipped"],
)
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    path = tmp_path / "cache.db"
    first = Cache(path)
    first.keep_documents("k", {str(i): "x" * 100 for i in range(500)})
    first.close()
    if damage is None:
        data = bytearray(path.read_bytes())
        data[4096:8192] = os.urandom(4096)
        damage = bytes(data)
    path.write_bytes(damage)
    again = Cache(path)
    again.document("k", "1")
    again.keep_document("k", "new", 2)
    assert again.document("k", "new") in (2, None)
    again.close()


def test_without_a_file_it_is_in_memory():
    cache = Cache(None)
    cache.keep_document("k", "a", 1)
    assert cache.document("k", "a") == 1


def test_a_place_that_cannot_be_written_costs_the_cache_alone(tmp_path):
    (tmp_path / "cache.db").mkdir()
    cache = Cache(tmp_path / "cache.db")
    cache.keep_document("k", "a", 1)
    assert cache.document("k", "a") in (1, None)
    cache.close()


def test_two_at_once(tmp_path):
    path = tmp_path / "cache.db"
    one, two = Cache(path), Cache(path)
    one.keep_document("k", "a", 1)
    two.keep_document("k", "b", 2)
    assert (one.document("k", "b"), two.document("k", "a")) == (2, 1)


def test_digests_are_written_many_at_a_time(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    begun = []
    cache._db.set_trace_callback(lambda statement: begun.append(statement) if statement == "BEGIN" else None)
    for n in range(2500):
        cache.keep_digests([(f"{n:04d}", n, n, n, D1)])
    assert len(begun) == 2
    assert cache.digest_of("2499") == (2499, 2499, 2499, D1)
    assert len(list(cache.digests_under("2"))) == 500, "what is not written yet is known too"
    cache.close()
    assert Cache(tmp_path / "cache.db").digest_of("2499") == (2499, 2499, 2499, D1)
