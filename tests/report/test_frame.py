from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ckptflow.events import ChunkProgress, ChunkStarted, Cutting, Event, RunStarted, StagePlanned, Stopping
from ckptflow.ids import StageName
from ckptflow.report.frame import CHUNKS, STAGES, frame, plain_text
from ckptflow.report.progress import Progress
from ckptflow.report.style import Style
from ckptflow.report.words import columns_of


def at(story: list[tuple[float, Event]], time: float) -> Progress:
    progress = Progress()
    for now, event in story:
        if now <= time:
            progress.take(event, now)
    return progress


def drawn(progress: Progress, now: float, style: Style) -> str:
    return "".join(f"{plain_text(line)}\n" for line in frame(progress, now, style))


def test_frames(story: list[tuple[float, Event]], golden: Callable[[str, str], None]) -> None:
    style = Style(unicode=True, width=100)
    text = ""
    for moment in (0.0, 0.5, 1.5, 40.0, 74.5):
        text += f"--- {moment} s\n{drawn(at(story, moment), moment, style)}"
    stopping = at(story, 74.5)
    stopping.take(Stopping("SIGINT", 2, 30.0), 75.0)
    text += f"--- stopping\n{drawn(stopping, 75.0, style)}"
    text += f"--- ascii, 60 columns\n{drawn(at(story, 74.5), 74.5, Style(unicode=False, width=60))}"
    golden("frames.txt", text)


def test_a_thousand_stages_fit_a_terminal() -> None:
    names = tuple(StageName(f"stage{i}") for i in range(1000))
    progress = Progress()
    progress.take(RunStarted("r", names, 500), 0.0)
    for i, name in enumerate(names[:500]):
        progress.take(StagePlanned(name, 10, 0), 0.0)
        progress.take(ChunkStarted(name, 0, 1, i), 0.0)
    assert len(frame(progress, 1.0, Style())) <= STAGES + CHUNKS + 5


def test_a_frame_in_ascii_is_ascii(story: list[tuple[float, Event]]) -> None:
    assert drawn(at(story, 74.5), 74.5, Style(unicode=False)).isascii()


@given(st.integers(40, 200), st.text(min_size=1, max_size=60))
def test_no_line_reaches_the_last_column(width: int, name: str) -> None:
    progress = Progress()
    stage = StageName(name)
    progress.take(RunStarted("r", (stage, StageName("other" * 20)), 2), 0.0)
    progress.take(StagePlanned(stage, 1_000_000, 5), 0.0)
    progress.take(ChunkStarted(stage, 3, 1, 0), 0.0)
    for line in frame(progress, 1.0, Style(width=width)):
        assert columns_of(plain_text(line)) < width
        assert "\n" not in plain_text(line)
        assert "\x1b" not in plain_text(line)


def test_cutting_says_so() -> None:
    progress = Progress()
    progress.take(Cutting(StageName("a")), 0.0)
    assert " ● a  cutting its deps into chunks\n" in drawn(progress, 0.0, Style())


def test_items_in_quarantine_stand_in_the_bar() -> None:
    progress = Progress()
    for name, chunks in (("a", 10), ("b", 1)):
        progress.take(StagePlanned(StageName(name), chunks, 0), 0.0)
        progress.take(ChunkStarted(StageName(name), 0, 1, 0), 0.0)
        progress.take(ChunkProgress(StageName(name), 0, 5, None if chunks == 1 else 9, failed=2), 0.0)
    one, other = [line for line in drawn(progress, 1.0, Style()).splitlines() if "quarantine" in line]
    assert "0/10" in one and "2 in quarantine" in one
    assert other.startswith(" ● b") and other.endswith("2 in quarantine")
