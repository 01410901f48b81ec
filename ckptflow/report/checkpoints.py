"""Edge. What `checkpoints` prints: what is kept of stages, how far one is, what is damaged, what goes, what is back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .listings import finding_lines
from .style import Style
from .tables import table
from .words import chunk_name, clean, duration, number, percent, plural, size

if TYPE_CHECKING:
    from .checkpoint_views import CheckedCheckpoints, CheckpointView, PutAway, Restored, StageReport, StoredChunk

_DAYS = "7 days"
_STATE_ITEMS = 20
"""Entries of a stage's state that are shown."""


def checkpoint_lines(checkpoints: Sequence[CheckpointView], style: Style) -> list[str]:
    """Return the checkpoints of each stage; a star marks the one that `latest.json` points to."""
    if not checkpoints:
        return ["No checkpoints."]
    rows = [
        (
            "*" if each.latest else "",
            each.stage,
            each.id,
            each.status if each.problem is None else "damaged",
            _progress(each),
            "" if each.errors is None else number(each.errors),
            "" if each.skipped is None else number(each.skipped),
            _moment(each.started) if each.started else "",
            _moment(each.updated),
            _told(each),
        )
        for each in checkpoints
    ]
    headings = ("", "STAGE", "ID", "STATUS", "DONE", "ERRORS", "SKIPPED", "STARTED", "UPDATED", "")
    lines = table(headings, rows, right="llllrrrlll")  # not cut: the reasons stand last
    bad = sum(each.problem is not None for each in checkpoints)
    total = f"{plural(len(checkpoints), 'checkpoint')} of {plural(len({c.stage for c in checkpoints}), 'stage')}"
    if not bad:
        return [*lines, f"{total}."]
    hint = "  = help: `ckptflow checkpoints prune --state corrupt` takes them away; a run passes over them"
    return [*lines, style.paint(f"{total}, {number(bad)} damaged.", "bad"), hint]


def _told(each: CheckpointView) -> str:
    """Return what is wrong, with the file that it is wrong with: of one second there may be several."""
    return f"{each.file.rpartition('/')[2]}: {each.problem}" if each.problem is not None else ""


def _progress(each: CheckpointView) -> str:
    if each.processed is None:
        return ""
    return number(each.processed) if each.total is None else f"{number(each.processed)}/{number(each.total)}"


def _moment(text: str) -> str:
    """Return an ISO time as people read it: seconds are enough, and it is UTC."""
    return text[:19].replace("T", " ")


def chunk_lines(chunks: Sequence[StoredChunk], style: Style) -> list[str]:
    """Return the stored chunks in a table, and what they come to."""
    if not chunks:
        return ["No stored chunks."]
    rows = [
        (
            c.stage,
            "-" if c.index is None else f"{c.index:05d}",
            c.label,
            str(c.state),
            "" if c.rows is None else number(c.rows),
            size(c.bytes),
            "" if c.seconds is None else duration(c.seconds),
            c.run,
            c.format,
            c.problem or _items(c),
        )
        for c in chunks
    ]
    headings = ("STAGE", "CHUNK", "LABEL", "STATE", "ROWS", "SIZE", "TIME", "RUN", "FORMAT", "")
    lines = table(headings, rows, right="llllrrrlll")  # not cut: what is wrong stands last
    states: dict[str, int] = {}
    for chunk in chunks:
        states[str(chunk.state)] = states.get(str(chunk.state), 0) + 1
    counts = ", ".join(f"{number(count)} {state}" for state, count in states.items())
    seconds = sum(chunk.seconds or 0.0 for chunk in chunks)
    total = (
        f"{plural(len(chunks), 'chunk')} ({counts}), {size(sum(c.bytes for c in chunks))}, {duration(seconds)} of work."
    )
    if "corrupt" not in states:
        return [*lines, total]
    return [*lines, total, "  = help: `ckptflow checkpoints prune --state corrupt --yes`, then `ckptflow repro`"]


def _items(chunk: StoredChunk) -> str:
    if chunk.items is None:
        return ""
    ok, failed, skipped = chunk.items
    parts = [f"{plural(ok + failed + skipped, 'item')}"]
    parts += [f"{number(failed)} failed"] if failed else []
    parts += [f"{number(skipped)} skipped"] if skipped else []
    return ", ".join(parts)


def report_lines(report: StageReport, style: Style) -> list[str]:
    """Return how far a stage is, a fact a line."""
    done = f"{number(report.processed)} {report.unit}"
    if report.total is not None:
        done = f"{number(report.processed)} of {number(report.total)} {report.unit}"
        done += f" ({percent(report.processed, report.total)})"
    counts = [f"{number(report.ok)} ok", f"{number(report.errors)} failed", f"{number(report.skipped)} skipped"]
    facts: list[tuple[str, str]] = [
        ("stage", report.stage),
        ("status", _status(report)),
        ("done", f"{done}: {', '.join(counts)}"),
        ("since", _since(report)),
        ("rate", _rate(report.rate, report.unit)),
        ("average", f"{report.average_ms:,.3f} ms of work for one of the {report.unit}" if report.average_ms else ""),
        ("time left", _left(report)),
        ("worked", f"{duration(report.seconds)} by all workers, {duration(report.elapsed)} since it began"),
        ("started", _moment(report.started)),
        ("updated", _moment(report.updated)),
        ("last item", "" if report.last_processed_id is None else str(report.last_processed_id)),
        ("last id", "" if report.last_generated_id is None else str(report.last_generated_id)),
        ("error", report.error or ""),
        ("run", report.run or ""),
        ("code", report.processor),
        (
            "checkpoint",
            f"{report.file}{'  (latest)' if report.latest else ''}" if report.file else "none of this run yet",
        ),
    ]
    width = max(len(name) for name, text in facts if text)
    lines = [f"{name.ljust(width)}  {clean(text)}" for name, text in facts if text]
    return [*lines, *_state(report.state)]


def _status(report: StageReport) -> str:
    if report.status not in ("in_progress", "resuming"):
        return report.status
    if report.running is None:
        return f"{report.status}; nobody here is at work on it: `ckptflow repro {report.stage}` goes on"
    return f"{report.status}, by {report.running}"


def _since(report: StageReport) -> str:
    if not report.since:
        return ""
    recorded = f"{plural(report.since, report.unit[:-1])} recorded"
    return (
        f"{recorded} after the checkpoint was written"
        if report.file
        else f"{recorded} by this run; what was reused is not among them"
    )


def _rate(rate: float | None, unit: str) -> str:
    if rate is None:
        return ""
    return f"{rate:,.1f} {unit}/s" if rate >= 1 else f"{rate * 60:.1f} {unit}/min"


def _left(report: StageReport) -> str:
    if report.status == "completed":
        return ""
    return "not known" if report.seconds_left is None else f"about {duration(report.seconds_left)} at this rate"


def _state(state: Mapping[str, Any]) -> list[str]:
    if not state:
        return []
    shown = [f"  {clean(str(name))}: {_short(value)}" for name, value in list(state.items())[:_STATE_ITEMS]]
    more = len(state) - _STATE_ITEMS
    return ["state", *shown, *([f"  ... ({number(more)} more)"] if more > 0 else [])]


def _short(value: Any) -> str:
    text = clean(str(value))
    return text if len(text) <= 100 else f"{text[:97]}..."


def checked_lines(found: CheckedCheckpoints, style: Style) -> list[str]:
    """Return what was looked at and what is wrong, and what to do about it."""
    looked = [plural(found.documents, "checkpoint")]
    if found.deep:
        looked.append(plural(found.records, "record"))
        looked.append(f"{plural(found.objects, 'object')} ({size(found.bytes)}) hashed")
    total = f"Looked at {', '.join(looked)}"
    if not found.findings:
        return [f"{total}: all are sound."]
    *lines, _ = finding_lines(found.findings, style)
    wrong = style.paint(plural(len(found.findings), "finding"), "bad")
    hint = "  = help: `ckptflow checkpoints prune --state corrupt --yes`, then `ckptflow repro`"
    return [*lines, f"{total}: {wrong}.", hint]


def put_away_lines(found: PutAway, style: Style) -> list[str]:
    """Return what goes, or would go, and how to have it back."""
    verb = "put away" if found.done else "would put away"
    forget = "forgotten" if found.done else "would forget"
    rows = [
        (verb, each.checkpoint.stage, each.checkpoint.file.rpartition("/")[2], each.why) for each in found.documents
    ]
    rows += [
        (
            forget,
            chunk.stage,
            chunk_name(chunk.stage, chunk.index),
            chunk.problem or f"{chunk.state}, {size(chunk.bytes)}",
        )
        for chunk in found.chunks
    ]
    rows += [("set right" if found.done else "would set right", "", name, "") for name in found.pointers]
    lines = table(("", "", "", ""), rows, width=style.width)
    if found.is_empty:
        return ["Nothing to put away."]
    parts = []
    if found.documents:
        parts.append(plural(len(found.documents), "checkpoint"))
    if found.chunks:
        parts.append(plural(len(found.chunks), "chunk"))
    if found.pointers:
        parts.append(plural(len(found.pointers), "pointer"))
    what, stay = ", ".join(parts), f"{plural(found.kept, 'checkpoint')} stay" + ("s" if found.kept == 1 else "")
    if not found.done:
        return [*lines, f"Nothing was done: {what} would go, {stay}. `--yes` does it."]
    again = " `ckptflow repro` makes the chunks again." if found.chunks else ""
    undo = f" Undo within {_DAYS}: `ckptflow checkpoints restore --from-trash`."
    return [*lines, f"Done: {what}; {stay}.{again}{undo}"]


def restored_lines(found: Restored, style: Style) -> list[str]:
    """Return what is back."""
    lines = [
        f"{'latest  ' if each.file in found.latest else 'restored'}  {clean(each.file)}"
        + ("" if each.problem is None else f"  {style.paint('damaged', 'bad')}: {clean(each.problem)}")
        for each in found.documents
    ]
    lines += [f"restored  {plural(count, 'chunk')} of {clean(stage)}" for stage, count in found.records]
    lines += [f"note: {clean(note)}" for note in found.notes]
    return lines or ["Nothing was restored."]


def trash_lines(documents: Sequence[CheckpointView], records: Mapping[tuple[str, str], int], style: Style) -> list[str]:
    """Return what can be had back."""
    if not documents and not records:
        return ["The trash is empty."]
    rows = [
        (
            each.stage,
            each.id,
            each.status if each.problem is None else "damaged",
            _progress(each),
            _moment(each.trashed or ""),
        )
        for each in documents
    ]
    rows += [
        (stage, plural(count, "chunk"), "forgotten", "", _moment(when)) for (stage, when), count in records.items()
    ]
    lines = table(("STAGE", "WHAT", "STATUS", "DONE", "PUT AWAY"), rows, right="lllrl", width=style.width)
    return [*lines, f"`ckptflow checkpoints restore` brings back; `gc` removes what is older than {_DAYS}."]
