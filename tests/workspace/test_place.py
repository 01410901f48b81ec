"""Outs in the workspace, with a real store below."""

from __future__ import annotations

import errno
import os

import pytest

from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.errors import DepUnreadable, OutEdited, StoreDamaged, StoreError
from ckptflow.spec.model import Out
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.workspace import link, observe
from ckptflow.workspace.observe import Observer
from ckptflow.workspace.place import OutState, Placer, part_name

OUT = Out("data/out", "file")
LINKS = ("hardlink", "symlink", "copy", "reflink")


class Kit:
    def __init__(self, root, observer, cache, links):
        store = LocalStore(root / "store", create=True)
        open_store(store, create=True)
        self.root, self.observer = root, observer
        self.objects = Objects(store)
        self.placer = Placer(root, self.objects, observer, cache, links)
        self.path = root / OUT.path

    def part(self, data):
        object_ = self.objects.put(data)
        return Part(object_, len(data), object_)

    def file(self, data):
        return Tree(Layout.FILE, "file", (self.part(data),))

    def parts(self, *datas):
        return Tree(Layout.PARTS, "parquet", tuple(map(self.part, datas)), ".parquet")

    def dir(self, **files):
        listed = []
        for name, data in files.items():
            part = self.part(data)
            listed.append(ListedFile(name.replace("__", "/"), part.object, part.bytes, name.endswith("run")))
        data = Listing(tuple(listed)).encode()
        object_ = self.objects.put(data)
        return Tree(Layout.DIR, "dir", (Part(object_, 0, object_, None, listing=True),))

    def state(self, tree):
        self.observer.forget()
        return self.placer.state(OUT, tree)

    def place(self, tree, **flags):
        self.observer.forget()
        return self.placer.place(OUT, tree, **flags)


@pytest.fixture
def kit(tmp_path, observer, cache):
    return Kit(tmp_path, observer, cache, ("hardlink", "copy"))


@pytest.mark.parametrize("link", LINKS)
def test_every_way(tmp_path, observer, cache, link):
    kit = Kit(tmp_path, observer, cache, (link, "copy"))
    tree = kit.file(b"hello")
    assert kit.state(tree) is OutState.MISSING
    assert kit.place(tree) is True
    assert kit.path.read_bytes() == b"hello"
    assert kit.path.is_symlink() == (link == "symlink")
    assert kit.objects.is_same_file(tree.parts[0].object, kit.path) == (link in ("hardlink", "symlink"))
    assert kit.state(tree) is OutState.SAME
    assert kit.place(tree) is False
    assert not list(kit.path.parent.glob(".ckptflow*"))
    if link == "hardlink":
        assert not kit.path.stat().st_mode & 0o222, "a stray write must not reach the store"


def test_another_version_of_ours_is_replaced_in_one_step(kit):
    old, new = kit.file(b"old"), kit.file(b"new")
    kit.place(old)
    inode = kit.path.stat().st_ino
    assert kit.state(new) is OutState.OURS
    kit.place(new)
    assert kit.path.read_bytes() == b"new"
    assert kit.path.stat().st_ino != inode
    assert kit.objects.get(old.parts[0].object) == b"old"


def test_somebodys_work_is_not_replaced(kit):
    tree = kit.file(b"ours")
    kit.path.parent.mkdir()
    kit.path.write_bytes(b"theirs")
    assert kit.state(tree) is OutState.EDITED
    assert kit.state(None) is OutState.EDITED
    with pytest.raises(OutEdited):
        kit.place(tree)
    assert kit.path.read_bytes() == b"theirs"
    kit.place(tree, force=True)
    assert kit.path.read_bytes() == b"ours"


def test_parts(kit):
    tree = kit.parts(b"0", b"1", b"2")
    kit.place(tree)
    assert [p.name for p in sorted(kit.path.iterdir())] == [part_name(i, ".parquet") for i in range(3)]
    (kit.path / part_name(1, ".parquet")).unlink()
    assert kit.state(tree) is OutState.MISSING
    untouched = (kit.path / part_name(0, ".parquet")).stat().st_ctime_ns
    kit.place(tree)
    assert kit.state(tree) is OutState.SAME
    assert (kit.path / part_name(0, ".parquet")).stat().st_ctime_ns == untouched, "only what differs is touched"
    shorter = kit.parts(b"0", b"2")
    assert kit.state(shorter) is OutState.OURS
    kit.place(shorter)
    assert [p.read_bytes() for p in sorted(kit.path.iterdir())] == [b"0", b"2"]


def test_part_names_sort_like_numbers():
    names = [part_name(i, ".x") for i in (0, 9, 10, 99_999, 100_000, 999_999)]
    assert names == sorted(names)


def test_a_directory(kit):
    tree = kit.dir(a=b"1", deep__b=b"2", deep__run=b"#!")
    kit.place(tree)
    assert (kit.path / "deep/b").read_bytes() == b"2"
    assert os.access(kit.path / "deep/run", os.X_OK)
    assert kit.state(tree) is OutState.SAME
    (kit.path / "mine").write_bytes(b"mine")
    assert kit.state(tree) is OutState.EDITED


def test_an_empty_directory_and_no_parts(kit):
    kit.place(kit.dir())
    assert list(kit.path.iterdir()) == []
    assert kit.state(kit.dir()) is OutState.SAME
    kit.place(kit.parts())
    assert kit.state(kit.parts()) is OutState.SAME


@pytest.mark.parametrize("first", ["file", "parts", "dir"])
@pytest.mark.parametrize("then", ["file", "parts", "dir"])
def test_from_one_layout_to_another(kit, first, then):
    make = {"file": lambda: kit.file(b"x"), "parts": lambda: kit.parts(b"x", b"y"), "dir": lambda: kit.dir(x=b"x")}
    kit.place(make[first]())
    kit.place(make[then]())
    assert kit.state(make[then]()) is OutState.SAME


def test_two_chunks_with_one_name(kit):
    one, two = kit.dir(a=b"1"), kit.dir(a=b"2")
    with pytest.raises(DepUnreadable, match="two chunks wrote `a`"):
        kit.place(Tree(Layout.DIR, "dir", one.parts + two.parts))
    both = Tree(Layout.DIR, "dir", one.parts + kit.dir(a=b"1", b=b"3").parts)
    kit.place(both)
    assert sorted(p.name for p in kit.path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
@pytest.mark.parametrize("scribble", [b"hellO", b"much longer than before"])
def test_damage_through_a_link_is_set_aside(tmp_path, observer, cache, link, scribble):
    kit = Kit(tmp_path, observer, cache, (link,))
    tree = kit.file(b"hello")
    kit.place(tree)
    kit.path.chmod(0o644)
    kit.path.write_bytes(scribble)
    assert kit.state(tree) is OutState.DAMAGED
    assert not kit.objects.has(tree.parts[0].object)
    assert [p.read_bytes() for p in (tmp_path / "store/quarantine").iterdir()] == [scribble]
    assert kit.state(tree) in (OutState.DAMAGED, OutState.MISSING), "not somebody's work when looked at again"
    kit.file(b"hello")
    kit.place(tree)
    assert kit.path.read_bytes() == b"hello"
    assert [p.read_bytes() for p in (tmp_path / "store/quarantine").iterdir()] == [scribble]


def test_damage_and_somebodys_work_is_somebodys_work(kit):
    tree = kit.parts(b"0", b"1")
    kit.place(tree)
    path = kit.path / part_name(0, ".parquet")
    path.chmod(0o644)
    path.write_bytes(b"x")
    (kit.path / "mine").write_bytes(b"mine")
    assert kit.state(tree) is OutState.EDITED


def test_relink_gives_equal_bytes_one_place(kit):
    tree = kit.file(b"hello")
    kit.path.parent.mkdir()
    kit.path.write_bytes(b"hello")
    assert kit.place(tree) is False
    assert kit.place(tree, relink=True) is True
    assert kit.objects.is_same_file(tree.parts[0].object, kit.path)


def test_a_file_that_is_linked_again_is_not_renamed_over(kit, monkeypatch):
    """To rename a link over a new file makes ext4 write that link's bytes out at once."""
    tree = kit.file(b"a")
    kit.path.parent.mkdir()
    kit.path.write_bytes(b"a")
    monkeypatch.setattr(os, "replace", None)
    assert kit.place(tree, relink=True) is True
    assert kit.path.read_bytes() == b"a"
    assert kit.path.stat().st_nlink == 2


def test_placed_files_are_not_hashed_again(tmp_path, kit, cache, hashed):
    tree = kit.file(b"hello")
    past = (10**18, 10**18 + 1)
    os.utime(kit.objects.path(tree.parts[0].object), ns=past)
    kit.place(tree)
    hashed.clear()
    assert Observer(tmp_path, cache).see(OUT.path).digest == tree.parts[0].object
    assert hashed == []


def test_nothing_is_written_outside_the_project(kit, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (kit.root / "data").symlink_to(outside)
    with pytest.raises(StoreError, match="out of the project"):
        kit.place(kit.file(b"x"))
    assert list(outside.iterdir()) == []


def test_an_out_that_is_the_object_s_own_file_is_left_alone(kit, monkeypatch):
    kit.path.parent.mkdir()
    assert kit.placer.state(OUT, None) is OutState.MISSING, "what was seen before the command ran"
    kit.path.write_bytes(b"a")
    if kit.objects.share_file(kit.path) is None:
        pytest.skip("no leases here")
    monkeypatch.setattr(os, "link", None)
    assert kit.placer.place(OUT, kit.file(b"a"), relink=True) is True
    assert kit.path.stat().st_nlink == 2


def test_an_out_that_is_the_object_s_own_file_is_known_without_reading_it(kit, tmp_path, cache, monkeypatch):
    kit.path.parent.mkdir()
    kit.path.write_bytes(b"a")
    os.utime(kit.path, ns=(10**18, 10**18))
    if kit.objects.share_file(kit.path) is None:
        pytest.skip("no leases here")
    tree = kit.file(b"a")
    monkeypatch.setattr(observe, "hash_file", None)
    kit.placer.place(OUT, tree, relink=True)
    assert Observer(tmp_path, cache).see(OUT.path).digest == tree.parts[0].object


def test_an_own_file_that_was_changed_is_told(kit):
    kit.path.parent.mkdir()
    kit.path.write_bytes(b"a")
    if kit.objects.share_file(kit.path) is None:
        pytest.skip("no leases here")
    tree = kit.file(b"a")
    kit.path.chmod(0o644)
    kit.path.write_bytes(b"b")
    with pytest.raises(StoreDamaged):
        kit.placer.place(OUT, tree, relink=True)


@pytest.mark.parametrize(
    ("links", "expected"),
    [(("hardlink", "copy"), True), (("symlink", "copy"), False), (("copy",), False), (("reflink",), False)],
)
def test_whether_outs_are_hard_links(tmp_path, observer, cache, links, expected):
    kit = Kit(tmp_path, observer, cache, links)
    assert kit.placer.makes_links() is expected


def test_a_disk_without_reflinks_has_hard_links(tmp_path, observer, cache, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(link, "_reflink", refuse)
    monkeypatch.setitem(link._METHODS, "reflink", refuse)
    kit = Kit(tmp_path, observer, cache, ("reflink", "hardlink", "copy"))
    assert kit.placer.makes_links()
    assert not list((tmp_path / ".ckptflow/tmp").iterdir())
