"""Edge. The last lines of a run, from its result (the JSON object of SPEC section 8).

Imports nothing heavy: the way on which nothing is to be done ends here too.
"""

from __future__ import annotations

from .words import duration, listing, plural, size

TYPE_CHECKING = False  # `typing` costs more than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def summary_line(result: Mapping[str, Any], *, stopped: str | None = None) -> str:
    """Return the run in one line: what was done, what was kept, what went wrong.

    `stopped` says why a run ended before its end (`interrupted by SIGINT`, `the time is up`).
    """
    stages = result["stages"]
    by_state: dict[str, list[str]] = {}
    for stage in stages:
        by_state.setdefault(stage["state"], []).append(stage["stage"])
    ran, reused, failed = (sum(stage["chunks"][kind] for stage in stages) for kind in ("ran", "reused", "failed"))
    took = duration(result["seconds"])
    if stopped and not result["ok"]:
        bad = f"{failed:,} failed, " if failed else ""
        return f"Stopped after {took}: {stopped}. {plural(ran, 'chunk')} run and kept, {bad}{reused:,} reused."
    if not result["ok"]:
        parts = [f"{plural(failed, 'chunk')} failed in {listing(by_state.get('failed', ()), 4) or 'no stage'}"]
        if blocked := by_state.get("blocked"):
            parts.append(f"{len(blocked):,} blocked ({listing(blocked, 4)})")
        if unfinished := by_state.get("stopped"):
            parts.append(f"{len(unfinished):,} not finished ({listing(unfinished, 4)})")
        parts.append(f"{ran:,} run and kept")
        parts.append(f"{reused:,} reused")
        return f"Failed after {took}: {', '.join(parts)}."
    if unfinished := by_state.get("stopped"):  # only some chunks were asked for
        left = plural(len(unfinished), "stage is", "stages are")
        done = f"{plural(ran, 'chunk')} run, {reused:,} reused"
        return f"Done in {took}: {done}; {left} not finished ({listing(unfinished, 4)})."
    if not ran and not by_state.get("reused"):
        return nothing_to_do(len(stages))
    worked = len(by_state.get("ran", ())) + len(by_state.get("reused", ()))
    return f"Done in {took}: {plural(worked, 'stage')}, {plural(ran, 'chunk')} run, {reused:,} reused."


def quarantine_lines(result: Mapping[str, Any]) -> list[str]:
    """Return a line for each stage that has items in quarantine, and how to see them."""
    lines = []
    for stage in result["stages"]:
        if count := stage.get("quarantined", 0):
            verb = "item is" if count == 1 else "items are"
            name = stage["stage"]
            lines.append(
                f"{name}: {count:,} {verb} in quarantine: `ckptflow show {name}#quarantine`;"
                " `--retry-failed` tries again"
            )
    return lines


def superseded_lines(stages: Iterable[tuple[str, int | None, int]]) -> list[str]:
    """Return a line for each stage, given as (name, chunks, how many of them superseded code has made), that has such
    chunks, and how to make them again.
    """
    return [f"{name}: {superseded_text(chunks, superseded)}" for name, chunks, superseded in stages if superseded]


def superseded_text(chunks: int | None, superseded: int) -> str:
    """Return what there is to say of a stage so many of whose chunks superseded code has made."""
    of = "" if chunks is None or chunks == 1 else f" of {chunks:,}"
    few = superseded == 1
    verb, them = ("was", "it") if few else ("were", "them")
    noun = "chunk" if few and not of else "chunks"
    return (
        f"{superseded:,}{of} {noun} {verb} made by superseded code; `ckptflow repro --refresh-mixed` makes {them} again"
    )


def notes(result: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of stages whose outs are not what the code of now would make of all their data."""
    chunks = ((stage["stage"], stage["chunks"]) for stage in result["stages"])
    mixed = superseded_lines((name, counts["total"], counts.get("superseded", 0)) for name, counts in chunks)
    return [*quarantine_lines(result), *mixed]


def remote_line(result: Mapping[str, Any]) -> str | None:
    """Return what went to a remote and came from it in one line; None where nothing did."""
    remote = result.get("remote")
    if remote is None:
        return None
    parts = [
        f"{verb} {plural(remote[kind]['objects'], 'object')} ({size(remote[kind]['bytes'])})"
        for verb, kind in (("sent", "sent"), ("fetched", "fetched"))
        if remote[kind]["objects"]
    ]
    if left := remote["left"]:
        stay = "stays there and is brought" if len(left) == 1 else "stay there and are brought"
        parts.append(f"{listing((f'`{path}`' for path in left), 3)} {stay} by `ckptflow pull`")
    return f"Remote {remote['name']}: {'; '.join(parts)}." if parts else None


def nothing_to_do(stages: int) -> str:
    """Return the line of a run that found everything up to date."""
    return f"Nothing to do: {plural(stages, 'stage is', 'stages are')} up to date."
