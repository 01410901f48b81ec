from __future__ import annotations

import subprocess
import sys
from typing import Any

from ckptflow.report.summary import nothing_to_do, summary_line


def stage(name: str, state: str, ran: int = 0, reused: int = 0, failed: int = 0) -> dict[str, Any]:
    return {"stage": name, "state": state, "chunks": {"ran": ran, "reused": reused, "failed": failed}}


def line(*stages: dict[str, Any], ok: bool = True, stopped: str | None = None) -> str:
    return summary_line({"ok": ok, "seconds": 2.4, "stages": list(stages)}, stopped=stopped)


def test_done() -> None:
    assert line(stage("a", "ran", 1), stage("b", "ran", 8), stage("c", "fresh")) == (
        "Done in 2.4s: 2 stages, 9 chunks run, 0 reused."
    )


def test_restored_without_running() -> None:
    assert line(stage("a", "reused", 0, 8)) == "Done in 2.4s: 1 stage, 0 chunks run, 8 reused."


def test_nothing_to_do() -> None:
    assert line(stage("a", "fresh", 0, 1), stage("b", "frozen")) == "Nothing to do: 2 stages are up to date."
    assert nothing_to_do(1) == "Nothing to do: 1 stage is up to date."


def test_failed() -> None:
    told = line(stage("a", "failed", 138, 0, 1), stage("b", "blocked"), stage("c", "blocked"), ok=False)
    assert told == "Failed after 2.4s: 1 chunk failed in a, 2 blocked (b, c), 138 run and kept, 0 reused."


def test_stopped() -> None:
    assert line(stage("a", "failed", 3, 1), ok=False, stopped="SIGINT").startswith("Stopped after 2.4s: SIGINT. 3 ch")


def test_stopped_with_failures_is_stopped() -> None:
    told = line(stage("a", "stopped", 3, 1, 1), ok=False, stopped="SIGINT")
    assert told == "Stopped after 2.4s: SIGINT. 3 chunks run and kept, 1 failed, 1 reused."


def test_failed_before_others_began() -> None:
    told = line(stage("a", "failed", 3, 1, 1), stage("b", "stopped"), ok=False)
    assert told == "Failed after 2.4s: 1 chunk failed in a, 1 not finished (b), 3 run and kept, 1 reused."


def test_some_chunks_only() -> None:
    told = line(stage("a", "stopped", 3, 4), stage("b", "stopped"), stage("c", "ran", 1))
    assert told == "Done in 2.4s: 4 chunks run, 4 reused; 2 stages are not finished (a, b)."


def test_the_last_line_of_a_run_without_work_loads_nothing_heavy() -> None:
    heavy = "('rich', 'click', 'pyarrow', 'yaml')"
    code = f"import sys, ckptflow.report.summary; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
