import json

import pytest

from ckptflow.errors import StoreDamaged, StoreError
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import Marker, open_store
from ckptflow.store.memory import MemoryStore
from ckptflow.store.protocol import NotThere
from ckptflow.store.wrappers import Crash, FailAt, ReadOnly, When


def write(store, **fields):
    doc = Marker(repository="ab").to_dict() | fields
    store.put(layout.MARKER, json.dumps(doc).encode())


def test_a_new_store_is_made_once(store):
    marker = open_store(store, create=True)
    assert len(marker.repository) == 32
    assert open_store(store) == marker == open_store(store, create=True)


def test_two_new_stores_differ():
    assert open_store(MemoryStore(), create=True) != open_store(MemoryStore(), create=True)


def test_no_store_is_an_error_and_not_an_empty_one(store):
    with pytest.raises(StoreError, match="no store") as caught:
        open_store(store)
    assert not isinstance(caught.value, NotThere)
    assert list(store.list("")) == []


def test_content_without_a_marker_is_an_error(store):
    store.put("objects/ab/cd", b"x")
    for create in (False, True):
        with pytest.raises(StoreError, match="no store of ckptflow"):
            open_store(store, create=create)
    assert store.stat(layout.MARKER) is None


def test_somebody_elses_directory_is_an_error(tmp_path):
    (tmp_path / "my photo.jpg").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"my photo\.jpg"):
        open_store(LocalStore(tmp_path), create=True)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'{"ckptflow": "other"}', b'{"ckptflow":"store"}', b"\xff"]
)
def test_a_broken_marker_is_damage_and_stays(store, text):
    store.put(layout.MARKER, text)
    with pytest.raises(StoreDamaged):
        open_store(store, create=True)
    assert store.get(layout.MARKER) == text


def test_a_newer_store(store):
    write(store, version=9, reader=1)
    assert open_store(store).version == 9
    write(store, version=9, reader=2)
    with pytest.raises(StoreError, match="version 2"):
        open_store(store)
    write(store, features=["packs"])
    with pytest.raises(StoreError, match="packs"):
        open_store(store)


def test_unknown_fields_are_kept(store):
    write(store, note="ours")
    assert open_store(store).to_dict()["note"] == "ours"


def test_a_transport_error_is_not_a_miss():
    class Broken(MemoryStore):
        __slots__ = ()

        def get(self, name):
            raise StoreError("no route to host")

    store = Broken()
    with pytest.raises(StoreError, match="no route"):
        open_store(store, create=True)
    assert store.stat(layout.MARKER) is None


def test_a_crash_while_making_a_store_can_be_repeated(tmp_path):
    for when in (When.BEFORE, When.AFTER):
        inner = LocalStore(tmp_path / when.value, create=True)
        with pytest.raises(Crash):
            open_store(FailAt(inner, 1, when), create=True)
        assert open_store(inner, create=True) == open_store(inner)


def test_a_read_only_store_opens():
    inner = MemoryStore()
    open_store(inner, create=True)
    assert open_store(ReadOnly(inner)) == open_store(inner)
    with pytest.raises(StoreError, match="read-only"):
        ReadOnly(inner).put("a", b"")


def test_a_store_that_another_process_makes_meanwhile_is_no_stranger():
    class Raced(MemoryStore):
        __slots__ = ()

        def list(self, prefix):  # between the look at the marker and the listing
            if self.stat(layout.MARKER) is None:
                self.put("checkpoints/load/latest.json", b"{}")
                open_store_of_the_other(self)
            return super().list(prefix)

    def open_store_of_the_other(store):
        store.create(layout.MARKER, Marker(repository="0" * 32).encode())

    assert open_store(Raced(), create=True).repository == "0" * 32


def test_a_marker_that_is_damaged_on_its_way_is_read_again():
    class Noisy(MemoryStore):
        __slots__ = ("reads",)

        def get(self, name):
            self.reads = getattr(self, "reads", 0) + 1
            return super().get(name)[self.reads == 1 :]

    store = Noisy()
    store.create(layout.MARKER, Marker(repository="0" * 32).encode())
    assert open_store(store).repository == "0" * 32
