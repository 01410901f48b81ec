"""Edge. The checkpoint of each stage while it runs and when it ends, with the code that it ran.

A checkpoint tells people and other programs how far a stage is; what is done is told by the records. Where the function
takes one item at a time it counts items, else chunks. The normalised source of the code goes into the store as an
object that the checkpoint names, so that a later `why` can show what changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..checkpoints.kept import PassedOver, folders, newest_valid, write_checkpoint
from ..checkpoints.manifest import Checkpoint, ProcessorState, Statistics, Status
from ..checkpoints.oplog import OperationLog
from ..checkpoints.records import RecordLog
from ..chunk.headway import Headway
from ..chunk.model import AtFiles
from ..dataclass import dataclass, field
from ..errors import Failure, StoreError
from ..ids import Digest, StageName, digest
from ..plan.model import Record
from ..plan.stagerun import ChunkState, StageRun
from ..spec.model import Value, chunked_deps
from ..store import layout
from ..store.objects import Objects
from ..store.protocol import Store

if TYPE_CHECKING:
    from ..fingerprint.code import CodeIdentity

FILES_MOST = 10_000
"""Most names of files in a checkpoint."""

_UNFINISHED = (Status.IN_PROGRESS, Status.RESUMING, Status.FAILED)


@dataclass(slots=True)
class _Kept:
    """A stage at work: when its checkpoint was last written, how much was done since then, and how far unfinished
    chunks are. `first`: it has no checkpoint yet.
    """

    started: str
    written: float
    since: int = 0
    first: bool = False
    headways: dict[int, Headway] = field(default_factory=dict)
    last: str | int | None = None


@dataclass(slots=True)
class Keeper:
    """Writes the checkpoints of one run, and says so in `ops`; `publish` hears of each: its name, and the objects that
    it names. `log` is the record log of the run.
    """

    store: Store
    objects: Objects
    run_id: str
    code: Mapping[StageName, CodeIdentity]
    log: RecordLog
    ops: OperationLog
    publish: Callable[[str, Iterable[Digest]], None] | None = None
    _stages: dict[StageName, _Kept] = field(default_factory=dict)
    _sources: dict[Digest, Digest] = field(default_factory=dict)
    _folders: frozenset[str] | None = None
    _looked: bool = False

    def begin(self, run: StageRun) -> None:
        """The stage's first work begins; where an earlier run did not come to its end, a checkpoint says so."""
        if run.name in self._stages:
            return
        kept = self._stages[run.name] = _Kept(_now(), time.monotonic())
        before, passed = self._newest(run.name)
        kept.first = before is None and not passed
        for each in passed:
            self.ops.warning(f"checkpoint {each.name} passed over: {each.problem}")
        if before is not None and before.status in _UNFINISHED:
            self.ops.info(f"{run.name} goes on from checkpoint {before.checkpoint_id} ({_described(before)})")
            self._write(run, kept, Status.RESUMING, None)

    def _newest(self, stage: StageName) -> tuple[Checkpoint | None, list[PassedOver]]:
        """Return what `newest_valid` does. Most stages that begin never ran: that costs one look for all of them."""
        if not self._looked:
            self._looked, self._folders = True, folders(self.store)
        if self._folders is not None and layout.escape(stage) not in self._folders:
            return None, []
        return newest_valid(self.store, stage, now=datetime.now(UTC))

    def progress(self, run: StageRun, index: int, record: Record | None, last: str | int | None) -> None:
        """An attempt at a chunk ended, with `record` where it is done: write a checkpoint if the last one is old
        enough.
        """
        kept = self._stages.get(run.name)
        if kept is None:
            return
        if record is not None:
            before = kept.headways.pop(index, Headway()).items.total
            kept.since += record.items.total - before if record.items is not None else 1
            kept.last = last
        self._write_if_due(run, kept)

    def kept(self, run: StageRun, index: int, headway: Headway, last: str | int | None) -> None:
        """So much of an unfinished chunk is kept now: write a checkpoint if the last one is old enough."""
        kept = self._stages.get(run.name)
        if kept is None or headway.position is None:
            return
        kept.since += headway.items.total - kept.headways.get(index, Headway()).items.total
        kept.headways[index] = headway
        kept.last = last
        self._write_if_due(run, kept)

    def _write_if_due(self, run: StageRun, kept: _Kept) -> None:
        now, wish = time.monotonic(), run.stage.checkpoint
        if now - kept.written >= wish.every or kept.since >= wish.items:
            kept.written, kept.since = now, 0
            self._write(run, kept, Status.IN_PROGRESS, None)

    def end(self, run: StageRun, status: Status) -> None:
        """The stage ended, or the run did; nothing is written for a stage that did not work."""
        kept = self._stages.pop(run.name, None)
        if kept is not None:
            failure = next(iter(run.failures.values()), run.cut_failure)
            self._write(run, kept, status, failure)

    def _write(self, run: StageRun, kept: _Kept, status: Status, failure: Failure | None) -> None:
        now = datetime.now(UTC)
        statistics = _statistics(run, kept)
        done = statistics.success_count + statistics.error_count + statistics.skipped_count
        last = run.done.last
        state = _state_after(run, kept, last)
        checkpoint = Checkpoint(
            checkpoint_id=f"{run.name}_{now.strftime('%Y%m%d%H%M%S')}",
            dataset=run.name,
            processor=run.stage.call or "\n".join(run.stage.cmd),
            start_time=kept.started,
            last_update=_now(),
            status=status,
            processed_count=done,
            last_processed_id=kept.last if run.stage.each else last,
            last_generated_id=generated_id(state),
            error=None if failure is None else failure.message,
            processor_state=ProcessorState(
                current_position=done,
                total_items=run.items_known if run.stage.each else run.chunks,
                dataset_specific_state=state if isinstance(state, dict) else {},
                processed_files=tuple(islice(_files(run), FILES_MOST)),
            ),
            statistics=statistics,
            extra={"run": self.run_id, "progress": self._progress(run, kept), **self._code(run)},
        )
        keep = run.stage.checkpoint.keep
        name = write_checkpoint(
            self.store, checkpoint, keep, first=kept.first, on_remove=lambda old: self._removed(old, keep)
        )
        kept.first = False
        self.ops.info(f"checkpoint {name} written ({_described(checkpoint)}); {layout.LATEST} points to it")
        if self.publish is not None:
            self.publish(name, self._sources.values())

    def _removed(self, name: str, keep: int) -> None:
        self.ops.info(f"checkpoint {name} removed: {keep} are kept")

    def _progress(self, run: StageRun, kept: _Kept) -> dict[str, Any]:
        """Return what it takes to tell later how far the run is by then: see `engine.headway`."""
        done: dict[str, Any] = {"counts": "items" if run.stage.each else "chunks", "ran": _ran(run, kept)}
        if (end := self.log.end) is not None:
            done["log"] = list(end)
        unfinished = {run.keys[index]: headway.items.to_list() for index, headway in kept.headways.items()}
        return {**done, "unfinished": unfinished} if unfinished else done

    def _code(self, run: StageRun) -> dict[str, Any]:
        code = self.code.get(run.name)
        if code is None:
            return {}
        if code.digest not in self._sources:
            text = json.dumps(dict(code.sources), sort_keys=True, separators=(",", ":")).encode()
            self._sources[code.digest] = self.objects.put(text)
        symbols = {name: value[:16] for name, value in sorted(code.symbols.items())}
        return {
            "code": {"digest": code.digest, "sources": self._sources[code.digest], "symbols": symbols},
            "distributions": list(code.distributions),
        }


def _statistics(run: StageRun, kept: _Kept) -> Statistics:
    """Count items where the function takes one at a time, else chunks."""
    if not run.stage.each:
        ran, reused, failed = (run.count(s) for s in (ChunkState.RAN, ChunkState.REUSED, ChunkState.FAILED))
        return Statistics(ran + reused, failed, 0, run.seconds)
    counts = sum((headway.items for headway in kept.headways.values()), run.items)
    failed = counts.failed + run.count(ChunkState.FAILED)
    return Statistics(counts.ok, failed, counts.skipped, run.seconds)


def _ran(run: StageRun, kept: _Kept) -> int:
    """Return how many items, or chunks, this run has done."""
    if not run.stage.each:
        return run.count(ChunkState.RAN)
    return run.items_ran + sum(headway.items.total for headway in kept.headways.values())


def _described(checkpoint: Checkpoint) -> str:
    total = checkpoint.processor_state.total_items
    of = "" if total is None else f" of {total}"
    return f"{checkpoint.status}, {checkpoint.processed_count}{of} done"


def _state_after(run: StageRun, kept: _Kept, last: int | None) -> Value:
    """Return the state that is carried, as it is now."""
    if run.stage.carry is None:
        return None
    following = kept.headways.get(0 if last is None else last + 1)
    if following is not None and following.state:
        state: Value = following.state[0]
        return state
    left = run.done.states.get(last) if last is not None else None
    return left.value if left is not None else run.stage.carry.initial


def generated_id(state: Value) -> str | int | None:
    """Return the id that was given out last, as far as a carried state tells: its `last_generated_id`, `last_id` or
    `last`, or the state itself where it is a text or a whole number.
    """
    if isinstance(state, dict):
        found = next((state[name] for name in ("last_generated_id", "last_id", "last") if name in state), None)
    else:
        found = state
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _files(run: StageRun) -> Iterator[str]:
    """Yield the files of those chunks that are done, where chunks are files."""
    cut = chunked_deps(run.stage.chunk)
    sheet = run.sheets.get(cut[0]) if cut else None
    if sheet is not None and (pieces := sheet.pieces[cut[0]]).are_files:
        for index in run.done.indexes():
            where = pieces[index].where
            if isinstance(where, AtFiles):
                yield from where.files


def sources_of(store: Store, objects: Objects, stage: StageName, code: Digest) -> dict[str, str] | None:
    """Return the normalised source of the code that a stage last ran (symbol -> text), None if it is not kept."""
    checkpoint, _ = newest_valid(store, stage, now=datetime.now(UTC))
    noted = checkpoint.extra.get("code") if checkpoint is not None else None
    if not isinstance(noted, dict) or noted.get("digest") != code:
        return None
    try:
        data = objects.get(Digest(noted["sources"]))
    except (StoreError, KeyError):
        return None
    found: dict[str, str] = json.loads(data) if digest(data) == noted["sources"] else {}
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
