"""Edge. How far a stage is, from its checkpoint and from what its run has recorded since: a report at any moment.

A checkpoint is written every few minutes; the record log grows with every chunk. The checkpoint notes where the log
ended when it was written, so what stands behind that is read and added: nobody waits, and nothing is counted twice.
Where the log of that run is not here, as on another machine, the report is as of the checkpoint.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ..checkpoints import lines
from ..checkpoints.locks import Holder, holder
from ..checkpoints.manifest import Checkpoint, Status
from ..checkpoints.records import SegmentReader, split_lines
from ..checkpoints.shelf import Document
from ..chunk.headway import Items
from ..dataclass import dataclass
from ..ids import StageName
from ..plan.model import Partial, Record
from ..spec.model import Pipeline
from ..store import layout
from ..store.protocol import NotThere, Store
from .session import Session

ITEMS, CHUNKS = "items", "chunks"


@dataclass(frozen=True, slots=True)
class StageReport:
    """How far a stage is. `unit` is what is counted: `items` or `chunks`. `since` of those processed were added after
    the checkpoint was written. `running` says who is at work on it now, None where nobody is.

    `seconds` were worked, by all workers together; `elapsed` have passed since the run began on the stage. `rate` is
    what the run does a second, None where that is not known; `seconds_left` likewise. Times are ISO 8601 in UTC.
    """

    id: str
    stage: str
    status: str
    file: str
    latest: bool
    processor: str
    run: str | None
    running: str | None
    unit: str
    processed: int
    total: int | None
    ok: int
    errors: int
    skipped: int
    since: int
    started: str
    updated: str
    seconds: float
    elapsed: float
    average_ms: float
    rate: float | None
    seconds_left: float | None
    last_processed_id: str | int | None
    last_generated_id: str | int | None
    error: str | None
    state: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: getattr(self, name) for name in self.__slots__} | {"state": dict(self.state)}


@dataclass(slots=True)
class _Since:
    """What a run has done after its checkpoint was written."""

    counts: Items = Items()
    chunks: int = 0
    seconds: float = 0.0
    last: str = ""


def report_on(session: Session, pipeline: Pipeline | None, document: Document) -> StageReport:
    """Return how far the stage of a checkpoint is. The document must be a valid one. Raises `StoreError`."""
    checkpoint = document.checkpoint
    assert checkpoint is not None
    run, noted = _text(checkpoint.extra.get("run")), checkpoint.extra.get("progress")
    progress: Mapping[str, Any] = noted if isinstance(noted, Mapping) else {}
    unit = _unit(pipeline, checkpoint, progress)
    open_ = checkpoint.status in (Status.IN_PROGRESS, Status.RESUMING)
    since = _since(session.store, checkpoint.dataset, run, progress) if open_ and run and progress else _Since()
    who = _running(session, pipeline, checkpoint.dataset, run) if open_ and run else None
    statistics = checkpoint.statistics
    more = since.counts if unit == ITEMS else Items(ok=since.chunks)
    ok, errors, skipped = (
        max(0, before + added)
        for before, added in (
            (statistics.success_count, more.ok),
            (statistics.error_count, more.failed),
            (statistics.skipped_count, more.skipped),
        )
    )
    processed, total = ok + errors + skipped, checkpoint.processor_state.total_items
    seconds = statistics.processing_time_seconds + since.seconds
    last = since.last or checkpoint.last_update
    elapsed = max(0.0, _seconds(checkpoint.start_time, datetime.now(UTC).isoformat() if who else last))
    ran = progress.get("ran")
    ran = ran + more.total if isinstance(ran, int) else None
    rate = ran / elapsed if ran and elapsed > 0 else None
    left = None if rate is None or total is None else max(0, total - processed) / rate
    return StageReport(
        id=checkpoint.checkpoint_id,
        stage=checkpoint.dataset,
        status=checkpoint.status.value,
        file=document.name,
        latest=document.latest,
        processor=checkpoint.processor,
        run=run,
        running=None if who is None else _shown(who),
        unit=unit,
        processed=processed,
        total=total,
        ok=ok,
        errors=errors,
        skipped=skipped,
        since=more.total,
        started=checkpoint.start_time,
        updated=last,
        seconds=round(seconds, 6),
        elapsed=round(elapsed, 3),
        average_ms=round(1000 * seconds / (ok + errors), 3) if ok + errors else 0.0,
        rate=None if rate is None else round(rate, 6),
        seconds_left=0.0 if checkpoint.status is Status.COMPLETED else None if left is None else round(left, 3),
        last_processed_id=checkpoint.last_processed_id,
        last_generated_id=checkpoint.last_generated_id,
        error=checkpoint.error,
        state=checkpoint.processor_state.dataset_specific_state,
    )


def report_without(session: Session, pipeline: Pipeline, stage: str, newest: Document | None) -> StageReport | None:
    """Return how far a living run is with a stage that it has written no checkpoint of yet: what it has recorded, not
    what it has reused. None where no such run is at work on it; `newest` is the stage's newest checkpoint.
    """
    declared = pipeline.stages.get(StageName(stage))
    who = holder(session.store_root, f"pipeline {declared.file}") if declared is not None else None
    if declared is None or who is None or not who.run or not _lives(who):
        return None
    if newest is not None and newest.checkpoint is not None and newest.checkpoint.extra.get("run") == who.run:
        return None
    since = _since(session.store, stage, who.run, {})
    unit = ITEMS if declared.each else CHUNKS
    done = since.counts if unit == ITEMS else Items(ok=since.chunks)
    if not done.total:
        return None
    elapsed = max(0.0, _seconds(who.since, datetime.now(UTC).isoformat()))
    return StageReport(
        id="",
        stage=stage,
        status=Status.IN_PROGRESS.value,
        file="",
        latest=False,
        processor=declared.call or "\n".join(declared.cmd),
        run=who.run,
        running=_shown(who),
        unit=unit,
        processed=done.total,
        total=None,
        ok=done.ok,
        errors=done.failed,
        skipped=done.skipped,
        since=done.total,
        started=who.since,
        updated=since.last,
        seconds=round(since.seconds, 6),
        elapsed=round(elapsed, 3),
        average_ms=round(1000 * since.seconds / (done.ok + done.failed), 3) if done.ok + done.failed else 0.0,
        rate=round(done.total / elapsed, 6) if elapsed > 0 else None,
        seconds_left=None,
        last_processed_id=None,
        last_generated_id=None,
        error=None,
        state={},
    )


def _shown(who: Holder) -> str:
    return f"pid {who.pid} on {who.host} since {who.since}"


def _unit(pipeline: Pipeline | None, checkpoint: Checkpoint, progress: Mapping[str, Any]) -> str:
    if progress.get("counts") in (ITEMS, CHUNKS):
        return str(progress["counts"])
    stage = next((s for n, s in pipeline.stages.items() if n == checkpoint.dataset), None) if pipeline else None
    return ITEMS if stage is not None and stage.each else CHUNKS


def _since(store: Store, stage: str, run: str, progress: Mapping[str, Any]) -> _Since:
    """Read what a run has recorded of a stage after its checkpoint was written."""
    found = _Since()
    unfinished: dict[str, Items] = {}
    with suppress(ValueError, TypeError, AttributeError):
        unfinished = {str(key): Items.from_list(row) for key, row in dict(progress.get("unfinished", {})).items()}
    for line in _lines(store, run, progress.get("log")):
        if line.stage != stage or line.run != run:
            continue
        before = unfinished.pop(line.key, Items())
        if isinstance(line, Partial):
            unfinished[line.key], now, when = line.headway.items, line.headway.items, line.kept
        else:
            now, when = line.items or Items(), line.finished
            found.chunks += 1
            found.seconds += line.seconds
        found.counts += Items(now.ok - before.ok, now.failed - before.failed, now.skipped - before.skipped)
        found.last = max(found.last, when)
    return found


def _lines(store: Store, run: str, end: Any) -> Iterator[Record | Partial]:
    """Yield the good lines of a run's log behind `end`: a segment and an offset in it; from the start for None."""
    segment, offset = "", 0
    if isinstance(end, list) and len(end) == 2 and isinstance(end[1], int):
        segment, offset = str(end[0]), end[1]
    for entry in store.list(layout.RECORDS):
        parts = layout.segment_of(entry.name)
        if parts is None or parts[0] != run or entry.name < segment:
            continue
        at = offset if entry.name == segment else 0
        with suppress(NotThere), SegmentReader(store, entry.name) as reader:
            for _, line in split_lines(reader.read(at, max(0, entry.bytes - at)), at):
                with suppress(lines.BadLine):
                    found = lines.decode(line)
                    if isinstance(found, Record | Partial):
                        yield found


def _running(session: Session, pipeline: Pipeline | None, stage: str, run: str) -> Holder | None:
    """Return the process that works on a stage in this run, None where it is gone."""
    files = pipeline.files if pipeline is not None else (session.location.file,)
    for file in files:
        who = holder(session.store_root, f"pipeline {file}")
        if who is not None and who.run == run and _lives(who):
            return who
    return None


def _lives(who: Holder) -> bool:
    if who.host != socket.gethostname():
        return True
    try:
        os.kill(who.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _seconds(start: str, end: str) -> float:
    first, last = (datetime.fromisoformat(text) for text in (start, end))
    first, last = (when if when.tzinfo else when.replace(tzinfo=UTC) for when in (first, last))
    return (last - first).total_seconds()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
