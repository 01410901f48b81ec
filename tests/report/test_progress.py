from __future__ import annotations

from ckptflow.chunk.headway import Items
from ckptflow.errors import Failure
from ckptflow.events import (
    ChunkDone,
    ChunkFailed,
    ChunkProgress,
    ChunkRetry,
    ChunkStarted,
    Cutting,
    RunStarted,
    StageDone,
    StagePlanned,
    StageStarted,
)
from ckptflow.ids import StageName
from ckptflow.report.progress import Progress
from ckptflow.report.stage import ending

A, B = StageName("a"), StageName("b")
FAILURE = Failure("exception", "no")


def test_a_stage_from_pending_to_its_end() -> None:
    progress = Progress()
    progress.take(RunStarted("r", (A, B), 4), 10.0)
    a = progress.stage(A)
    assert (a.state, progress.stage(B).state, progress.workers) == ("pending", "pending", 4)
    progress.take(StageStarted(A), 11.0)
    progress.take(Cutting(A), 11.0)
    assert a.state == "cutting"
    progress.take(StagePlanned(A, 4, 1), 12.0)
    progress.take(ChunkStarted(A, 0, 1, 0), 12.0)
    assert (a.state, a.chunks, a.finished) == ("running", 4, 1)
    progress.take(ChunkProgress(A, 0, 5, 10), 13.0)
    assert (a.active[0].done, a.active[0].total) == (5, 10)
    progress.take(ChunkRetry(A, 0, 1, FAILURE, 1.0), 13.0)
    assert not a.active and a.retries == 1
    progress.take(ChunkStarted(A, 0, 2, 0), 14.0)
    progress.take(ChunkDone(A, 0, 1.0, 1, 1), 15.0)
    progress.take(ChunkFailed(A, 1, 1, FAILURE), 16.0)
    assert (a.ran, a.failed, a.reused, a.finished, a.over) == (1, 1, 1, 3, False)
    progress.take(StageDone(A, "failed", 5.0, 4, 1, 2, 1), 17.0)
    assert (a.ran, a.failed, a.reused, a.over) == (1, 1, 2, True)


def test_a_stage_takes_as_long_as_one_waits_for_it() -> None:
    progress = Progress()
    progress.take(StageStarted(A), 10.0)
    progress.take(StageDone(A, "ran", 12.0, 4, 4, 0, 0), 16.5)
    progress.take(StageDone(B, "blocked", 0.0, 1, 0, 0, 0), 17.0)
    assert (progress.stage(A).seconds, progress.stage(B).seconds) == (6.5, 0.0)


def test_the_oldest_chunk_comes_first() -> None:
    progress = Progress()
    progress.take(ChunkStarted(B, 7, 1, 0), 2.0)
    progress.take(ChunkStarted(A, 3, 1, 1), 1.0)
    assert [(stage, index) for stage, index, _ in progress.active] == [(A, 3), (B, 7)]


def test_rate_and_time_left() -> None:
    progress = Progress()
    progress.take(StagePlanned(A, 100, 0), 0.0)
    assert progress.stage(A).rate(0.0) is None and progress.stage(A).left(0.0) is None
    for second in range(11):
        progress.take(ChunkDone(A, second, 1.0, 1, 1), float(second))
    assert progress.stage(A).rate(11.0) == 1.0
    assert progress.stage(A).left(11.0) == 89.0
    assert progress.stage(A).rate(22.0) == 0.5, "a stage that stands still gets slower"


def test_reused_chunks_do_not_count_for_the_rate() -> None:
    progress = Progress()
    for index in range(5):
        progress.take(ChunkDone(A, index, 0.0, 1, 1, reused=True), 0.0)
    assert progress.stage(A).reused == 5 and progress.stage(A).rate(1.0) is None


def test_a_new_plan_does_not_count_twice_what_this_run_did() -> None:
    progress = Progress()
    progress.take(StagePlanned(A, 10, 2), 0.0)
    for index in range(3):
        progress.take(ChunkDone(A, index, 1.0, 1, 1), 1.0)
    progress.take(StagePlanned(A, 10, 5), 2.0)
    assert progress.stage(A).finished == 5


def test_events_of_unknown_stages_and_chunks_are_harmless() -> None:
    progress = Progress()
    progress.take(ChunkProgress(A, 5, 1, 2), 0.0)
    progress.take(ChunkDone(A, 5, 1.0, None, 0), 0.0)
    assert progress.stage(A).ran == 1


def test_items_in_quarantine_are_counted_while_the_run_goes_on() -> None:
    """Those of reused chunks, of chunks that are done, and of those in work; and never twice."""
    progress = Progress()
    a = progress.stage(A)
    progress.take(StagePlanned(A, 10, 2, quarantined=3), 0.0)
    assert a.quarantined == 3
    progress.take(ChunkStarted(A, 4, 1, 0), 0.0)
    progress.take(ChunkProgress(A, 4, 50, 100, failed=2), 0.0)
    assert a.quarantined == 5
    progress.take(ChunkDone(A, 4, 1.0, 96, 1, items=Items(96, 4, 0)), 0.0)
    assert a.quarantined == 7
    progress.take(StagePlanned(A, 10, 3, quarantined=7), 0.0)  # planned again: its own chunk is among the records
    assert a.quarantined == 7
    progress.take(StageDone(A, "ran", 1.0, 10, 8, 2, 0, quarantined=9), 1.0)
    assert a.quarantined == 9 and ending(a).endswith("9 items in quarantine")
