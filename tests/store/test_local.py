import errno
import os
import shutil
import stat
import subprocess
import sys

import pytest

from ckptflow.errors import StoreError
from ckptflow.store import local, syncing
from ckptflow.store.local import LocalStore
from ckptflow.store.protocol import NotThere


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", create=True)


def hidden(store):
    return list(store.root.rglob(".*"))


class OsThat:
    """`os`, with some functions replaced."""

    def __init__(self, **functions):
        self._functions = functions

    def __getattr__(self, name):
        return self._functions.get(name) or getattr(os, name)


def failing(code):
    def function(*_, **__):
        raise OSError(code, os.strerror(code))

    return function


def test_opening_touches_nothing(tmp_path):
    LocalStore(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_missing_root_is_an_error_and_is_not_made(tmp_path):
    store = LocalStore(tmp_path / "disk" / "store")
    for call in (
        lambda: store.get("a/b"),
        lambda: store.stat("a/b"),
        lambda: store.put("a/b", b""),
        lambda: store.append("a", b""),
        lambda: store.create("a", b""),
        lambda: store.delete("a"),
        lambda: list(store.list("a/")),
        lambda: list(store.list("")),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert not isinstance(caught.value, NotThere)
    assert not (tmp_path / "disk").exists()


def test_a_root_that_goes_is_an_error(tmp_path, store):
    store.put("a/b", b"x")
    store.root.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="no store"):
        store.put("a/c", b"x")
    with pytest.raises(StoreError, match="no store"):
        store.stat("a/b")


def test_objects_are_read_only_and_others_are_not(store, tmp_path):
    store.put("objects/ab/cd", b"x")
    store.put("checkpoints/a/b", b"x")
    path = tmp_path / "file"
    path.write_bytes(b"y")
    store.adopt(path, "objects/ab/ce")
    assert stat.S_IMODE(store.local("objects/ab/cd").stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE(store.local("objects/ab/ce").stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE(store.local("checkpoints/a/b").stat().st_mode) & 0o200


def test_a_replaced_object_leaves_linked_files_alone(store, tmp_path):
    store.put("objects/ab/cd", b"before")
    os.link(store.local("objects/ab/cd"), tmp_path / "out")
    store.put("objects/ab/cd", b"after")
    assert (tmp_path / "out").read_bytes() == b"before"


@pytest.mark.parametrize("where", ["objects", "objects/ab"])
def test_symlinked_directories_are_refused(store, tmp_path, where):
    outside = tmp_path / "outside"
    (outside / "ab").mkdir(parents=True)
    (outside / "cd").write_bytes(b"theirs")
    (store.root / where).parent.mkdir(exist_ok=True)
    (store.root / where).symlink_to(outside)
    for call in (
        lambda: store.get("objects/ab/cd"),
        lambda: store.put("objects/ab/cd", b"x"),
        lambda: store.append("objects/ab/cd", b"x"),
        lambda: store.delete("objects/ab/cd"),
        lambda: list(store.list("objects/ab/")),
    ):
        with pytest.raises(StoreError, match="not a directory"):
            call()
    assert (outside / "cd").read_bytes() == b"theirs"


def test_a_symlink_that_leaves_its_directory_is_not_read(store, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (store.root / "objects/ab").mkdir(parents=True)
    (store.root / "objects/ab/cd").symlink_to(tmp_path / "secret")
    (store.root / "objects/ab/ce").symlink_to("../../../secret")
    for name in ("objects/ab/cd", "objects/ab/ce"):
        with pytest.raises(StoreError, match="symbolic link"):
            store.get(name)
        with pytest.raises(StoreError):
            store.append(name, b"x")
    store.put("objects/ab/cd", b"ours")
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert store.get("objects/ab/cd") == b"ours"


def test_a_symlink_to_a_sibling_is_followed(store):
    store.put("checkpoints/s/one", b"1")
    (store.root / "checkpoints/s/latest").symlink_to("one")
    assert store.get("checkpoints/s/latest") == b"1"
    assert store.stat("checkpoints/s/latest").bytes == 1


def test_a_symlinked_root_is_fine(tmp_path):
    (tmp_path / "big disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "big disk")
    store = LocalStore(tmp_path / "store")
    store.put("a/b", b"x")
    assert (tmp_path / "big disk/a/b").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["a/b/c/new", "a/b/new", "a/new"])
@pytest.mark.parametrize("method", ["put", "create", "append", "adopt"])
def test_a_directory_removed_meanwhile_is_made_again(store, tmp_path, name, method):
    store.put("a/b/c/old", b"x")
    shutil.rmtree(store.root / "a")
    if method == "adopt":
        (tmp_path / "file").write_bytes(b"y")
        store.adopt(tmp_path / "file", name)
    else:
        getattr(store, method)(name, b"y")
    assert store.get(name) == b"y"


def test_a_directory_removed_before_a_deeper_one_is_made(store):
    store.put("a/old", b"x")
    shutil.rmtree(store.root / "a")
    store.put("a/b/c/new", b"y")
    assert store.get("a/b/c/new") == b"y"


def test_a_fifo_does_not_block_and_is_no_file(store):
    os.mkfifo(store.root / "pipe")
    with pytest.raises(StoreError):
        store.stat("pipe")
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EIO, "input/output"),
    ],
)
def test_errors_of_the_disk_say_what_to_do_and_leave_nothing(store, monkeypatch, code, words):
    store.put("objects/ab/cd", b"before")
    monkeypatch.setattr(local, "os", OsThat(write=failing(code)))
    for call in (
        lambda: store.put("objects/ab/cd", b"after"),
        lambda: store.create("marker", b"x"),
        lambda: store.append("log", b"x"),
    ):
        with pytest.raises(StoreError, match=words) as caught:
            call()
        assert str(store.root) in (caught.value.hint + caught.value.message)
        assert not isinstance(caught.value, NotThere)
    assert store.get("objects/ab/cd") == b"before"
    assert store.stat("marker") is None
    assert hidden(store) == []


def test_a_full_disk_says_that_finished_chunks_are_kept(store, monkeypatch):
    monkeypatch.setattr(local, "os", OsThat(write=failing(errno.ENOSPC)))
    with pytest.raises(StoreError) as caught:
        store.put("a", b"x")
    assert "free space" in caught.value.hint and "kept" in caught.value.hint


def test_a_short_append_is_taken_back(store, monkeypatch):
    store.append("log", b"whole line\n")
    monkeypatch.setattr(local, "os", OsThat(write=lambda fd, data: os.write(fd, data[:4])))
    with pytest.raises(StoreError, match="disk full"):
        store.append("log", b"another line\n")
    assert store.get("log") == b"whole line\n"


def test_short_writes_of_a_put_go_on(store, monkeypatch):
    monkeypatch.setattr(local, "os", OsThat(write=lambda fd, data: os.write(fd, data[:3])))
    store.put("a", b"0123456789")
    assert store.get("a") == b"0123456789"


def test_a_read_error_is_not_a_miss(store, monkeypatch):
    store.put("a/b", b"x")
    monkeypatch.setattr(
        local, "os", OsThat(open=failing(errno.EIO), lstat=failing(errno.EIO), scandir=failing(errno.EIO))
    )
    for call in (lambda: store.get("a/b"), lambda: store.stat("a/b"), lambda: list(store.list("a/"))):
        with pytest.raises(StoreError) as caught:
            call()
        assert not isinstance(caught.value, NotThere)


def test_adopt_across_file_systems_copies_then_removes(store, tmp_path, monkeypatch):
    path = tmp_path / "result"
    path.write_bytes(b"r" * 3_000_000)
    real = os.rename

    def rename(source, target):
        if str(source) == str(path):
            raise OSError(errno.EXDEV, "other file system")
        real(source, target)

    monkeypatch.setattr(local, "os", OsThat(rename=rename))
    store.adopt(path, "objects/ab/cd")
    assert store.get("objects/ab/cd") == b"r" * 3_000_000
    assert not path.exists()
    assert stat.S_IMODE(store.local("objects/ab/cd").stat().st_mode) & 0o222 == 0
    assert hidden(store) == []


def test_adopt_refuses_links_and_directories(store, tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(StoreError, match="plain file"):
            store.adopt(tmp_path / name, "objects/ab/cd")


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_create_where_there_are_no_hard_links(store, monkeypatch, code):
    monkeypatch.setattr(local, "os", OsThat(link=failing(code)))
    assert store.create("a/b", b"1") is True
    assert store.create("a/b", b"2") is False
    assert store.get("a/b") == b"1"
    assert hidden(store) == []


def test_two_stores_write_one_name_at_once(store):
    code = (
        "import sys\nfrom ckptflow.store.local import LocalStore\ns = LocalStore(sys.argv[1])\n"
        "wins = sum(s.create(f'a/{i}', sys.argv[2].encode()) for i in range(200))\nprint(wins)"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    running = [subprocess.Popen([*command, who], stdout=subprocess.PIPE, text=True) for who in ("x", "y")]
    wins = [int(p.communicate()[0]) for p in running]
    assert sum(wins) == 200
    assert sum(store.get(f"a/{i}") == b"x" for i in range(200)) == wins[0]


def test_sync_without_syncfs_syncs_objects_before_what_names_them(store, monkeypatch):
    synced = []
    monkeypatch.setattr(local, "sync_file_system", lambda path: False)
    monkeypatch.setattr(local, "sync_file", lambda path: synced.append(os.path.relpath(path, store.root)))
    store.append("records/r", b"x")
    store.put("objects/ab/cd", b"x")
    store.sync(["objects/ee/ff"])
    assert synced[:3] == ["objects/ee/ff", "objects/ab/cd", "records/r"]
    assert {"objects/ab", "objects/ee", "records"} <= set(synced[3:])
    synced.clear()
    store.sync()
    assert synced == []


def test_a_failed_sync_is_an_error_and_is_tried_again(store, monkeypatch):
    monkeypatch.setattr(local, "sync_file_system", lambda path: False)
    monkeypatch.setattr(local, "sync_file", failing(errno.EIO))
    store.put("a", b"x")
    with pytest.raises(StoreError, match="input/output"):
        store.sync()
    synced = []
    monkeypatch.setattr(local, "sync_file", synced.append)
    store.sync()
    assert str(store.root / "a") in synced


def test_syncing_works_on_this_system(tmp_path):
    syncing.sync_file_system(str(tmp_path))
    (tmp_path / "f").write_bytes(b"x")
    syncing.sync_file(str(tmp_path / "f"))
    syncing.sync_file(str(tmp_path))
    syncing.sync_file(str(tmp_path / "gone"))


def crash_points(store, change):
    """Run `change(store)` again and again, dying at the 1st, 2nd, ... system call that changes anything."""
    watched = {"open", "write", "rename", "link", "unlink", "mkdir", "close", "chmod", "ftruncate"}

    class Died(BaseException):
        pass

    for number in range(1, 100):
        for after in (False, True):
            count = 0

            def wrap(function, after=after, number=number):
                def call(*args, **kwargs):
                    nonlocal count
                    count += 1
                    if count > number or (count == number and not after):
                        raise Died
                    result = function(*args, **kwargs)
                    if count == number:
                        raise Died
                    return result

                return call

            fresh = LocalStore(store.root)
            crashing = OsThat(**{name: wrap(getattr(os, name)) for name in watched})
            patch = pytest.MonkeyPatch()
            patch.setattr(local, "os", crashing)
            try:
                change(fresh)
            except Died:
                died = True
            else:
                died = False
            finally:
                patch.undo()
            yield
        if not died:
            return
    raise AssertionError("never finished")


def test_dying_at_any_system_call_of_a_put_leaves_the_old_or_the_new(store):
    store.put("objects/ab/cd", b"old")
    seen = set()
    for _ in crash_points(store, lambda s: s.put("objects/ab/cd", b"new!")):
        seen.add(store.get("objects/ab/cd"))
        assert [e.name for e in store.list("")] == ["objects/ab/cd"]
    assert seen == {b"old", b"new!"}


def test_dying_at_any_system_call_of_a_create_leaves_nothing_or_all(store):
    for _ in crash_points(store, lambda s: s.create("a/b", b"new!")):
        assert store.stat("a/b") is None or store.get("a/b") == b"new!"
    assert store.get("a/b") == b"new!"


def test_a_sync_with_nothing_to_do_costs_nothing(store, monkeypatch):
    synced = []
    monkeypatch.setattr(local, "sync_file_system", lambda path: synced.append(path) or True)
    store.sync()
    store.put("a", b"1")
    store.sync()
    store.sync()
    assert len(synced) == 1
    store.sync(["objects/ee/ff"])
    assert len(synced) == 2, "what others wrote"
