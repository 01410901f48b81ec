from __future__ import annotations

from ckptflow.errors import Failure
from ckptflow.events import ChunkFailed
from ckptflow.ids import StageName
from ckptflow.report.failure import failure_line, failure_lines, remedy
from ckptflow.report.style import Style

STAGE = StageName("a")


def lines(failure: Failure, **kwargs: object) -> list[str]:
    event = ChunkFailed(STAGE, 3, kwargs.pop("attempts", 1), failure, **kwargs)  # type: ignore[arg-type]
    return failure_lines(event, Style())


def test_message_is_not_told_twice() -> None:
    shown = lines(Failure("exception", "ValueError: no", traceback="Traceback:\n  f()\nValueError: no"))
    assert shown == ["✗ a#3  raised an exception", "  Traceback:", "    f()", "  ValueError: no"]


def test_message_without_traceback_is_told() -> None:
    assert lines(Failure("exit", "exit status 3"), attempts=2)[:2] == [
        "✗ a#3  ended with an error after 2 attempts",
        "  exit status 3",
    ]


def test_a_long_traceback_keeps_its_head_and_its_end() -> None:
    shown = lines(Failure("exception", "deep", traceback="\n".join(f"frame {i}" for i in range(1000))))
    assert len(shown) < 40
    assert "  frame 0" in shown and "  frame 999" in shown
    assert any("976 lines left out" in line for line in shown)


def test_only_the_last_lines_of_output() -> None:
    shown = lines(Failure("exit", "x", output="\n".join(f"line {i}" for i in range(100))))
    assert "  output (the last 8 of 100 lines):" in shown
    assert shown[-1] == "    │ line 99"


def test_control_characters_of_users_do_not_reach_the_terminal() -> None:
    nasty = "\x1b]0;title\x07x\x07"
    shown = lines(
        Failure("zzz", nasty, traceback=nasty, output=nasty, log=nasty, hint=nasty, notes=(nasty,)), label=nasty
    )
    assert shown[0] == "✗ a#3  failed  (x)"
    assert not any("\x1b" in line or "\x07" in line for line in shown)


def test_one_line() -> None:
    event = ChunkFailed(STAGE, 3, 1, Failure("exception", "first\nlast"))
    assert failure_line(event, Style()) == "✗ a#3  last"
    assert failure_line(ChunkFailed(STAGE, 3, 1, Failure("killed", "")), Style()).endswith("its worker process")


def test_the_remedy_says_what_a_change_of_code_costs() -> None:
    assert remedy(1, "a", 138) == (
        "a: 138 finished chunks are kept. `ckptflow repro` tries the failed one again; "
        "if the code of the stage is changed, all its chunks run again."
    )
    assert remedy(2, "a", 0) == "a: `ckptflow repro` tries the 2 failed ones again."
