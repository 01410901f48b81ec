"""What a million items cost, counted in bytes and requests."""

from __future__ import annotations

import os
from collections import Counter

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import lanes, place
from ckptflow.checkpoints.library.journal import look, read
from ckptflow.checkpoints.library.lanes import PartsLane
from ckptflow.checkpoints.library.progress import Header, Progress
from ckptflow.checkpoints.sealed import seal
from ckptflow.store.bucketed import BucketStore
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore

MILLION = 1_000_000


def test_a_checkpoint_does_not_grow_with_the_items(tmp_path, monkeypatch) -> None:
    written: Counter[str] = Counter()
    largest: Counter[str] = Counter()

    def count(name: str, data: bytes) -> None:
        kind = name.rpartition(".")[2]
        written[kind] += len(data)
        largest[kind] = max(largest[kind], len(data))

    put, append = LocalStore.put, LocalStore.append
    monkeypatch.setattr(LocalStore, "put", lambda self, name, data: (count(name, data), put(self, name, data))[1])
    monkeypatch.setattr(LocalStore, "append", lambda self, name, data: (count(name, data), append(self, name, data))[1])
    manager = CheckpointManager(tmp_path, durability="off")
    with manager.track("d", total=MILLION, items=10_000) as run:
        for item in run.remaining(range(MILLION)):
            run.done(item)
    assert manager.latest("d").processed_count == MILLION
    assert largest["json"] < 20_000 and largest["journal"] < 200
    assert written["json"] < 103 * 20_000
    assert written["journal"] < 100 * MILLION
    with manager.track("d") as run:
        assert list(run.remaining([*range(0, MILLION, 1000), MILLION])) == [MILLION]


def many_lines(count: int) -> list[bytes]:
    return [seal({"item": f"audio/{n:08d}.wav", "is": "done", "gave": f"S{n}", "v": 1}) for n in range(count)]


def test_parts_on_object_storage_are_few_and_sent_a_handful_of_times(monkeypatch) -> None:
    bucket = MemoryBucket()
    store = BucketStore(bucket)
    header = Header("d", "2026-01-01T00:00:00+00:00").line()
    name = "d_20260101000000"
    store.create(f"d/{name}.000001-000001.journal", header)
    lane = PartsLane(store, "d", name, header)
    lines = many_lines(20_000)
    for number, line in enumerate(lines):  # as if each were a second after the one before
        lane._send(line)
        if number % 4999 == 0:
            assert len(look(store, "d").parts[name]) <= 16 * 4
    total = len(header) + sum(map(len, lines))
    assert lane.sent_bytes < 5 * total
    shelf, progress = read(store, "d")
    assert len(progress.done) == 20_000 and progress.last_generated == "S19999" and shelf.damage == []


def test_a_merge_that_was_killed_leaves_each_line_once() -> None:
    bucket = MemoryBucket()
    store = BucketStore(bucket)
    header = Header("d", "2026-01-01T00:00:00+00:00").line()
    lines = many_lines(3)
    begin = "d/d_20260101000000."
    store.put(f"{begin}000001-000001.journal", header)
    store.put(f"{begin}000002-000002.journal", lines[0])
    store.put(f"{begin}000003-000003.journal", lines[1])
    store.put(f"{begin}000001-000002.journal", header + lines[0])
    store.put(f"{begin}000004-000004.journal", lines[2])
    shelf, progress = read(store, "d")
    assert shelf.size("d_20260101000000") == len(header) + sum(map(len, lines))
    assert (progress.lines, len(progress.done), shelf.damage) == (3, 3, [])
    store.delete(f"{begin}000003-000003.journal")
    shelf, progress = read(store, "d")
    assert len(progress.done) == 2 and "missing" in shelf.damage[0].problem


def test_lines_are_sent_in_groups(moto_bucket, moto_server) -> None:
    manager = CheckpointManager(f"{moto_bucket.url}/c", options=moto_bucket.options)
    with manager.track("d", items=100_000, every="1h") as run:
        moto_server.reset()
        for item in run.remaining(range(5000)):
            run.done(item)
    asked = [r for r in moto_server.requests(moto_bucket.name) if r["key"].endswith(".journal")]
    assert 1 <= len(asked) < 200
    assert manager.latest("d").processed_count == 5000


def test_a_part_that_cannot_be_sent_is_sent_again(monkeypatch) -> None:
    import pytest

    from ckptflow.errors import StoreError

    bucket = MemoryBucket()
    store = BucketStore(bucket)
    header = Header("d", "2026-01-01T00:00:00+00:00").line()
    store.create("d/d_20260101000000.000001-000001.journal", header)
    lane = PartsLane(store, "d", "d_20260101000000", header)
    first, second = many_lines(2)
    real, failing = bucket.put, [True]

    def put(name: str, data: bytes) -> None:
        if failing[0]:
            raise StoreError("no route")
        real(name, data)

    bucket.put = put
    lane.write(first)
    with pytest.raises(StoreError, match="no route"):
        lane.flush()
    failing[0] = False
    lane.write(second)
    lane.close()
    assert read(store, "d")[1].done == {"audio/00000000.wav", "audio/00000001.wav"}


def test_what_is_fsynced(tmp_path, monkeypatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(place, "sync_file", lambda path: synced.append(os.path.basename(path)))
    clock = [0.0]
    monkeypatch.setattr(lanes.time, "monotonic", lambda: clock[0])
    for durability, wanted in (("strict", 10), ("batch", 5), ("off", 0)):
        manager = CheckpointManager(tmp_path / durability, durability=durability)
        with manager.track("d", items=1000, every="1h") as run:
            synced.clear()
            for item in range(10):
                clock[0] += 0.5
                run.done(item)
            assert len([name for name in synced if name.endswith(".journal")]) == wanted
        assert ("d" in synced) == (durability != "off")


def test_merged_lines_say_the_same() -> None:
    progress = Progress()
    for line in many_lines(2500):
        progress.add(line[:-1])
    for doc in (
        {"item": "x", "is": "failed", "error": "e", "v": 1},
        {"item": "x", "is": "failed", "error": "f", "v": 1},
        {"item": "y", "is": "skipped", "v": 1, "set": {"a": [1], "b": 2}, "s": 5.5},
        {"is": "state", "unset": ["b"], "v": 1, "s": 7.5},
    ):
        progress.add(seal(doc)[:-1])
    again = Progress()
    again.begin()
    for line in progress.merged():
        again.add(line[:-1])
    for name in ("done", "failed", "skipped", "last_item", "last_generated", "numbers", "state", "seconds", "listed"):
        assert getattr(again, name) == getattr(progress, name), name
    assert again.failed == {"x": (2, "f")} and again.seconds == 7.5
