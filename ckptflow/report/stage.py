"""Edge. How one finished stage is told, in the plain and in the live display alike."""

from __future__ import annotations

from .progress import StageProgress
from .words import duration, number, plural, size

MARKS = {
    "fresh": ("✓", "dim"),
    "ran": ("✓", "good"),
    "reused": ("✓", "good"),
    "frozen": ("✓", "dim"),
    "failed": ("✗", "bad"),
    "blocked": ("○", "warn"),
    "stopped": ("○", "warn"),
}
"""The sign of each state a stage can end in, with the role of its colour."""


def ending(stage: StageProgress) -> str:
    """Return what became of a stage that is over, without its name: `3 of 64 chunks run in 1.9s, 1 retry, 212 kB`."""
    match stage.state:
        case "fresh":
            return "up to date"
        case "frozen":
            return "frozen"
        case "blocked":
            return "blocked: something before it failed"
        case "stopped":
            return f"not finished: {number(stage.ran + stage.reused)} of {_chunks(stage)} kept"
        case "reused":
            return f"{_chunks(stage)} restored from records"
        case "failed":
            return f"failed after {duration(stage.seconds)}: {_counts(stage)}"
        case _:
            whole = plural(stage.ran, "chunk") if not stage.reused else f"{number(stage.ran)} of {_chunks(stage)}"
            return ", ".join([f"{whole} run in {duration(stage.seconds)}", *_extras(stage)])


def _chunks(stage: StageProgress) -> str:
    return plural(stage.chunks or stage.finished, "chunk")


def _counts(stage: StageProgress) -> str:
    parts = [f"{plural(stage.failed, 'chunk')} failed", f"{number(stage.ran)} run and kept"]
    if stage.reused:
        parts.append(f"{number(stage.reused)} reused")
    left = (stage.chunks or 0) - stage.finished
    if left > 0:
        parts.append(f"{number(left)} not tried")
    return ", ".join(parts)


def _extras(stage: StageProgress) -> list[str]:
    extras = []
    if stage.quarantined:
        extras.append(f"{plural(stage.quarantined, 'item')} in quarantine")
    if stage.retries:
        extras.append(plural(stage.retries, "retry", "retries"))
    if stage.rows is not None:
        extras.append(plural(stage.rows, "row"))
    if stage.bytes is not None:
        extras.append(size(stage.bytes))
    return extras
