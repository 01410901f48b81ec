import pytest

from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.kept import write_checkpoint
from ckptflow.checkpoints.manifest import Checkpoint, Status
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.trees import is_present, put_listing, put_tree
from ckptflow.checkpoints.verify import What, repair, verify
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.errors import StoreError
from ckptflow.ids import digest
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects


@pytest.fixture
def full(store, finish):
    """A store with two finished chunks, a tree, a directory and a checkpoint."""
    open_store(store, create=True)
    log = RecordLog(store, "20260101T000000Z-aaaa")
    records = [finish(log, n) for n in (1, 2)]
    objects = Objects(store)
    put_tree(objects, Tree(Layout.PARTS, "parquet", tuple(r.outs["out"] for r in records), ".parquet"))
    when = "2026-06-01T12:00:00Z"
    write_checkpoint(store, Checkpoint("load_20260601120000", "load", "p", when, when, Status.COMPLETED), keep=3)
    return store


def found(store, deep=True):
    return [(f.what, f.name) for f in verify(store, deep=deep)]


def spoil(store, object_, data):
    path = store.local(layout.object_name(object_))
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_sound_store(full):
    assert found(full) == found(full, deep=False) == []


def test_no_store_is_an_error(tmp_path):
    with pytest.raises(StoreError):
        found(LocalStore(tmp_path, create=True))


def test_a_spoilt_object_is_found_with_all_that_needs_it(full, record):
    object_ = record(1).outs["out"].object
    spoil(full, object_, b"DATA 1")
    assert found(full, deep=False) == []
    kinds = [what for what, _ in found(full)]
    assert kinds == [What.OBJECT, What.TREE, What.RECORD]
    assert full.stat(layout.object_name(object_)) is not None, "verifying changes nothing"


def test_a_torn_object_is_found_without_hashing(full, record):
    spoil(full, record(1).outs["out"].object, b"")
    assert [what for what, _ in found(full, deep=False)] == [What.TREE, What.RECORD]


def test_a_missing_object(full, record):
    full.delete(layout.object_name(record(2).outs["out"].object))
    findings = list(verify(full, deep=False))
    assert [f.what for f in findings] == [What.TREE, What.RECORD]
    assert findings[1].key == record(2).key
    assert all(f.problem and f.remedy for f in findings)


def test_a_directory_whose_file_is_missing(full):
    objects = Objects(full)
    file = objects.put(b"file")
    listing = Listing((ListedFile("a/b", file, 4),))
    name = put_listing(objects, listing)
    part = Part(name, 4, name, listing=True)
    put_tree(objects, Tree(Layout.DIR, "dir", (part,)))
    assert found(full) == [] and is_present(objects, part)
    full.delete(layout.object_name(file))
    assert [what for what, _ in found(full)] == [What.TREE, What.TREE]
    assert not is_present(Objects(full), part)


def test_is_present_looks_at_sizes(full, record):
    part = record(1).outs["out"]
    assert is_present(Objects(full), part)
    spoil(full, part.object, b"")
    assert not is_present(Objects(full), part)


def test_a_users_bytes_that_begin_like_a_tree(full):
    Objects(full).put(b'{"ckptflow":"tree" is what I wrote')
    assert found(full) == []


def test_strangers_and_bad_lines_and_bad_checkpoints(full):
    full.put("objects/zz/top", b"?")
    full.append("records/20260101T000000Z-aaaa-000001.jsonl", b"nonsense\n")
    full.put("checkpoints/load/load_20260601120009_failed.json", b"{")
    assert [what for what, _ in found(full)] == [What.STRANGER, What.RECORD, What.CHECKPOINT]


def test_a_broken_marker_is_a_finding(full):
    full.put(layout.MARKER, b"{")
    assert found(full) == [(What.MARKER, layout.MARKER)]


def test_repair_makes_what_is_bad_a_miss(full, record):
    spoil(full, record(1).outs["out"].object, b"DATA 1")
    full.delete(layout.object_name(record(2).outs["out"].object))
    log = RecordLog(full, "20260102T000000Z-bbbb")
    assert repair(full, list(verify(full, deep=True)), log) == 3
    assert Past(full).lookup([record(1).key, record(2).key]) == {}
    assert [full.get(e.name) for e in full.list(layout.QUARANTINE)] == [b"DATA 1"]
    assert [f.what for f in verify(full, deep=True)] == [What.TREE], "the tree is made again with its parts"
    Objects(full).put(b"data 1")
    assert digest(b"data 1") == record(1).outs["out"].object
