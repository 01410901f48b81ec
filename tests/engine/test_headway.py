"""A report adds what was recorded since the checkpoint, and counts nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ckptflow.checkpoints.kept import write_checkpoint
from ckptflow.checkpoints.manifest import Checkpoint, ProcessorState, Statistics, Status
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.shelf import read_shelf
from ckptflow.chunk.headway import Headway, Items
from ckptflow.chunk.model import Part
from ckptflow.engine.headway import report_on
from ckptflow.engine.session import open_session
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Partial, Record

RUN = "20260601T120000Z-aaaa"
START = "2026-06-01T12:00:00+00:00"


@pytest.fixture
def world(tmp_path, write_files, open_project):
    """A store with a log, and what writes a checkpoint as a run would, with the log where it is."""
    write_files(tmp_path, {"pipeline.yaml": "stages: {s: {cmd: echo, outs: [o]}}"})
    project = open_project(tmp_path)
    session = open_session(project.location, project.settings, create=True)
    yield World(session)
    session.close()


class World:
    def __init__(self, session):
        self.session = session
        self.log = RecordLog(session.store, RUN)
        self.done = Items()
        self.unfinished = {}

    def record(self, key, ok=0, failed=0, skipped=0, stage="s", seconds=1.0, finished="2026-06-01T12:01:00.000+00:00"):
        part = Part(digest(b"o"), 1, digest(b"o"), 1)
        items = Items(ok, failed, skipped)
        self.log.add(Record(_key(key), {"o": part}, StageName(stage), RUN, seconds, finished, items=items))
        if stage == "s":
            self.done += items
            self.unfinished.pop(key, None)

    def keep(self, key, ok, failed=0):
        items = Items(ok, failed)
        self.log.add_partial(
            Partial(_key(key), Headway(items.total, items), StageName("s"), RUN, "2026-06-01T12:02:00Z")
        )
        self.unfinished[key] = items

    @property
    def now(self):
        """What is done at this moment."""
        return sum(self.unfinished.values(), self.done)

    def checkpoint(self, status=Status.IN_PROGRESS, **progress):
        now = self.now
        noted = {
            "counts": "items",
            "ran": now.total,
            "unfinished": {_key(k): i.to_list() for k, i in self.unfinished.items()},
        }
        if self.log.end is not None:
            noted["log"] = list(self.log.end)
        write_checkpoint(
            self.session.store,
            Checkpoint(
                "s_20260601120030",
                "s",
                "p",
                START,
                "2026-06-01T12:00:30+00:00",
                status,
                now.total,
                processor_state=ProcessorState(total_items=100),
                statistics=Statistics(now.ok, now.failed, now.skipped, 10.0),
                extra={"run": RUN, "progress": noted | progress},
            ),
            keep=10,
        )

    def report(self):
        (document,) = read_shelf(self.session.store, datetime.now(UTC)).documents
        return report_on(self.session, None, document)


def _key(name):
    return ChunkKey(digest(name.encode()))


def counts(report):
    return Items(report.ok, report.errors, report.skipped)


def test_as_of_the_checkpoint(world):
    world.record("a", 10, 2, 1)
    world.checkpoint()
    report = world.report()
    assert counts(report) == world.now and (report.processed, report.total, report.since) == (13, 100, 0)
    assert (report.seconds, report.elapsed, report.updated) == (10.0, 30.0, "2026-06-01T12:00:30+00:00")
    assert report.rate == pytest.approx(13 / 30, abs=1e-6) and report.seconds_left == pytest.approx(
        87 / (13 / 30), abs=1e-3
    )
    assert report.average_ms == pytest.approx(10_000 / 12, abs=1e-3)


def test_what_came_since_is_added(world):
    """Chunks that are finished, what is kept of others, and chunks of which the checkpoint knew a part."""
    world.record("a", 10)
    world.keep("b", 3)
    world.keep("c", 4, 1)
    world.checkpoint()
    world.keep("b", 6, 1)
    world.record("other", 99, stage="another")
    world.keep("d", 2)
    world.record("c", 9, 1)
    world.record("e", 5, 0, 5)
    world.keep("d", 7)
    report = world.report()
    assert counts(report) == world.now
    assert report.since == world.now.total - 18 and report.seconds == 12.0
    assert report.elapsed == 120.0, "up to the last line"


def test_before_the_first_line_of_the_log(world):
    world.checkpoint()
    world.record("a", 10)
    assert counts(world.report()) == Items(10)


def test_a_log_in_several_segments(world):
    world.log = RecordLog(world.session.store, RUN, segment_bytes=600)
    for number in range(5):
        world.record(f"a{number}", 1)
    world.checkpoint()
    for number in range(5):
        world.record(f"b{number}", 1)
    assert len({e.name for e in world.session.store.list("records/")}) > 2
    assert counts(world.report()) == Items(10)


def test_what_has_ended_is_not_added_to(world):
    world.record("a", 10)
    world.checkpoint(Status.COMPLETED)
    world.record("b", 10)
    report = world.report()
    assert counts(report) == Items(10) and report.seconds_left == 0.0


@pytest.mark.parametrize(
    "noted", ["text", {"log": "x", "unfinished": 7}, {"log": [f"records/{RUN}-000001.jsonl", "y"]}, [], None]
)
def test_what_others_have_written_there_does_no_harm(world, noted):
    world.record("a", 10)
    world.checkpoint()
    (document,) = read_shelf(world.session.store, datetime.now(UTC)).documents
    extra = {**document.checkpoint.extra, "progress": noted}
    report = report_on(world.session, None, replace_checkpoint(document, extra))
    assert report.processed >= 10


def replace_checkpoint(document, extra):
    from ckptflow.dataclass import replace as changed

    return changed(document, checkpoint=changed(document.checkpoint, extra=extra))


def test_a_damaged_line_is_left_out(world):
    world.record("a", 10)
    world.checkpoint()
    world.record("b", 5)
    world.record("c", 7)
    (entry,) = world.session.store.list("records/")
    path = world.session.store.local(entry.name)
    path.write_bytes(path.read_bytes().replace(b'"items":[5,0,0]', b'"items":[9,0,0]'))
    assert counts(world.report()) == Items(17)
