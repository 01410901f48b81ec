"""Edge. The lists that `log`, `verify`, `doctor` and `config` print."""

from __future__ import annotations

from collections.abc import Sequence

from .style import Style
from .summary import summary_line
from .tables import table
from .views import Check, Finding, RunDetail, RunSummary
from .words import clean, duration, number, plural


def log_lines(runs: Sequence[RunSummary], style: Style) -> list[str]:
    """Return the runs of the past, the latest first as they are given."""
    if not runs:
        return ["No runs yet."]
    rows = [
        (r.run, r.started, duration(r.seconds), r.outcome, number(r.ran), number(r.reused), number(r.failed))
        for r in runs
    ]
    headings = ("RUN", "STARTED", "TIME", "OUTCOME", "RAN", "REUSED", "FAILED")
    return table(headings, rows, right="llrlrrr", width=style.width)


def run_lines(detail: RunDetail, style: Style) -> list[str]:
    """Return one run: its stages, and what happened to checkpoints meanwhile."""
    lines = [f"run {detail.run}"]
    if detail.result is None:
        lines.append("It has not come to its end: it is going on, or was killed.")
    else:
        rows = [
            (
                str(stage["stage"]),
                str(stage["state"]),
                duration(stage["seconds"]),
                *(number(stage["chunks"][kind]) for kind in ("ran", "reused", "failed")),
                number(stage.get("quarantined", 0)),
            )
            for stage in detail.result["stages"]
        ]
        headings = ("STAGE", "STATE", "TIME", "RAN", "REUSED", "FAILED", "QUARANTINED")
        lines += ["", *table(headings, rows, right="llrrrrr", width=style.width), "", summary_line(detail.result)]
    if detail.checkpoints:
        lines += ["", "Checkpoints:"]
    for each in detail.checkpoints:
        mark = style.paint("warning: ", "warn") if each.level == "warning" else ""
        lines.append(f"  {each.time[11:19]} {mark}{clean(each.text)}")
    return lines


def finding_lines(findings: Sequence[Finding], style: Style, what: str = "store") -> list[str]:
    """Return what is wrong with the store, or with `what`, each with its remedy."""
    if not findings:
        return [f"The {what} is sound."]
    lines = []
    for finding in findings:
        lines.append(f"{style.paint(clean(finding.what), 'bad')} {clean(finding.name)}: {clean(finding.problem)}")
        if finding.remedy:
            lines.append(f"  = help: {clean(finding.remedy)}")
    return [*lines, f"{plural(len(findings), 'finding')}."]


def check_lines(checks: Sequence[Check], style: Style) -> list[str]:
    """Return what `doctor` looked at, a line each, and a hint below each that is not well."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        mark = style.paint(style.fit("✓"), "good") if check.ok else style.paint(style.fit("✗"), "bad")
        lines.append(f"{mark} {clean(check.name).ljust(width)}  {clean(check.detail)}".rstrip())
        if not check.ok and check.hint:
            lines.append(f"    = help: {clean(check.hint)}")
    return lines


def setting_lines(settings: Sequence[tuple[str, str, str]], style: Style) -> list[str]:
    """Return all settings: name, value, and where the value comes from."""
    return table(("SETTING", "VALUE", "FROM"), settings, width=style.width)
