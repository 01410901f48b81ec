from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints import lines, rollup
from ckptflow.checkpoints.lease import take
from ckptflow.checkpoints.remote import Remote
from ckptflow.chunk.headway import Headway, Items
from ckptflow.chunk.model import Part
from ckptflow.engine import push as pushing
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.model import Partial
from ckptflow.store.local import LocalStore
from tests.engine.transfer.world import Counted, Made, clone, filled


def test_many_segments_are_merged(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_project: Any
) -> None:
    project = make("first")
    project.repro()
    for number in range(8):
        filled(project, 5, after=5 * number)
        project.push()
    before = bucket.names("records/")
    assert len(before) == 8
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 7)
    assert project.push().merged == 8
    assert len(bucket.names("records/")) == 1
    assert project.push().objects == 0
    second = clone(project, tmp_path / "second", open_project)
    assert second.pull().missing == ()
    filled(second, 40)
    assert second.push().records == 0, "all forty keys are in the merged segment"


def test_a_reader_meets_a_merge(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_project: Any
) -> None:
    project = make("first")
    project.repro()
    project.push()
    filled(project, 5)
    project.push()
    second = clone(project, tmp_path / "second", open_project)
    merged: list[int] = []

    def merge_now(kind: str, name: str) -> bool:
        if kind == "get" and name.startswith("records/") and not merged:
            merged.append(1)
            monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
            assert project.push().merged == 2
        return False

    bucket.fail = merge_now
    assert second.pull(jobs=1).missing == ()
    assert merged


def test_a_segment_that_a_newer_program_wrote_is_not_merged(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make("first")
    for number in range(3):
        filled(project, 5, after=5 * number)
        project.push()
    strange = "records/20990101T000000Z-ffff-000001.jsonl"
    bucket.put(strange, b'{"held2":[],"x":"0"}\n')
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
    assert project.push().merged == 3
    assert strange in bucket.names("records/")


def test_merging_that_fails_is_no_failure_of_the_push(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make("first")
    for number in range(3):
        filled(project, 5, after=5 * number)
        project.push()
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
    bucket.fail = lambda kind, name: kind == "delete" and name.startswith("records/")
    done = project.push()
    assert (done.merged, len(done.notes)) == (0, 1)
    bucket.fail = lambda kind, name: False
    assert project.push().merged > 0
    assert project.push().objects == 0


def test_merged_segments_lose_what_is_to_be_dropped(make: Made, bucket: Counted, tmp_path: Path) -> None:
    project = make("first")
    records = filled(project, 6)
    project.push()
    remote = Remote("x", lambda: bucket, tmp_path / "mirror", None, LocalStore(tmp_path / "store", create=True))
    remote.connect()
    remote.refresh()
    bad = records[0].outs["squares"].object
    with take(bucket, "test") as lease:
        rollup.merge(remote, remote.mirror.segments(), lease, objects={bad}, keys={records[1].key})
    assert remote.lookup(r.key for r in records).keys() == {r.key for r in records[2:]}
    assert not remote.holds(bad)
    assert remote.holds(records[1].outs["squares"].object)
    remote.close()


def test_what_unfinished_chunks_have_kept_survives_a_merge(make: Made, bucket: Counted, tmp_path: Path) -> None:
    project = make("first")
    records = filled(project, 3)
    project.push()
    part = records[0].outs["squares"]

    def kept(key: str, position: int, part: Part = part) -> bytes:
        headway = Headway(position, outs={"squares": (part,)})
        return lines.encode_partial(Partial(ChunkKey(key), headway, StageName("s"), "r", "2026-01-01T00:00:00.000Z"))

    lost = Part(Digest("ab" * 32), 1, Digest("cd" * 32), 1)
    open_key, bad_key = "11" * 32, "22" * 32
    segments = (kept(open_key, 3), kept(records[1].key, 5) + kept(open_key, 7) + kept(bad_key, 2, lost))
    for number, text in enumerate(segments):
        bucket.put(f"records/20200101T00000{number}Z-ffff-000001.jsonl", text)
    remote = Remote("x", lambda: bucket, tmp_path / "mirror", None, LocalStore(tmp_path / "store", create=True))
    remote.refresh()
    with take(bucket, "test") as lease:
        rollup.merge(remote, remote.mirror.segments(), lease, objects={lost.object})
    assert [partial.headway.position for partial in remote.partials(ChunkKey(open_key))] == [7, 3]
    assert remote.partials(ChunkKey(bad_key)) == []
    assert remote.partials(records[1].key) == [], "that chunk is done"
    assert remote.lookup(r.key for r in records).keys() == {r.key for r in records}
    remote.close()


def test_what_unfinished_chunks_have_kept_is_merged_in_its_order(make: Made, bucket: Counted, tmp_path: Path) -> None:
    """What was taken back stays so, what came after that counts, and a record makes it void."""
    project = make("first")
    (record, *_) = filled(project, 2)
    project.push()

    def kept(key: ChunkKey, position: int) -> bytes:
        headway = Headway(position, Items(ok=position), own=(position,))
        return lines.encode_partial(Partial(key, headway, record.stage, "r", "2026-01-01T00:00:00Z"))

    key = ChunkKey(digest(b"unfinished"))
    text = [kept(key, 9), lines.encode_forget(key), kept(key, 3), kept(key, 4), kept(record.key, 1)]
    bucket.put("records/20000101T000000Z-aaaa-000001.jsonl", b"".join(text))
    remote = Remote("x", lambda: bucket, tmp_path / "mirror", None, LocalStore(tmp_path / "store", create=True))
    remote.connect()
    for _ in range(2):
        remote.refresh()
        assert [p.headway.position for p in remote.partials(key)] == [4, 3]
        with take(bucket, "test") as lease:
            rollup.merge(remote, remote.mirror.segments(), lease)
    assert len(bucket.names("records/")) == 1
    assert remote.partials(record.key) == [] and remote.lookup([record.key]) == {record.key: record}
    with take(bucket, "test") as lease:
        rollup.merge(remote, remote.mirror.segments(), lease, keys={key})
    assert remote.partials(key) == []
    remote.close()
