from __future__ import annotations

import errno
import json
import os

import pytest

from ckptflow.chunk.tree import Listing
from ckptflow.errors import ResultError
from ckptflow.ids import digest
from ckptflow.run.messages import Output
from ckptflow.run.storing import Staging, store_path, store_value

DIR = Output("out", "data/result", "dir", name="out")
FILE = Output("out", "data/result.bin", "file", name="out")


@pytest.fixture
def staging(bench):
    store = bench.root / "store"
    return Staging(bench.objects, store / "tmp" / "me", store, bench.root, bench.root / "cuts")


def tree(top, files):
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def listing(staging, part):
    return Listing.decode(staging.objects.get(part.object)).files


def test_a_directory_becomes_a_listing_of_objects(staging, tmp_path):
    top = tree(tmp_path / "top", {"b/z.txt": "zz", "a.txt": "a", "b/a.txt": "", "ü.txt": "u"})
    (top / "a.txt").chmod(0o755)
    (top / "empty").mkdir()
    part = store_path(staging, DIR, top, move=False)
    files = listing(staging, part)
    assert [(f.path, f.bytes, f.executable) for f in files] == [
        ("a.txt", 1, True),
        ("b/a.txt", 0, False),
        ("b/z.txt", 2, False),
        ("ü.txt", 1, False),
    ]
    assert (part.listing, part.bytes, part.values) == (True, 4, part.object)
    assert staging.objects.get(files[2].object) == b"zz"
    assert (top / "b" / "z.txt").read_text() == "zz"


def test_the_name_of_a_directory_does_not_depend_on_the_order_of_writing_or_on_its_path(staging, tmp_path):
    names = ["c", "a/x", "b", "a/y"]
    one = store_path(staging, DIR, tree(tmp_path / "one", dict.fromkeys(names, "1")), move=False)
    two = store_path(staging, DIR, tree(tmp_path / "two", dict.fromkeys(names[::-1], "1")), move=True)
    assert one == two


def test_links_to_files_are_followed_and_links_to_directories_refused(staging, tmp_path):
    top = tree(tmp_path / "top", {"a": "text"})
    (tmp_path / "elsewhere").write_text("from elsewhere")
    (top / "link").symlink_to(tmp_path / "elsewhere")
    files = listing(staging, store_path(staging, DIR, top, move=False))
    assert [(f.path, f.object) for f in files] == [("a", digest(b"text")), ("link", digest(b"from elsewhere"))]
    (top / "loop").symlink_to(top)
    with pytest.raises(ResultError, match="`loop`, which is no plain file"):
        store_path(staging, DIR, top, move=False)


@pytest.mark.parametrize("move", [False, True])
def test_a_moved_link_takes_its_content_and_leaves_its_target(staging, tmp_path, move):
    target = tmp_path / "target"
    target.write_text("content")
    link = tmp_path / "link"
    link.symlink_to(target)
    assert store_path(staging, FILE, link, move=move).object == digest(b"content")
    assert target.read_text() == "content"
    target.write_text("changed")
    assert staging.objects.get(digest(b"content")) == b"content"


def test_what_is_no_file_and_no_directory_is_refused(staging, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ResultError, match="neither a file nor a directory"):
        store_path(staging, FILE, tmp_path / "fifo", move=False)
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(ResultError, match="symbolic link to nothing"):
        store_path(staging, FILE, tmp_path / "dangling", move=False)
    with pytest.raises(ResultError, match="nothing was written"):
        store_path(staging, FILE, tmp_path / "missing", move=False)
    top = tree(tmp_path / "top", {"a": "1"})
    os.mkfifo(top / "pipe")
    with pytest.raises(ResultError, match="`pipe`, which is no plain file"):
        store_path(staging, DIR, top, move=False)


def test_a_file_in_place_of_a_directory_and_the_other_way_round(staging, tmp_path):
    top = tree(tmp_path / "top", {"a": "1"})
    with pytest.raises(ResultError, match="is a directory"):
        store_path(staging, FILE, top, move=False)
    with pytest.raises(ResultError, match="is a file"):
        store_path(staging, DIR, top / "a", move=False)


def test_an_unnamed_out_may_be_either(staging, tmp_path):
    unnamed = Output("data", "data", "file")
    top = tree(tmp_path / "top", {"a": "1"})
    assert store_path(staging, unnamed, top, move=False).listing
    assert not store_path(staging, unnamed, top / "a", move=False).listing


def test_a_copied_file_may_be_changed_afterwards(staging, tmp_path):
    path = tmp_path / "a"
    path.write_text("before")
    part = store_path(staging, FILE, path, move=False)
    path.write_text("after")
    assert staging.objects.get(part.object) == b"before"


def test_an_object_that_can_have_no_more_links_is_copied(staging, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_bytes(b"same")
    out = Output("out", "second", "file", share=True)
    if staging.objects.share_file(first) is None:
        pytest.skip("no leases here")
    real = os.link

    def link(source, target, **more):
        if str(target) == str(second):
            raise OSError(errno.EMLINK, "Too many links")
        real(source, target, **more)

    monkeypatch.setattr(os, "link", link)
    part = store_path(staging, out, second, move=False)
    assert second.read_bytes() == b"same" and not staging.objects.is_same_file(part.object, second)
    assert staging.objects.is_same_file(part.object, first)


def test_a_value_goes_through_its_format(staging):
    part = store_value(staging, Output("a", "a.json", "json"), {"x": [1, 2]})
    assert json.loads(staging.objects.get(part.object)) == {"x": [1, 2]}
    assert list(staging.directory.iterdir()) == []


def test_a_failed_write_leaves_nothing_behind(staging):
    with pytest.raises(ResultError):
        store_value(staging, Output("a", "a.json", "json"), object())
    assert list(staging.directory.iterdir()) == []
