from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from ckptflow.report.style import Style
from ckptflow.report.transfer import TransferLines, TransferLive, checkout_lines, fetched_lines, pushed_lines


@dataclass
class Counting:
    doing: str = ""
    objects: int = 0
    bytes: int = 0
    done_objects: int = 0
    done_bytes: int = 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


MOVED = {"remote": "r", "url": "s3://b", "objects": 0, "bytes": 0, "records": 0, "dry": False, "seconds": 2.0}


def test_lines_tell_how_far_it_is_now_and_then(clock: Any) -> None:
    tally, said = Counting(), list[str]()
    lines = TransferLines(tally, said.append, clock, lambda: 0.0)
    tally.doing = "looking at what is there"
    for clock.now in range(12):
        lines.tick()
    tally.doing, tally.objects, tally.bytes = "sending", 100, 40_000_000
    lines.tick()
    clock.now, tally.done_objects, tally.done_bytes = 31, 25, 10_000_000
    lines.tick()
    lines.tick()
    assert [line.split(" ", 1)[1] for line in said] == [
        "looking at what is there\n",
        "sending: 10.0 MB of 40.0 MB (25%), 500 kB/s, about 1m00s left\n",
    ]


def test_the_line_on_a_terminal(clock: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    tally, stream = Counting(), Terminal()
    live = TransferLive(tally, stream, Style(), clock)
    tally.doing, tally.objects, tally.bytes = "fetching", 1200, 40_000_000
    live.line()
    clock.now += 20
    tally.done_objects, tally.done_bytes = 300, 10_000_000
    line = live.line()
    assert line == (
        " ● fetching  00:00:20  ━━━━━━━───────────────────────  10.0 MB of 40.0 MB  25%  300/1,200 objects"
        "  500 kB/s  1m00s left"
    )
    live.close()
    live.close()
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l"), "the cursor is visible"


def test_what_a_push_came_to() -> None:
    doc: dict[str, Any] = {**MOVED, "documents": 0, "left_out": {"load": 1, "old": 3}, "merged": 501}
    assert pushed_lines(doc) == [
        "r has everything that is finished here.",
        "note: 1 record of load left out: its objects are not here any more; a run makes them again",
        "note: 3 records of old left out: their objects are not here any more; a run makes them again",
        "501 segments of records merged",
    ]
    doc |= {"objects": 1, "bytes": 5, "records": 1, "documents": 1, "left_out": {}, "merged": 0}
    assert pushed_lines(doc) == ["Sent 1 object (5 B), 1 record, 1 document to r, s3://b in 2.0s."]


def test_what_a_fetch_came_to() -> None:
    def said(total: int, complete: int) -> list[str]:
        return fetched_lines({**MOVED, "outs": {"total": total, "complete": complete}})

    assert said(0, 0) == ["The lock files name no outs."]
    assert said(3, 3) == ["3 of 3 outs here."]
    assert said(3, 1) == ["1 of 3 outs here."]


def test_what_a_checkout_came_to() -> None:
    assert checkout_lines({"added": [], "changed": [], "unchanged": 0}) == ["Nothing to place."]
    assert checkout_lines({"added": ["a\x1b[2J"], "changed": [], "unchanged": 0}) == ["added    a"]
