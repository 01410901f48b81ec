"""What every store does: run on every driver (see `conftest`)."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import StoreError
from ckptflow.store.bucketed import BucketStore
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.memory import MemoryStore
from ckptflow.store.protocol import NotThere

LEAVING = [
    "",
    ".",
    "..",
    "/etc/passwd",
    "a/../b",
    "../a",
    "a//b",
    "a/",
    "a/.hidden",
    ".a",
    "a\\b",
    "a\0",
    "a b",
    "ä",
    "a\n",
]


def names(store, prefix=""):
    return [entry.name for entry in store.list(prefix)]


def test_what_is_put_is_got(store):
    for data in (b"", b"x", bytes(range(256)) * 5000):
        store.put("objects/ab/cd", data)
        assert store.get("objects/ab/cd") == data
        assert store.stat("objects/ab/cd").bytes == len(data)


def test_what_is_not_there(store):
    with pytest.raises(NotThere):
        store.get("objects/ab/cd")
    assert store.stat("objects/ab/cd") is None
    assert names(store, "objects/") == []
    store.delete("objects/ab/cd")


def test_create_never_replaces(store):
    assert store.create("a/b", b"first") is True
    assert store.create("a/b", b"second") is False
    assert store.get("a/b") == b"first"
    assert names(store) == ["a/b"]


def test_append_adds_at_the_end(growing):
    growing.append("records/r", b"one\n")
    growing.append("records/r", b"two\n")
    growing.append("records/s", b"other\n")
    growing.append("records/r", b"three\n")
    assert growing.get("records/r") == b"one\ntwo\nthree\n"


def test_append_after_delete_and_after_put(growing):
    growing.append("records/r", b"old\n")
    growing.delete("records/r")
    growing.append("records/r", b"new\n")
    assert growing.get("records/r") == b"new\n"
    growing.put("records/r", b"put\n")
    growing.append("records/r", b"more\n")
    assert growing.get("records/r") == b"put\nmore\n"


def test_object_storage_refuses_to_append():
    store = BucketStore(MemoryBucket())
    with pytest.raises(StoreError, match="object storage"):
        store.append("records/r", b"line\n")
    assert names(store) == []


def test_list_is_sorted_by_whole_name_and_by_prefix(store):
    wanted = sorted(["a-b", "a/c", "a/b/c", "a/b-d", "a0", "b/x", "ab/y"])
    for name in reversed(wanted):
        store.put(name, name.encode())
    assert names(store) == wanted
    assert names(store, "a/") == [n for n in wanted if n.startswith("a/")]
    assert names(store, "a") == [n for n in wanted if n.startswith("a")]
    assert names(store, "a/b") == [n for n in wanted if n.startswith("a/b")]
    assert [e.bytes for e in store.list("a/b/")] == [5]


def test_deleted_is_gone(store):
    store.put("a/b", b"1")
    store.put("a/c", b"2")
    store.delete("a/b")
    assert names(store) == ["a/c"]


@pytest.mark.parametrize("name", LEAVING)
def test_names_that_could_leave_are_refused(store, tmp_path, name):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    calls = (
        lambda: store.get(name),
        lambda: store.put(name, b""),
        lambda: store.create(name, b""),
        lambda: store.append(name, b""),
        lambda: store.stat(name),
        lambda: store.delete(name),
        lambda: store.local(name),
        lambda: store.adopt(path, name),
        lambda: store.link(0, name),
    )
    for call in calls:
        with pytest.raises(StoreError) as caught:
            call()
        assert not isinstance(caught.value, NotThere)
    assert path.exists()


@pytest.mark.parametrize("prefix", ["../", "/", "a/../", ".x"])
def test_prefixes_that_could_leave_are_refused(store, prefix):
    with pytest.raises(StoreError):
        list(store.list(prefix))


def test_adopt_takes_the_file(store, tmp_path):
    path = tmp_path / "result"
    path.write_bytes(b"result")
    store.put("objects/ab/cd", b"torn")
    store.adopt(path, "objects/ab/cd")
    assert store.get("objects/ab/cd") == b"result"
    assert not path.exists()


def test_adopt_of_nothing_is_an_error(store, tmp_path):
    with pytest.raises(StoreError):
        store.adopt(tmp_path / "nothing", "objects/ab/cd")
    assert store.stat("objects/ab/cd") is None


def test_link_gives_an_open_file_a_name_that_is_free_or_none(store, tmp_path):
    path = tmp_path / "result"
    path.write_bytes(b"result")
    with open(path, "rb") as file:
        linked = store.link(file.fileno(), "objects/ab/cd")
        assert (store.stat("objects/ab/cd") is not None) is linked
        assert not store.link(file.fileno(), "objects/ab/cd"), "taken, or not to be had here"
    if linked:
        assert os.path.samefile(store.local("objects/ab/cd"), path)


def test_local_is_the_file_or_none(store):
    store.put("a/b", b"data")
    path = store.local("a/b")
    assert path is None or path.read_bytes() == b"data"


def test_sync_keeps_everything(growing):
    growing.put("a/b", b"data")
    growing.append("records/r", b"line\n")
    growing.sync(["objects/ab/cd-of-another-process"])
    growing.sync()
    assert names(growing) == ["a/b", "records/r"]


def test_temporary_names_are_not_listed(store):
    store.put("tmp/x", b"unfinished")
    store.put("tmpx", b"finished")
    assert names(store) == ["tmpx"]


NAMES = st.sampled_from(["a", "a/b", "a/b/c", "a-b", "b", "ab/c"])
CHANGES = st.tuples(st.sampled_from(["put", "create", "append", "delete"]), NAMES, st.binary(max_size=3))


@given(st.lists(CHANGES, max_size=20))
def test_random_changes_are_those_of_a_mapping(tmp_path_factory, changes):
    from ckptflow.store.local import LocalStore

    for store in (MemoryStore(), LocalStore(tmp_path_factory.mktemp("s"))):
        model: dict[str, bytes] = {}
        for method, name, data in changes:
            folder_clash = any(n.startswith(f"{name}/") or name.startswith(f"{n}/") for n in model)
            if folder_clash:
                continue  # a file system cannot hold both; no name of `layout` needs it
            if method == "put":
                store.put(name, data)
                model[name] = data
            elif method == "create":
                assert store.create(name, data) == (name not in model)
                model.setdefault(name, data)
            elif method == "append":
                store.append(name, data)
                model[name] = model.get(name, b"") + data
            elif name not in {n.split("/")[0] for n in model if "/" in n}:
                store.delete(name)
                model.pop(name, None)
            if isinstance(store, LocalStore):  # directories stay when their files go, and would stand in the way
                for folder in sorted((p for p in store.root.rglob("*") if p.is_dir()), reverse=True):
                    if not any(folder.iterdir()):
                        folder.rmdir()
        assert {e.name: store.get(e.name) for e in store.list("")} == model
        assert [e.name for e in store.list("")] == sorted(model)
