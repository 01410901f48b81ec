from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from ckptflow.errors import Failure
from ckptflow.events import ChunkFailed, Event, Note, RunStarted
from ckptflow.ids import StageName
from ckptflow.report.jsonl import JsonLines
from ckptflow.report.multi import Multi
from ckptflow.report.quiet import Quiet
from ckptflow.report.style import Style
from ckptflow.report.ticker import Ticker


class Recorder:
    def __init__(self, fails: bool = False) -> None:
        self.events: list[Event] = []
        self.closed = 0
        self.fails = fails

    def emit(self, event: Event) -> None:
        if self.fails:
            raise OSError("disk full")
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1


EVENT = Note("info", "hello")


def test_multi_hands_on_and_closes_once() -> None:
    one, two = Recorder(), Recorder()
    multi = Multi([one, two])
    multi.emit(EVENT)
    multi.close()
    multi.close()
    assert one.events == two.events == [EVENT]
    assert (one.closed, two.closed) == (1, 1)


def test_multi_leaves_out_a_reporter_that_broke() -> None:
    bad, good = Recorder(fails=True), Recorder()
    multi = Multi([bad, good])
    multi.emit(EVENT)
    multi.emit(EVENT)
    assert len(good.events) == 2
    assert [str(e) for e in multi.broken] == ["disk full"]
    assert bad.closed == 1


def test_every_event_is_one_json_line(story: list[tuple[float, Event]], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reporter = JsonLines(path.open("w"), lambda: 1780000000.25)
    for _, event in story:
        reporter.emit(event)
    reporter.close()
    docs = [json.loads(text) for text in path.read_text().splitlines()]
    assert len(docs) == len(story)
    assert docs[0]["type"] == "run.started" and docs[-1]["type"] == "run.ended"
    assert {doc["time"] for doc in docs} == {"2026-05-28T20:26:40.250Z"}
    assert docs[-1]["result"]["stages"][1]["chunks"]["reused"] == 61
    failed = next(doc for doc in docs if doc["type"] == "chunk.failed")
    assert (failed["stage"], failed["index"], failed["failure"]["kind"]) == ("edge_features", 1, "exception")


def test_quiet_tells_failures_and_warnings_only() -> None:
    written: list[str] = []
    reporter: Any = Quiet(written.append, Style())
    reporter.emit(RunStarted("r", (), 1))
    reporter.emit(Note("info", "hello"))
    reporter.emit(Note("warning", "careful"))
    reporter.emit(ChunkFailed(StageName("a"), None, 1, Failure("timeout", "10 s")))
    reporter.close()
    assert written == ["warning: careful\n", "✗ a  took longer than its timeout\n  10 s\n"]


def test_ticker_ticks_until_it_is_stopped() -> None:
    ticked = threading.Event()
    ticker = Ticker(ticked.set, 0.001)
    assert ticked.wait(60)
    ticker.stop()
    ticker.stop()
    ticked.clear()
    assert not ticked.wait(0.02)


def test_ticker_ends_when_nobody_reads() -> None:
    called = threading.Semaphore(0)

    def tick() -> None:
        called.release()
        raise BrokenPipeError

    ticker = Ticker(tick, 0.001)
    assert called.acquire(timeout=60)
    assert not called.acquire(timeout=0.02)
    ticker.stop()
