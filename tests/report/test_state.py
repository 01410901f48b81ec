from __future__ import annotations

from collections.abc import Callable

from ckptflow.ids import StageName
from ckptflow.plan.stale import Cause, Reason
from ckptflow.plan.view import PlanView, StageView
from ckptflow.report.state import plan_lines, status_lines, why_lines
from ckptflow.report.style import Style

PLAN = PlanView(
    (
        StageView(StageName("load"), "fresh", 1, 0, 1, 0),
        StageView(
            StageName("node_features"),
            "stale",
            64,
            12,
            52,
            0,
            (
                Reason(Cause.DATA, "12 chunks of accounts changed"),
                Reason(Cause.PARAM, "parameter window_days: 7 -> 30"),
            ),
            ("stages.py:12: getattr with a name that is computed",),
            (1, 2, 3, 7, 9, 10, 40, 41, 42, 43, 44, 63),
        ),
        StageView(StageName("normalise"), "stale", None, 0, 0, 64, (Reason(Cause.FOLLOWS, "follows node_features"),)),
        StageView(StageName("restored"), "stale", 3, 0, 3, 0, (Reason(Cause.OUT_MISSING, "data/x is not there"),)),
        StageView(StageName("old"), "frozen", 5, 0, 0, 0),
    ),
    ("not a cause: stages.py changed, but only comments",),
)
FRESH = PlanView((StageView(StageName("a"), "fresh", 1200, 0, 1200, 0), StageView(StageName("b"), "fresh", 1, 0, 1, 0)))


def test_what_users_read(golden: Callable[[str, str], None]) -> None:
    style = Style(width=100)
    forms = {
        "status": status_lines(PLAN, style),
        "status --explain --chunks": status_lines(PLAN, style, explain=True, chunks=True),
        "plan": plan_lines(PLAN, style),
        "why": why_lines(PLAN),
        "status, all fresh": status_lines(FRESH, style),
        "plan, all fresh": plan_lines(FRESH, style),
    }
    golden("state.txt", "".join(f"--- {name}\n" + "".join(f"{x}\n" for x in lines) for name, lines in forms.items()))


def test_a_narrow_terminal_cuts_the_reasons() -> None:
    assert all(len(line) <= 60 for line in status_lines(PLAN, Style(width=60))[:-2])
