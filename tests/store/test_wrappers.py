import pytest

from ckptflow.errors import StoreError
from ckptflow.store.memory import MemoryStore
from ckptflow.store.wrappers import Counting, Crash, FailAt, ReadOnly, When


def test_read_only_reads_and_refuses(tmp_path):
    inner = MemoryStore()
    inner.put("a", b"1")
    store = ReadOnly(inner)
    path = tmp_path / "f"
    path.write_bytes(b"x")
    assert store.get("a") == b"1" and store.url == inner.url and store.local("a") is None
    store.sync()
    for call in (
        lambda: store.put("a", b"2"),
        lambda: store.create("b", b"2"),
        lambda: store.append("a", b"2"),
        lambda: store.delete("a"),
        lambda: store.adopt(path, "b"),
        lambda: store.link(0, "b"),
    ):
        with pytest.raises(StoreError, match="read-only"):
            call()
    assert [e.name for e in inner.list("")] == ["a"] and inner.get("a") == b"1" and path.exists()


def test_counting():
    store = Counting(MemoryStore())
    store.put("a", b"1")
    store.get("a")
    store.get("a")
    list(store.list(""))
    assert store.calls == {"put": 1, "get": 2, "list": 1}


@pytest.mark.parametrize(("when", "left"), [(When.BEFORE, b"one"), (When.AFTER, b"onetwo!"), (When.TORN, b"onetw")])
def test_fail_at(when, left):
    inner = MemoryStore()
    store = FailAt(inner, 2, when)
    store.append("a", b"one")
    assert not store.failed
    with pytest.raises(Crash):
        store.append("a", b"two!")
    assert store.failed
    for call in (lambda: store.get("a"), lambda: store.put("b", b""), lambda: store.append("a", b"x")):
        with pytest.raises(Crash):
            call()
    assert inner.get("a") == left
