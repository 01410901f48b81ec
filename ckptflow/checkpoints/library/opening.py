"""Edge. Where a run goes on: the newest valid checkpoint, the journals that count, and a journal of its own.

The journals say what is done. The checkpoint adds what they do not have: when it all began, unknown fields, and, where
the end of a journal was lost, the items that it lists. Without journals (another program wrote the checkpoints) what it
lists is all that is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ...dataclass import dataclass
from ...errors import CheckpointError
from ...store.protocol import Store
from ..kept import newest_valid
from ..manifest import Checkpoint
from .journal import Shelf, position, read
from .lanes import Lane, begin
from .place import Place
from .progress import Header, Progress, Stretch

MERGED_FROM = 16
"""So many journals, or four times as many parts, are made one at the beginning of a run."""

_log = logging.getLogger("ckptflow.checkpoints")


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that begins: its journal, what was done before, the checkpoint it goes on from, the newest valid one."""

    lane: Lane
    progress: Progress
    former: Checkpoint | None
    newest: Checkpoint | None


def go_on(place: Place, store: Store, dataset: str, *, fresh: bool, to: Checkpoint | None) -> Opened:
    """Begin a journal that goes on from what is there; from nothing (`fresh`); or from an older checkpoint (`to`).

    What cannot be used is told of in the log. Raises `CheckpointError` where a journal that counts is gone,
    `StoreError`.
    """
    newest = find_newest(store, dataset)
    if to is not None and to.dataset != dataset:
        raise CheckpointError(f"{to.checkpoint_id} is a checkpoint of {to.dataset}, not of {dataset}")
    back = to if to is not None and to != newest else None
    target = back or newest
    at = position(back) if back is not None else None
    shelf, progress = read(store, dataset, at)
    for damage in shelf.damage:
        _log.warning("%s: %s; what stood there is done again", dataset, damage)
    start = _timestamps(shelf.lanes)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if fresh:
        return Opened(
            begin(place, store, dataset, start, Header(dataset, now, fresh=True).line()), Progress(), None, newest
        )
    counted = shelf.lineage(at)
    belongs, incomplete = _judge(target, shelf, counted) if target is not None else (False, False)
    if target is not None and incomplete:
        progress = _completed(shelf, counted, target)
    many = len(counted) > MERGED_FROM or sum(len(shelf.parts[s.lane]) for s in counted) > 4 * MERGED_FROM
    if incomplete or many:
        covers = {each.lane: shelf.size(each.lane) for each in counted}
        header = Header(dataset, now, fresh=not covers, covers=covers or None)
        first = header.line() + b"".join(progress.merged())
    else:
        first = Header(dataset, now, after=at).line()
    lane = begin(place, store, dataset, start, first)
    progress.begin()
    return Opened(lane, progress, target if belongs else None, newest)


def find_newest(store: Store, dataset: str) -> Checkpoint | None:
    """Return the newest valid checkpoint; the log tells of those that were passed over. Raises `StoreError`."""
    found, passed = newest_valid(store, dataset, base="", now=datetime.now(UTC))
    for each in passed:
        _log.warning("checkpoint %s passed over: %s", each.name, each.problem)
    return found


def _judge(target: Checkpoint, shelf: Shelf, counted: list[Stretch]) -> tuple[bool, bool]:
    """Tell whether a checkpoint is of the past that counts, and whether that lacks something which it has.

    Raises `CheckpointError` where its journal is gone and it does not list everything itself.
    """
    at = position(target)
    if at is None:
        return True, True
    lane, size = at
    headers = [header for each in counted if (header := shelf.header(each.lane)) is not None]
    merged = [header.covers for header in headers if header.covers is not None]
    if any(lane in covers for covers in merged):
        return True, False
    if lane in shelf.parts:
        counts = any(each.lane == lane and (each.stop is None or size <= each.stop) for each in counted)
        return counts, counts and (size > shelf.size(lane) or bool(shelf.damage))
    if merged or any(header.fresh for header in headers):  # of a past before these
        return False, False
    if len(target.processor_state.processed_files) >= target.statistics.success_count:
        return True, True
    raise CheckpointError(
        f"the journal {lane} of {target.dataset}, which tells what was done, is gone from {shelf.store.url}",
        hint="put it back beside the checkpoints, or begin anew with `track(..., fresh=True)`",
    )


def _completed(shelf: Shelf, counted: list[Stretch], target: Checkpoint) -> Progress:
    """Return what the journals say, and what `target` knows where they, being damaged, cut off or absent, do not.

    They are read up to where it was written, then it counts, then what came after it.
    """
    at = position(target)
    here = next((i for i, each in enumerate(counted) if at is not None and each.lane == at[0]), len(counted))
    before, after = counted[:here], counted[here:]
    if after and at is not None:
        own = after[0]
        before, after = [*before, Stretch(own.lane, own.start, at[1])], [Stretch(own.lane, at[1], own.stop), *after[1:]]
    progress = shelf.add_up(before)
    state = target.processor_state
    for item in state.processed_files:
        if item not in progress.done:
            progress.take({"item": item, "is": "done"})
    rest: dict[str, Any] = {"is": "sum"}
    if target.last_generated_id is not None:
        rest["gave"] = target.last_generated_id
    if target.last_processed_id is not None:
        rest["item"] = target.last_processed_id
    if state.dataset_specific_state and (at is not None or not progress.has_state):
        rest["set"] = dict(state.dataset_specific_state)
    progress.take(rest)
    return shelf.add_up(after, progress)


def _timestamps(lanes: list[str]) -> Callable[[], str]:
    """Return what gives a later timestamp at each call: now, but behind all journals that are there."""
    last = max((lane[-14:] for lane in lanes), default="")

    def following() -> str:
        nonlocal last
        now = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
        if now <= last:
            moment = datetime.strptime(last, "%Y%m%d%H%M%S") + timedelta(seconds=1)
            now = f"{moment:%Y%m%d%H%M%S}"
        last = now
        return now

    return following
