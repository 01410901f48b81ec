"""Edge. What the live display shows at one moment: a pure drawing of `Progress` in lines of coloured pieces.

A run of a thousand stages must fit a terminal: stages that are over are not drawn (the display has printed them above),
at most `STAGES` of those at work are, and at most `CHUNKS` chunks in flight.
"""

from __future__ import annotations

from typing import TypeAlias

from .progress import Progress, StageProgress
from .style import Style
from .words import chunk_name, clean, clip, clock, columns_of, duration, listing, number, percent, plural

STAGES = 8
CHUNKS = 4
WORTH_NAMING = 1.0
"""Seconds after which a chunk in flight is named; shorter ones would only flicker."""
_NAME = 28
_BAR = 30

Line: TypeAlias = "tuple[tuple[str, str], ...]"
"""Pieces of text, each with its role for `Style.paint`."""


def frame(progress: Progress, now: float, style: Style) -> list[Line]:
    """Return the lines to be shown at `now`, none wider than the terminal; characters are those that `style` allows."""
    stages = list(progress.stages.values())
    at_work = [s for s in stages if not s.over and s.state != "pending"]
    lines = [_head(progress, now)]
    name = min(max((columns_of(s.stage) for s in at_work), default=0), _NAME)
    lines += [_stage(s, now, name) for s in at_work[:STAGES]]
    if len(at_work) > STAGES:
        lines.append(((f"   {plural(len(at_work) - STAGES, 'more stage')} at work", "dim"),))
    if pending := [s.stage for s in stages if s.state == "pending"]:
        lines.append(((f" ○ {listing(pending)}", "dim"),))
    lines += _chunks(progress, now)
    lines.append(((f" {_foot(progress)}", "dim"),))
    return [_cut(line, style) for line in lines]


def plain_text(line: Line) -> str:
    """Return a line of a frame without its roles."""
    return "".join(text for text, _ in line).rstrip()


def _head(progress: Progress, now: float) -> Line:
    over = sum(s.over for s in progress.stages.values())
    return (
        (f" run {progress.run}", "bold"),
        (f"  {plural(progress.workers, 'worker')}  {number(over)}/{number(len(progress.stages))} stages  ", ""),
        (clock(now - progress.since), ""),
    )


def _stage(stage: StageProgress, now: float, width: int) -> Line:
    name = clip(stage.stage, width)
    head = (" ● ", "busy"), (name + " " * (width - columns_of(name)) + "  ", "")
    if stage.state == "cutting":
        return *head, ("cutting its deps into chunks", "dim")
    if stage.chunks is None:
        return *head, (plural(stage.finished, "chunk") + " done", "")
    # A stage of one chunk has no bar worth the name, unless its function says how far it is.
    inside = next(iter(stage.active.values()), None) if stage.chunks == 1 else None
    aside = ((f"  {number(stage.quarantined)} in quarantine", "warn"),) if stage.quarantined else ()
    if stage.chunks == 1 and (inside is None or not inside.total):
        return *head, (clock(now - inside.since) if inside else "waiting for a worker", "dim"), *aside
    done, whole = (inside.done, inside.total) if inside and inside.total else (stage.finished, stage.chunks)
    full = min(_BAR * done // max(whole, 1), _BAR)
    pieces = [*head, ("━" * full, "good"), ("─" * (_BAR - full), "dim"), (f"  {number(done)}/{number(whole)}", "")]
    pieces.append((f" {percent(done, whole):>4}", ""))
    if stage.reused:
        pieces.append((f"  {number(stage.reused)} reused", "dim"))
    if stage.failed:
        pieces.append((f"  {number(stage.failed)} failed", "bad"))
    pieces += aside
    if not stage.active and done < whole:
        pieces.append(("  waiting for a worker", "dim"))
    elif (rate := stage.rate(now)) and (left := stage.left(now)) is not None:
        pieces.append((f"  {_rate(rate)}  {duration(left)} left", "dim"))
    return tuple(pieces)


def _rate(rate: float) -> str:
    return f"{rate:,.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min" if rate >= 1 / 60 else f"{rate * 3600:.1f}/h"


def _chunks(progress: Progress, now: float) -> list[Line]:
    active = [item for item in progress.active if item[1] is not None and now - item[2].since >= WORTH_NAMING]
    lines: list[Line] = []
    for stage, index, chunk in active[:CHUNKS]:
        inside = f"  {number(chunk.done)}/{number(chunk.total)}" if chunk.total else ""
        lines.append(((f"   {clip(chunk_name(stage, index), _NAME + 8)}  {clock(now - chunk.since)}{inside}", "dim"),))
    if len(active) > CHUNKS:
        lines.append(((f"   +{number(len(active) - CHUNKS)} more", "dim"),))
    return lines


def _foot(progress: Progress) -> str:
    running = len(progress.active)
    if progress.stopping:
        return (
            f"Stopping ({progress.stopping.reason}): up to {duration(progress.stopping.grace)} for "
            f"{plural(running, 'running chunk')}. Ctrl-C again abandons them."
        )
    return f"Ctrl-C is safe: at most the {plural(running, 'running chunk')} would be lost."


def _cut(line: Line, style: Style) -> Line:
    room = style.width - 1  # a full last column makes some terminals wrap
    pieces = []
    for text, role in line:
        text = clip(clean(style.fit(text)), room)
        room -= columns_of(text)
        pieces.append((text, role))
        if room <= 0:
            break
    return tuple(pieces)
