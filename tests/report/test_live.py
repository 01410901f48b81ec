from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from ckptflow.events import Event, RunStarted, StagePlanned
from ckptflow.ids import StageName
from ckptflow.report.live import Live
from ckptflow.report.style import Style


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_stays_on_the_screen(
    clock: Any, story: list[tuple[float, Event]], golden: Callable[[str, str], None], monkeypatch: Any
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # rich then draws nothing that moves: what is left is what was printed for good
    stream = Terminal()
    live = Live(stream, Style(), clock=clock)
    for now, event in story:
        clock.now = now
        live.emit(event)
    live.close()
    lines = [line.rstrip() for line in stream.getvalue().split("\n")]
    golden("live.txt", "\n".join(lines))


def test_the_terminal_is_left_as_it_was(clock: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    live = Live(stream, Style(color=True), clock=clock)
    shown = stream.getvalue()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor stays visible: a killed run cannot show it"
    live.emit(RunStarted("r", (StageName("a"),), 1))
    live.emit(StagePlanned(StageName("a"), 10, 0))
    live.close()
    live.close()
    written = stream.getvalue()
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")
    assert "\x1b[?1049h" not in written, "never on the alternate screen"
