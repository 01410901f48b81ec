"""Edge. What `status`, `plan` and `why` print: the stages first, then the causes that all else follows from."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan.view import PlanView, StageView
from .style import Style
from .summary import nothing_to_do, superseded_lines, superseded_text
from .tables import table
from .words import clean, number, plural


def status_lines(plan: PlanView, style: Style, *, explain: bool = False, chunks: bool = False) -> list[str]:
    """Return the state of all stages in a table; `explain` adds all reasons, `chunks` which chunks are stale."""
    if not plan.pending and not explain and not chunks:
        kept = sum(s.reusable for s in plan.stages)
        return [
            f"Everything is up to date: {plural(len(plan.stages), 'stage')}, {plural(kept, 'chunk')}.",
            *_mixed(plan),
        ]
    rows = [(s.stage, s.state, _total(s), _work(s), _reason(s)) for s in plan.stages]
    lines = table(("STAGE", "STATE", "CHUNKS", "STALE", "WHY"), rows, right="llrr", width=style.width)
    if chunks:
        lines += _stale_chunks(plan.stages)
    if explain:
        lines += _explanation(plan)
    return [*lines, "", totals(plan), *_mixed(plan)]


def why_lines(plan: PlanView) -> list[str]:
    """Return everything that is known of why stages are stale; fresh ones are named only where all are fresh."""
    lines: list[str] = []
    for stage in [s for s in plan.stages if s.state == "stale" or s.holes] or plan.stages:
        name = clean(stage.stage)
        match stage.state:
            case "stale":
                lines.append(f"{name} is stale: {_what(stage)}")
            case "frozen":
                lines.append(f"{name} is frozen: it is not run, whatever changes")
            case _:
                lines.append(f"{name} is up to date: {plural(stage.reusable, 'chunk')}")
        lines += [f"  {clean(reason.text)}" for reason in stage.reasons]
        if stage.superseded:
            lines.append(f"  {superseded_text(stage.total, stage.superseded)}")
        lines += [f"  not followed: {clean(hole)}" for hole in stage.holes]
        for change in stage.code_changes:
            lines += ["", f"  {clean(change.symbol)} {change.change}"]
            lines += [f"    {clean(line)}" for line in change.diff[2:]]  # without the names of two files
    return lines


def plan_lines(plan: PlanView, style: Style) -> list[str]:
    """Return what a run would do, stages with nothing to do left out."""
    rows = [(_verb(s), s.stage, _part(s), _reason(s)) for s in plan.stages if s.state == "stale"]
    if not rows:
        return [nothing_to_do(len(plan.stages)), *_mixed(plan)]
    lines = table(("", "STAGE", "CHUNKS", "WHY"), rows, right="llr", width=style.width)
    return [*lines, "", f"Plan: {totals(plan)} Nothing was run.", *_mixed(plan)]


def _mixed(plan: PlanView) -> list[str]:
    return superseded_lines((clean(stage.stage), stage.total, stage.superseded) for stage in plan.stages)


def totals(plan: PlanView) -> str:
    """Return the chunks of all stages in one sentence."""
    stale, maybe, kept = (sum(getattr(s, kind) for s in plan.stages) for kind in ("stale", "maybe", "reusable"))
    parts = [f"{plural(stale, 'chunk')} to run"]
    if maybe:
        parts.append(f"up to {number(maybe)} more that depend on what those give")
    parts.append(f"{number(kept)} kept")
    return ", ".join(parts) + "."


def _what(stage: StageView) -> str:
    if stage.maybe and stage.total is None:
        return f"{_work(stage)} chunks to run; how many is known when the stages above have run"
    if stage.merges:
        return f"the results of {plural(stage.reusable, 'chunk')} to be combined"
    if stage.stale or stage.maybe:
        return f"{_work(stage)} of {plural(stage.total or 0, 'chunk')} to run"
    return f"{plural(stage.reusable, 'chunk')} to be put in place, none to run"


def _verb(stage: StageView) -> str:
    if stage.merges:
        return "combine"
    return "run" if stage.stale else "maybe" if stage.maybe else "restore"


def _work(stage: StageView) -> str:
    """Return the stale chunks, or from how many to how many: `12`, `0-64`, `-`."""
    if stage.maybe:
        return f"{number(stage.stale)}-{number(stage.stale + stage.maybe)}"
    return number(stage.stale) if stage.stale else "-"


def _part(stage: StageView) -> str:
    if not stage.stale and not stage.maybe:
        return number(stage.reusable)
    return _work(stage) if stage.total is None else f"{_work(stage)} of {_total(stage)}"


def _total(stage: StageView) -> str:
    return "?" if stage.total is None else number(stage.total)


def _reason(stage: StageView) -> str:
    more = len(stage.reasons) - 1
    return f"{stage.reasons[0].text}{f' (+{more} more)' if more > 0 else ''}" if stage.reasons else ""


def _explanation(plan: PlanView) -> list[str]:
    lines: list[str] = []
    if plan.roots:
        lines += ["", "Root cause:" if len(plan.roots) == 1 else f"Root causes ({len(plan.roots)}):"]
        lines += [f" {i}. {clean(stage)}: {clean(reason.text)}" for i, (stage, reason) in enumerate(plan.roots, 1)]
    holes = [(s.stage, hole) for s in plan.stages for hole in s.holes]
    if holes:
        lines += ["", "Code that could not be followed, so that its whole module counts:"]
        lines += [f" {clean(stage)}: {clean(hole)}" for stage, hole in holes]
    if plan.notes:
        lines += ["", *(clean(note) for note in plan.notes)]
    return lines


def _stale_chunks(stages: Sequence[StageView]) -> list[str]:
    lines = [f" {clean(s.stage)}: {_ranges(s.stale_chunks)}" for s in stages if s.stale_chunks]
    return ["", "Stale chunks:", *lines] if lines else []


def _ranges(indexes: Sequence[int]) -> str:
    """Return sorted indexes with runs joined, in the form of targets: `#3, #10..20`."""
    runs: list[tuple[int, int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return ", ".join(f"#{a}" if a == b else f"#{a}..{b}" for a, b in runs)
