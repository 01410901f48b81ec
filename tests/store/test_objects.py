import os

import pytest

from ckptflow.errors import StoreDamaged, StoreError
from ckptflow.ids import digest
from ckptflow.store import layout, objects
from ckptflow.store.local import LocalStore
from ckptflow.store.memory import MemoryStore
from ckptflow.store.objects import Objects
from ckptflow.store.protocol import NotThere
from ckptflow.store.writers import may_be_written


class Memory:
    """A `Verified` that counts."""

    def __init__(self):
        self.kept = {}

    def knows(self, object_, state):
        return self.kept.get(object_) == state.identity

    def remember(self, object_, state):
        self.kept[object_] = state.identity


@pytest.fixture
def local(tmp_path):
    return LocalStore(tmp_path / "store", create=True)


def spoil(store, object_, data):
    path = store.local(layout.object_name(object_))
    path.chmod(0o644)
    path.write_bytes(data)


def quarantined(store):
    return [store.get(e.name) for e in store.list(layout.QUARANTINE)]


def test_put_and_get(store):
    kept = Objects(store)
    object_ = kept.put(b"data")
    assert object_ == digest(b"data")
    assert kept.get(object_) == b"data"
    assert kept.has(object_) and kept.has(object_, 4) and not kept.has(object_, 5)
    assert kept.check(object_)


@pytest.mark.parametrize("move", [True, False])
def test_put_file(store, tmp_path, move):
    data = os.urandom(3 << 20)
    path = tmp_path / "result"
    path.write_bytes(data)
    assert Objects(store).put_file(path, move=move) == (digest(data), len(data))
    assert Objects(store).get(digest(data)) == data
    assert path.exists() == (not move)


@pytest.mark.parametrize("move", [True, False])
def test_put_file_that_is_there_already(local, tmp_path, move):
    before = Objects(local).put(b"data")
    inode = Objects(local).path(before).stat().st_ino
    path = tmp_path / "result"
    path.write_bytes(b"data")
    assert Objects(local).put_file(path, move=move) == (before, 4)
    assert Objects(local).path(before).stat().st_ino == inode
    assert path.exists() == (not move)
    assert list((local.root / "tmp").glob("*")) == [] if not move else True


def test_a_missing_object(store):
    with pytest.raises(NotThere):
        Objects(store).get(digest(b"x"))
    with pytest.raises(NotThere):
        Objects(store).check(digest(b"x"))
    assert not Objects(store).has(digest(b"x"))


def test_a_missing_object_has_no_path(local, tmp_path):
    with pytest.raises(NotThere):
        Objects(local).path(digest(b"x"))
    with pytest.raises(StoreError) as caught:
        Objects(LocalStore(tmp_path / "nowhere")).path(digest(b"x"))
    assert not isinstance(caught.value, NotThere)


@pytest.mark.parametrize("bad", [b"", b"dat", b"dada", b"data more"])
def test_a_bad_object_is_set_aside_and_then_missing(local, bad):
    object_ = Objects(local).put(b"data")
    for read in (lambda o: o.get(object_), lambda o: o.path(object_)):
        spoil(local, object_, bad)
        kept = Objects(local)
        with pytest.raises(StoreDamaged):
            read(kept)
        assert not kept.has(object_)
        assert bad in quarantined(local)
        kept.put(b"data")
        assert kept.get(object_) == b"data"


def test_a_bad_object_in_a_store_without_files():
    store = MemoryStore()
    object_ = Objects(store).put(b"data")
    store.put(layout.object_name(object_), b"dada")
    with pytest.raises(StoreDamaged):
        Objects(store).get(object_)
    assert quarantined(store) == [b"dada"]
    assert not Objects(store).has(object_)


@pytest.mark.parametrize("bad", [b"", b"dat", b"dada"])
def test_a_bad_object_is_replaced_when_written_again(local, tmp_path, bad):
    object_ = Objects(local).put(b"data")
    path = tmp_path / "file"
    for write in (
        lambda: Objects(local).put(b"data"),
        lambda: Objects(local).put_file(path, move=False),
        lambda: Objects(local).put_file(path, move=True),
    ):
        path.write_bytes(b"data")
        spoil(local, object_, bad)
        write()
        assert local.get(layout.object_name(object_)) == b"data"


def test_a_change_after_the_first_use_is_noticed(local):
    kept = Objects(local)
    object_ = kept.put(b"data")
    kept.path(object_)
    spoil(local, object_, b"dada")
    os.utime(local.local(layout.object_name(object_)), ns=(1, 1))
    with pytest.raises(StoreDamaged):
        kept.path(object_)


def test_a_file_is_hashed_once_a_machine(local, monkeypatch):
    object_ = Objects(local).put(b"data")
    memory = Memory()
    Objects(local, memory).path(object_)
    assert object_ in memory.kept

    def hashed(path):
        raise AssertionError("hashed again")

    monkeypatch.setattr(objects, "hash_file", hashed)
    assert Objects(local, memory).path(object_).read_bytes() == b"data"


def test_check_hashes_whatever_is_remembered(local):
    memory = Memory()
    kept = Objects(local, memory)
    object_ = kept.put(b"data")
    path = kept.path(object_)
    before = path.stat()
    spoil(local, object_, b"dada")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept.check(object_) is False
    assert kept.has(object_), "checking changes nothing"


def test_a_file_with_another_name_is_copied_not_taken(local, tmp_path):
    (tmp_path / "a").write_bytes(b"data")
    os.link(tmp_path / "a", tmp_path / "b")
    object_, _ = Objects(local).put_file(tmp_path / "b", move=True)
    assert not (tmp_path / "b").exists()
    (tmp_path / "a").write_bytes(b"DATA")
    assert Objects(local).get(object_) == b"data"


def test_a_link_is_stored_as_what_it_points_to(local, tmp_path):
    (tmp_path / "a").write_bytes(b"data")
    (tmp_path / "b").symlink_to("a")
    object_, size = Objects(local).put_file(tmp_path / "b", move=True)
    assert (object_, size) == (digest(b"data"), 4)
    assert (tmp_path / "a").read_bytes() == b"data"


def test_an_object_that_is_a_link_is_not_believed(local, tmp_path):
    (tmp_path / "a").write_bytes(b"data")
    object_ = digest(b"data")
    target = local.local(layout.object_name(object_))
    target.parent.mkdir(parents=True)
    target.symlink_to(tmp_path / "a")
    Objects(local).put(b"data")
    assert not target.is_symlink()


def test_a_directory_in_an_objects_place(local):
    object_ = digest(b"data")
    local.local(layout.object_name(object_)).mkdir(parents=True)
    with pytest.raises(StoreError):
        Objects(local).get(object_)
    with pytest.raises(StoreError):
        Objects(local).put(b"data")


def test_a_malformed_digest_is_an_error(store):
    with pytest.raises(StoreError):
        Objects(store).get("../../etc/passwd")


def test_scratch_is_on_the_stores_disk(local):
    kept = Objects(local)
    first, second = kept.scratch(), kept.scratch()
    assert first != second and first.parent == local.root / "tmp" and first.parent.is_dir()


@pytest.fixture
def shared(local, tmp_path):
    """A file that could be shared, where this system and this disk can tell that nobody writes to it."""
    path = tmp_path / "made"
    path.write_bytes(b"made")
    with open(path, "rb") as file:
        if may_be_written(file.fileno()):
            pytest.skip("no leases here")
    return path


def test_a_file_becomes_an_object_without_a_copy(local, shared):
    assert Objects(local).share_file(shared) == (digest(b"made"), 4, True)
    assert Objects(local).is_same_file(digest(b"made"), shared)
    assert shared.stat().st_mode & 0o777 == 0o444
    assert Objects(local).check(digest(b"made"))
    assert [entry.name for entry in local.list("")] == [layout.object_name(digest(b"made"))]


def test_so_does_a_large_one(local, shared):
    shared.write_bytes(data := b"made" * 300_000)
    assert Objects(local).share_file(shared) == (digest(data), len(data), True)


def test_it_is_the_file_that_was_opened_whatever_has_its_name_by_then(local, shared, tmp_path, monkeypatch):
    def replacing(fd):
        shared.rename(tmp_path / "moved")
        shared.write_bytes(b"evil")
        return False

    monkeypatch.setattr(objects, "may_be_written", replacing)
    assert Objects(local).share_file(shared) == (digest(b"made"), 4, True)
    assert Objects(local).get(digest(b"made")) == b"made" and shared.read_bytes() == b"evil"


def test_a_bad_object_is_not_believed_for_it(local, shared):
    local.put(layout.object_name(digest(b"made")), b"torn")
    assert Objects(local).share_file(shared) is None
    assert shared.stat().st_mode & 0o200, "it is as it was, and will be copied"


def test_one_that_somebody_writes_to_does_not(local, shared):
    with open(shared, "ab"):
        assert Objects(local).share_file(shared) is None
    assert shared.stat().st_mode & 0o200, "it is as it was"
    assert not Objects(local).has(digest(b"made"))


def test_nor_one_with_another_name_a_link_or_a_program(local, shared, tmp_path):
    (tmp_path / "link").symlink_to(shared)
    assert Objects(local).share_file(tmp_path / "link") is None
    shared.chmod(0o755)
    assert Objects(local).share_file(shared) is None
    assert shared.stat().st_mode & 0o777 == 0o755
    shared.chmod(0o644)
    (tmp_path / "other").hardlink_to(shared)
    assert Objects(local).share_file(shared) is None
    assert Objects(local).share_file(tmp_path / "nowhere") is None


def test_a_file_whose_bytes_are_an_object_already_stays_a_file_of_its_own(local, shared):
    Objects(local).put(b"made")
    assert Objects(local).share_file(shared) == (digest(b"made"), 4, False)
    assert not Objects(local).is_same_file(digest(b"made"), shared)


def test_a_store_elsewhere_has_no_names_of_local_files(shared):
    assert Objects(MemoryStore()).share_file(shared) is None
    assert shared.stat().st_mode & 0o200


def test_inode_numbers_of_fuse_fit_where_they_are_kept():
    """They have all 64 bits, and SQLite's integers are signed."""
    found = os.stat(__file__)
    from ckptflow.store.objects import FileState

    huge = os.stat_result((*found[:1], (1 << 64) - 3, *found[2:]))
    assert FileState.of(huge).inode.bit_length() <= 63
