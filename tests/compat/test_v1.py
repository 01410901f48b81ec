"""The example store of format version 1 stays readable, and is what this program writes."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.kept import newest_valid
from ckptflow.checkpoints.lockfile import load
from ckptflow.checkpoints.manifest import Status
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.signing import Signer
from ckptflow.checkpoints.trees import get_listing, get_tree, is_present
from ckptflow.checkpoints.verify import verify
from ckptflow.ids import digest
from ckptflow.store import layout
from ckptflow.store.buckets.by_directory import DirectoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.store.packs import read_index

HERE = Path(__file__).parent
V1 = HERE / "v1"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(V1 / "store", tmp_path / "store", symlinks=True)
    return LocalStore(tmp_path / "store")


def key(text):
    return digest(f"key of {text}".encode())


def test_the_marker(store):
    marker = open_store(store)
    assert (marker.repository, marker.version, marker.reader) == ("00112233445566778899aabbccddeeff", 1, 1)


def test_nothing_is_wrong_with_it(store):
    assert list(verify(store, deep=True)) == []


def test_records_and_objects(store):
    past, objects = Past(store), Objects(store)
    wanted = [key(f"chunk {n}") for n in range(3)]
    found = past.lookup([*wanted, key("folder"), key("forgotten"), key("unknown")])
    assert set(found) == {*wanted, key("folder")} and past.count() == 5
    assert past.lookup([key("carried")])[key("carried")].state.value == {"last": 3}
    for number, name in enumerate(wanted):
        part = found[name].outs["rows"]
        assert objects.get(part.object) == f'{{"row": {number}}}\n'.encode()
        assert (part.rows, part.values) == (1, digest(f"values {number}".encode()))
        assert (found[name].stage, found[name].seconds, found[name].rows_in) == ("load@fr", 0.25, 1)
    folder = found[key("folder")]
    assert folder.stage == "über/.." and is_present(objects, folder.outs["out"])
    files = get_listing(objects, folder.outs["out"].object).files
    assert [(f.path, f.executable, objects.get(f.object)) for f in files] == [("bin/run", True, b"#!/bin/sh\n")]


def test_the_remote(tmp_path):
    shutil.copytree(V1 / "remote", tmp_path / "remote")
    bucket = DirectoryBucket(tmp_path / "remote")
    store = LocalStore(tmp_path / "store", create=True)
    remote = Remote("origin", lambda: bucket, tmp_path / "mirror", None, store)
    remote.refresh()
    objects, signer = Objects(store, elsewhere=remote), Signer(b"a key that everybody may know", remote.store_id)
    wanted = [key(f"chunk {n}") for n in range(3)]
    found = remote.lookup([*wanted, key("folder"), key("carried"), key("forgotten")])
    assert set(found) == {*wanted, key("folder"), key("carried")}
    assert all(signer.is_signed(record) for record in found.values())
    for number, name in enumerate(wanted):
        assert objects.get(found[name].outs["rows"].object) == f'{{"row": {number}}}\n'.encode()
    assert get_listing(objects, found[key("folder")].outs["out"].object).files[0].path == "bin/run"
    packed, loose = (list(bucket.list(prefix)) for prefix in (layout.PACKS, layout.OBJECTS))
    assert len(packed) == 1 and len(loose) == 1
    assert objects.get(layout.object_of(loose[0].name)) == b"travels alone"
    assert len(read_index(bucket.get(packed[0].name))) == 6


def test_the_lock_file_and_its_tree(store):
    entry = load(V1 / "pipeline.lock").stages["load@fr"]
    assert (entry.chunks, entry.params, entry.call) == (3, {"window": 7}, "stages:load")
    tree = get_tree(Objects(store), entry.outs["rows"]["tree"])
    assert (len(tree.parts), tree.rows, tree.format, tree.suffix) == (3, 3, "jsonl", ".jsonl")


def test_a_chunk_of_superseded_code():
    past = Past(LocalStore(V1 / "superseded/store"))
    (record,) = past.loosely([key("loosely"), key("unknown")])[key("loosely")]
    assert (record.key, record.code) == (key("then"), digest(b"code that was superseded"))
    entry = load(V1 / "superseded/pipeline.lock").stages["load@fr"]
    assert (entry.superseded, entry.code) == (1, digest(b"code"))


def test_records_of_before_there_were_loose_keys_are_not_found_loosely(store):
    assert all(record.loose is None and record.code is None for record in Past(store).iter())


def test_the_checkpoint(store):
    found, passed = newest_valid(store, "load@fr")
    assert passed == [] and found.status is Status.COMPLETED and found.processed_count == 3


def test_this_program_writes_the_same(tmp_path):
    spec = importlib.util.spec_from_file_location("write_v1", HERE / "write_v1.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.write(tmp_path)

    def content(folder):
        """The bytes of all files; of checkpoints what they say, since their layout is for people."""
        files = {
            str(p.relative_to(folder)): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file() and p.parent.name != "locks"
        }
        return {name: json.loads(data) if "/checkpoints/" in name else data for name, data in files.items()}

    assert content(tmp_path) == content(V1)
