from __future__ import annotations

import os
import socket
import time

import pytest

from ckptflow.errors import DepMissing, DepUnreadable
from ckptflow.ids import digest
from ckptflow.workspace.cache import Cache
from ckptflow.workspace.observe import Observer
from ckptflow.workspace.observed import GRANULARITY_NS, is_racy, stamp_of


def test_a_file(observer, write):
    write("a/x.txt", "hello")
    seen = observer.see("a/x.txt")
    assert (seen.kind, seen.digest, seen.files.stamped[0].size) == ("file", digest(b"hello"), 5)
    assert observer.see("nothing") is None
    assert observer.see("a/x.txt/below") is None
    with pytest.raises(DepMissing, match="`nothing` is missing"):
        observer.require("nothing")


def test_a_directory_is_its_names_and_contents(observer, write, tmp_path):
    write("d/b.txt", "2")
    write("d/a/c.txt", "1")
    first = observer.see("d")
    assert [name for name, _, _ in first.files] == ["a/c.txt", "b.txt"]
    write("d/__pycache__/x.pyc", "z")
    write("d/.git/HEAD", "z")
    observer.forget()
    assert observer.see("d").digest == first.digest
    (tmp_path / "d/b.txt").rename(tmp_path / "d/c.txt")
    observer.forget("d")
    assert observer.see("d").digest != first.digest


def test_moving_bytes_between_names_shows(observer, write):
    write("d/a", "1")
    write("d/b", "2")
    first = observer.see("d").digest
    write("d/a", "2", age=100.3)
    write("d/b", "1", age=100.3)
    observer.forget()
    assert observer.see("d").digest != first


def test_an_empty_directory(observer, tmp_path):
    (tmp_path / "d").mkdir()
    assert len(observer.see("d").files) == 0


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("d/*.csv", ["a.csv"]),
        ("d/*/*.csv", ["deep/b.csv"]),
        ("d/**", ["a.csv", "deep/b.csv", "deep/er/c.csv", "x.txt"]),
        ("d/?.txt", ["x.txt"]),
        ("d/[ab].csv", ["a.csv"]),
        ("nothing/*.csv", []),
    ],
)
def test_globs(observer, write, pattern, found):
    for name in ("d/a.csv", "d/x.txt", "d/deep/b.csv", "d/deep/er/c.csv"):
        write(name, name)
    seen = observer.see(pattern)
    assert seen.kind == "glob"
    assert [name for name, _, _ in seen.files] == found


def test_what_is_looked_at_is_kept_until_forgotten(observer, write):
    write("x", "1")
    first = observer.see("x")
    write("x", "22", age=10.3)
    assert observer.see("x") is first
    observer.forget("x")
    assert observer.see("x").digest == digest(b"22")


def test_a_thousand_files_come_from_the_cache(tmp_path, write, cache, hashed):
    for i in range(1000):
        write(f"d/{i % 10}/{i}.txt", str(i))
    first = Observer(tmp_path, cache).see("d")
    assert len(hashed) == 1000
    hashed.clear()
    write("d/3/13.txt", "new", age=5.3)
    second = Observer(tmp_path, cache).see("d")
    assert hashed == ["13.txt"]
    assert second.digest != first.digest


def test_the_cache_knows_by_size_time_and_inode(tmp_path, write, cache, hashed):
    path = write("x", "1234")
    stat = path.stat()
    Observer(tmp_path, cache).see("x")
    Observer(tmp_path, cache).see("x")
    assert hashed == ["x"]
    path.write_text("123")
    os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    assert Observer(tmp_path, cache).see("x").digest == digest(b"123"), "another size"
    other = tmp_path / "other"
    other.write_text("abc")
    os.utime(other, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert Observer(tmp_path, cache).see("x").digest == digest(b"abc"), "another file of the same size and time"


def test_a_young_file_is_not_believed(tmp_path, write, cache, hashed):
    path = write("x", "1", age=0)
    observer = Observer(tmp_path, cache)
    now = time.time_ns() + 600 * 10**9
    os.utime(path, ns=(now, now))
    observer.see("x")
    path.write_text("2")
    os.utime(path, ns=(now, now))
    assert Observer(tmp_path, cache).see("x").digest == digest(b"2")
    assert hashed == ["x", "x"]


def test_whole_seconds_are_racy_for_longer():
    second = 10**9
    assert is_racy(5 * second, 5 * second + second)
    assert not is_racy(5 * second, 8 * second)
    assert not is_racy(5 * second + 1, 5 * second + 2 * GRANULARITY_NS)
    assert is_racy(5 * second + 1, 5 * second + GRANULARITY_NS // 2)


def test_require_looks_until_a_change_would_show(tmp_path, cache):
    (tmp_path / "x").write_text("1")
    observer = Observer(tmp_path, cache)
    seen = observer.require("x")
    _, stamp, _ = next(iter(seen.files))
    assert not is_racy(stamp.mtime_ns, time.time_ns()) or stamp.mtime_ns % 10**9 == 0


def test_unchanged(observer, write, tmp_path):
    write("d/a", "1")
    write("d/b", "2")
    seen = observer.see("d")
    assert observer.unchanged(seen)
    write("d/c", "3")
    assert not observer.unchanged(seen), "a file came"
    assert observer.unchanged(seen, only=["a"])
    (tmp_path / "d/c").unlink()
    assert observer.unchanged(seen)
    write("d/a", "9", age=50.3)
    assert not observer.unchanged(seen)
    assert observer.unchanged(seen, only=["b"])
    (tmp_path / "d/b").unlink()
    assert not observer.unchanged(seen, only=["b"])


def test_unchanged_of_a_file(observer, write):
    path = write("x", "1")
    seen = observer.see("x")
    assert observer.unchanged(seen)
    path.unlink()
    assert not observer.unchanged(seen)


def test_stamps_tell_names_apart(observer, write):
    write("d/a", "1")
    seen = observer.see("d")
    ((name, stamp, _),) = seen.files
    assert seen.files.stamp == stamp_of([(name, stamp)])
    assert seen.files.stamp != stamp_of([("b", stamp)])


def test_what_is_no_file(observer, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/inner")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("sock")
    for path, words in (("fifo", "a FIFO"), ("sock", "a socket"), ("/dev/null", "a device"), ("d", "`inner`")):
        with pytest.raises(DepUnreadable, match=words):
            observer.see(path)


def test_symlinks(observer, write, tmp_path):
    write("real/x", "1")
    (tmp_path / "link").symlink_to("real")
    assert observer.see("link").digest == observer.see("real").digest
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(DepUnreadable, match="symlink to nothing"):
        observer.see("dangling")
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(DepUnreadable, match="symlink"):
        observer.see("self")
    (tmp_path / "real/up").symlink_to("..")
    observer.forget()
    with pytest.raises(DepUnreadable, match="symlink loop"):
        observer.see("real")


def test_a_link_seen_twice_is_no_loop(observer, write, tmp_path):
    write("d/real/x", "1")
    (tmp_path / "d/one").symlink_to("real")
    (tmp_path / "d/two").symlink_to("real")
    assert [n for n, _, _ in observer.see("d").files] == ["one/x", "real/x", "two/x"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(observer, write):
    write("x", "1").chmod(0)
    with pytest.raises(DepUnreadable, match="may not be read"):
        observer.see("x")


def test_a_file_that_does_not_hold_still(observer, write, monkeypatch, tmp_path):
    from ckptflow.workspace import observe

    path = write("x", "1")

    def restless(path_):
        with path.open("a") as file:
            file.write("x")
        return digest(b"")

    monkeypatch.setattr(observe, "hash_file", restless)
    with pytest.raises(DepUnreadable, match="being written"):
        observer.see("x")


def test_names_that_are_no_text(observer, tmp_path):
    (tmp_path / "d").mkdir()
    with open(os.fsencode(tmp_path / "d") + b"/\xff\xfe", "wb") as file:
        file.write(b"1")
    seen = observer.see("d")
    assert seen.files.stamped[0].size == 1
    assert Observer(tmp_path, Cache(None)).see("d").digest == seen.digest
