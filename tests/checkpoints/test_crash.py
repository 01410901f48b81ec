"""Killed at every change of the store, then opened again: nothing that is recorded is wrong, and work goes on."""

import pytest

from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.kept import newest_valid, write_checkpoint
from ckptflow.checkpoints.manifest import Checkpoint, Status
from ckptflow.checkpoints.records import Durability, RecordLog
from ckptflow.checkpoints.trees import get_tree, is_present, put_tree
from ckptflow.checkpoints.verify import verify
from ckptflow.chunk.tree import Layout, Tree
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.memory import MemoryStore
from ckptflow.store.objects import Objects
from ckptflow.store.wrappers import Crash, FailAt, When

CHUNKS = 5


def run(store, record, name, durability=Durability.BATCH, scratch=None):
    """A run as the engine does it: what the past has is used, the rest is done; then the tree and the checkpoint."""
    open_store(store, create=True)
    objects = Objects(store)
    log = RecordLog(store, name, durability=durability, segment_bytes=900)
    past = Past(store, None, log)
    parts, did = [], []
    for n in range(CHUNKS):
        made = record(n, run=name)
        known = past.lookup([made.key]).get(made.key)
        if known is None or not is_present(objects, known.outs["out"]):
            if known is not None:
                past.forget(made.key)
            data = f"data {n}".encode()
            if scratch is not None and n % 2:
                path = scratch / f"result {n}"
                path.write_bytes(data)
                objects.put_file(path, move=True)
            else:
                objects.put(data)
            log.add(made)
            past.add(made)
            did.append(n)
            known = made
        parts.append(known.outs["out"])
        if n % 2:
            log.sync()
    log.sync()
    tree = put_tree(objects, Tree(Layout.PARTS, "parquet", tuple(parts), ".parquet"))
    when = "2026-06-01T12:00:00Z"
    write_checkpoint(store, Checkpoint("load_20260601120000", "load", "p", when, when, Status.COMPLETED), keep=2)
    return tree, did


def check(store, record):
    """What may be believed after a crash is right."""
    past = Past(store)
    for found in past.iter():
        for part in found.outs.values():
            assert is_present(Objects(store), part)
            assert Objects(store).get(part.object).startswith(b"data ")
    assert past.damage() == []
    newest, passed = newest_valid(store, "load")
    assert passed == [] and (newest is None or newest.status is Status.COMPLETED)
    return past.count()


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("durability", Durability)
@pytest.mark.parametrize("driver", ["memory", "local"])
def test_killed_anywhere_resumed_to_the_same(tmp_path, record, when, durability, driver):
    wanted, _ = run(MemoryStore(), record, "20260101T000000Z-aaaa")
    for number in range(1, 100):
        folder = tmp_path / str(number)
        folder.mkdir()
        inner = MemoryStore() if driver == "memory" else LocalStore(folder / "store", create=True)
        failing = FailAt(inner, number, when)
        try:
            run(failing, record, "20260101T000000Z-aaaa", durability, folder)
        except Crash:
            pass
        else:
            assert number > 3 * CHUNKS
            return
        if inner.stat(layout.MARKER) is None:
            assert list(inner.list("")) == []
            continue
        recorded = check(inner, record)
        tree, did = run(inner, record, "20260102T000000Z-bbbb", durability, folder)
        assert tree == wanted and get_tree(Objects(inner), tree) is not None
        assert len(did) == CHUNKS - recorded, "what was recorded is not done again, and nothing else is left out"
        assert list(verify(inner, deep=True)) == []
        assert run(inner, record, "20260103T000000Z-cccc", durability, folder) == (wanted, [])
    raise AssertionError("never finished")


@pytest.mark.parametrize("spoilt", [b"", b"dat", b"DATA 3", None])
def test_objects_lost_with_the_power_are_made_again(tmp_path, record, spoilt):
    """Without a sync, names and records may reach the disk before the bytes that they name."""
    store = LocalStore(tmp_path / "store", create=True)
    wanted, _ = run(store, record, "20260101T000000Z-aaaa", Durability.OFF)
    lost = record(3).outs["out"].object
    path = store.local(layout.object_name(lost))
    path.chmod(0o644)
    path.unlink() if spoilt is None else path.write_bytes(spoilt)
    if spoilt == b"DATA 3":  # of the right size: noticed when it is read
        with pytest.raises(Exception, match="damaged"):
            Objects(store).path(lost)
    assert run(store, record, "20260102T000000Z-bbbb") == (wanted, [3])
    assert Objects(store).get(lost) == b"data 3"
    assert run(store, record, "20260103T000000Z-cccc") == (wanted, [])


def test_two_runs_at_once_do_work_twice_at_worst(tmp_path, record):
    store = LocalStore(tmp_path / "store", create=True)
    open_store(store, create=True)
    logs = [RecordLog(store, f"2026010{n}T000000Z-aaaa") for n in (1, 2)]
    for n in range(CHUNKS):
        for log in logs:
            Objects(store).put(f"data {n}".encode())
            log.add(record(n))
    assert check(store, record) == CHUNKS
    assert run(store, record, "20260103T000000Z-cccc")[1] == []
