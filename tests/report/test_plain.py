from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ckptflow.chunk.headway import Items
from ckptflow.errors import Failure
from ckptflow.events import (
    ChunkDone,
    ChunkFailed,
    ChunkProgress,
    ChunkStarted,
    Event,
    RunEnded,
    RunStarted,
    StagePlanned,
    Stopping,
)
from ckptflow.ids import StageName
from ckptflow.report.plain import FAILURES_IN_FULL, Plain
from ckptflow.report.style import Style

NOON = 43200.0
A = StageName("a")


def plain(clock: Any, **kwargs: Any) -> tuple[Plain, list[str]]:
    written: list[str] = []
    return Plain(written.append, Style(), clock=clock, wall=lambda: NOON + clock.now, **kwargs), written


def play(reporter: Any, clock: Any, story: list[tuple[float, Event]]) -> None:
    for now, event in story:
        clock.now = now
        reporter.emit(event)
    reporter.close()


@pytest.mark.parametrize("verbose", [False, True])
def test_a_run(clock: Any, story: list[tuple[float, Event]], golden: Callable[[str, str], None], verbose: bool) -> None:
    reporter, written = plain(clock, verbose=verbose)
    play(reporter, clock, story)
    golden(f"plain{'-verbose' if verbose else ''}.txt", "".join(written))


def test_the_number_of_lines_does_not_grow_with_the_chunks(clock: Any) -> None:
    reporter, written = plain(clock)
    reporter.emit(RunStarted("r", (A,), 1))
    reporter.emit(StagePlanned(A, 10_000, 0))
    for i in range(10_000):
        clock.now += 0.01
        reporter.emit(ChunkDone(A, i, 0.01, 1, 1))
    assert len(written) == 1 + 3  # the start, and 100 seconds of progress


def test_failures_beyond_the_first_are_short_and_then_silent(clock: Any) -> None:
    reporter, written = plain(clock)
    for i in range(1000):
        reporter.emit(ChunkFailed(A, i, 1, Failure("exception", "no", traceback="Traceback\nno")))
    assert sum("Traceback" in text for text in written) == FAILURES_IN_FULL
    assert len(written) == FAILURES_IN_FULL * 2 + FAILURES_IN_FULL * 9


def test_a_sign_of_life_after_a_minute_of_silence(clock: Any) -> None:
    reporter, written = plain(clock)
    reporter.emit(RunStarted("r", (A,), 1))
    reporter.tick()
    assert len(written) == 1
    clock.now = 100.0
    reporter.tick()
    assert len(written) == 1, "nothing is running"
    reporter.emit(ChunkStarted(A, 14, 1, 0))
    clock.now = 287.0
    reporter.tick()
    reporter.tick()
    assert written[1:] == ["12:04:47 1 chunk running, the oldest a#14 for 3m07s\n"]
    reporter.emit(RunEnded("r", True, 1.0))
    clock.now = 999.0
    reporter.tick()
    assert len(written) == 2


def test_a_stopped_run_says_what_is_kept(clock: Any) -> None:
    reporter, written = plain(clock)
    result = {"ok": False, "seconds": 60.0, "stages": [{"stage": "a", "state": "failed", "chunks": COUNTS}]}
    reporter.emit(Stopping("SIGTERM", 2, 30.0))
    reporter.emit(RunEnded("r", False, 60.0, result))
    assert written == [
        "12:00:00 stopping (SIGTERM): 2 running chunks, up to 30s for them\n",
        "12:00:00 Stopped after 1m00s: SIGTERM. 3 chunks run and kept, 1 reused.\n",
    ]


COUNTS = {"total": 9, "ran": 3, "reused": 1, "failed": 0}


def test_items_in_quarantine_are_told_with_the_progress(clock: Any) -> None:
    reporter, written = plain(clock)
    reporter.emit(StagePlanned(A, 100, 0))
    reporter.emit(ChunkDone(A, 0, 1.0, 9, 1, items=Items(9, 1, 0)))
    clock.now += 31.0
    reporter.emit(ChunkDone(A, 1, 1.0, 8, 1, items=Items(8, 2, 0)))
    assert "2/100 (2%), 3 items in quarantine, " in written[-1]
    reporter.emit(ChunkStarted(A, 2, 1, 0))
    reporter.emit(ChunkProgress(A, 2, 5, 10, failed=1))
    clock.now += 61.0
    reporter.tick()
    assert written[-1].endswith("(5/10); 4 items in quarantine\n")
