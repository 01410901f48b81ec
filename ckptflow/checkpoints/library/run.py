"""Edge. One run over the items of a dataset: what is left to do, and what was done, kept as it happens.

Rules: the journal is the truth about items, written before anything else hears of them; a checkpoint document is its
summary, for people and for other programs. State and generated ids are kept with the item that they were finished
with, so a run that was killed goes on with just what its last item left. A run may be used from several threads.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from ...dataclass import dataclass, field
from ...errors import CheckpointError, CkptflowError
from ...store.protocol import Store
from ..kept import write_checkpoint
from ..manifest import Checkpoint, ProcessorState, Statistics, Status, new_id
from ..sealed import seal
from .documents import documents
from .journal import clear
from .lanes import Lane
from .leases import Lease, give_back_all
from .opening import go_on
from .place import Place
from .progress import NOTED_FAILURES, VERSION, Id, Progress
from .signals import Section
from .state import Ids, Kept

T = TypeVar("T")
_log = logging.getLogger("ckptflow.checkpoints")
_LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run was asked for: see `CheckpointManager.track`."""

    processor: str | None
    total: int | None
    every: float
    items: int
    keep: int
    retry_failed: bool
    fresh: bool
    checkpoint: Checkpoint | None


@dataclass(slots=True)
class _Feed:
    """One call of `remaining`: whether it came to the end, and the ids that it gave and that are not finished."""

    ended: bool = False
    handed: set[Id] = field(default_factory=set)


class Run:
    """A context manager; made by `CheckpointManager.track`. Every method raises `StoreError` and `CheckpointError`."""

    def __init__(self, place: Place, dataset: str, terms: Terms, lease: Callable[[], Lease | None]) -> None:
        self.dataset = dataset
        self.state: dict[str, Any] = {}
        """The user's own: plain data, kept as it is whenever an item is finished, and given back on resuming."""
        self.resumed_from: Checkpoint | None = None
        """The checkpoint that this run goes on from, None for a first one."""
        self._place = place
        self._terms = terms
        self._lease = lease
        self._section = Section(self._last_word, give_back_all)
        self._progress = Progress()
        self._ids = Ids(self._progress)
        self._kept = Kept()
        self._lane: Lane | None = None
        self._store: Store | None = None
        self._pid = 0
        self._total = terms.total
        self._id_of: Callable[[Any], object] = _as_id
        self._open: dict[int, tuple[object, Id]] = {}
        self._feeds: list[_Feed] = []
        self._failed_here: set[Id] = set()
        self._began = 0.0
        self._seconds_before = 0.0
        self._written = 0.0
        self._unwritten = 0
        self._changed = True
        self._last_update = datetime.fromtimestamp(0, UTC)
        self._last_timestamp = ""
        self._start_time = ""

    def __enter__(self) -> Self:
        if self._lane is not None:
            raise CheckpointError(f"this run of {self.dataset} has begun already", hint="ask `track` for another one")
        self._store = self._place.store(create=True)
        assert self._store is not None
        opened = go_on(self._place, self._store, self.dataset, fresh=self._terms.fresh, to=self._terms.checkpoint)
        self._pid, self._lane, self._progress = os.getpid(), opened.lane, opened.progress
        self._ids = Ids(self._progress)
        self.state = json.loads(json.dumps(self._progress.state))
        self._kept = Kept.of(self._progress.state)
        former = self.resumed_from = opened.former
        self._began = self._written = time.monotonic()
        self._seconds_before = self._progress.seconds
        self._start_time = datetime.now(UTC).isoformat(timespec="microseconds")
        if former is not None:
            self._seconds_before = max(self._seconds_before, former.statistics.processing_time_seconds)
            self._start_time = former.start_time
            if self._total is None:
                self._total = former.processor_state.total_items
        if opened.newest is not None:
            self._last_timestamp = opened.newest.timestamp
            self._last_update = _time_of(opened.newest)
        resumes = former is not None or self._progress.lines > 0
        if resumes:
            at = f"checkpoint {former.checkpoint_id}" if former is not None else "the journal alone"
            _log.info("%s goes on from %s: %s", self.dataset, at, _counts(self._progress))
        try:
            self._write(Status.RESUMING if resumes else Status.IN_PROGRESS)
        except BaseException:
            self._lane.close()
            raise
        self._section.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._section.leave()
        if self._lane is None or os.getpid() != self._pid:
            return
        try:
            with self._section:
                self._finish(error)
        except CkptflowError as problem:
            if error is None:
                raise
            _log.error("the last checkpoint of %s could not be written: %s", self.dataset, problem)
            error.add_note(f"ckptflow: the last checkpoint of {self.dataset} could not be written: {problem}")

    def _finish(self, error: BaseException | None) -> None:
        assert self._lane is not None and self._store is not None
        try:
            if error is None:
                self._keep_state()
                left = {key for feed in self._feeds for key in feed.handed if not self._is_finished(key)}
                if left:
                    _log.warning(
                        "%s: %d items were handed out and neither done, failed nor skipped, %s among them;"
                        " the next run gets them again", self.dataset, len(left), sorted(map(str, left))[0],
                    )  # fmt: skip
                whole = all(feed.ended for feed in self._feeds)
                self._write(Status.COMPLETED if whole else Status.IN_PROGRESS)
            elif isinstance(error, Exception):
                self._write(Status.FAILED, error=_describe(error))
            elif self._changed:
                self._write(Status.IN_PROGRESS, interrupted=type(error).__name__)
        finally:
            self._lane.close()
        for name in clear(self._store, self.dataset, lambda: self._all_kept()):
            _log.info("%s removed: no checkpoint needs it any more", name)

    def remaining(
        self,
        items: Iterable[T],
        id: Callable[[T], object] | None = None,
        *,
        retry_failed: bool | None = None,
    ) -> Iterator[T]:
        """Yield the items that are not done, one at a time, as they are asked for; each id once.

        `id` gives what an item is known by: a text or a whole number (a path counts as its text); without it items are
        their own ids. What failed in an earlier run is yielded again unless `retry_failed` (of this call, else of
        `track`) is False.
        """
        self._ready()
        if id is not None:
            self._id_of = id
        if self._total is None and isinstance(items, Sized):
            self._total = len(items)
        feed = _Feed()
        return self._feed(
            items, id or self._id_of, self._terms.retry_failed if retry_failed is None else retry_failed, feed
        )

    def _feed(self, items: Iterable[T], id_of: Callable[[T], object], retry: bool, feed: _Feed) -> Iterator[T]:
        self._feeds.append(feed)
        for item in items:
            key = _as_id(id_of(item))
            if key in feed.handed or self._is_finished(key) or (not retry and key in self._progress.failed):
                continue
            feed.handed.add(key)
            self._open[_address(item)] = (item, key)
            yield item
            if self._is_finished(key):
                feed.handed.discard(key)
        feed.ended = True

    def _is_finished(self, key: Id) -> bool:
        progress = self._progress
        return key in progress.done or key in progress.skipped or key in self._failed_here

    def done(self, item: object, generated_id: Id | None = None) -> None:
        """`item` is done; on a local disk this survives a kill when the call returns, elsewhere within a second.

        `generated_id` is what was made of it; without it, the last one that `next_id` gave this thread, if any.
        """
        if generated_id is not None:
            generated_id = _as_id(generated_id)
        with self._section:
            thread = threading.get_ident()
            self._item(item, "done", self._ids.used(generated_id, thread))
            self._ids.settle(thread)

    def failed(self, item: object, error: BaseException | str) -> None:
        """`item` failed: it is counted, noted with its error, and tried again by the next run."""
        with self._section:
            key = self._item(item, "failed", {"error": _describe(error)[:_LONGEST_ERROR]})
            self._failed_here.add(key)
            self._ids.settle(threading.get_ident())
            _log.warning("%s: item %s failed: %s", self.dataset, key, _describe(error))

    def skipped(self, item: object, reason: str = "") -> None:
        """`item` is not to be processed, now or by a later run; `reason` is for the log."""
        with self._section:
            key = self._item(item, "skipped", {})
            self._ids.settle(threading.get_ident())
            _log.info("%s: item %s skipped%s", self.dataset, key, f": {reason}" if reason else "")

    def next_id(self, prefix: str = "", *, width: int = 0, start: int = 1) -> str:
        """Return the next id in the sequence of `prefix`: `S124` after `S123`, whichever run gave that.

        It belongs to the item that this thread marks done next; if that fails, it is given again. `width` fills the
        number up with zeros. Where several threads ask, no id comes twice, but one of an item that failed may be left
        out.
        """
        self._ready()
        with self._section:
            return self._ids.next(prefix, width, start, threading.get_ident())

    def checkpoint(self) -> Checkpoint:
        """Keep the state as it is now, and write a checkpoint."""
        self._ready()
        with self._section:
            self._keep_state()
            return self._write(Status.IN_PROGRESS)

    @property
    def last_generated_id(self) -> Id | None:
        """The id that was generated for the last item that has one."""
        return self._progress.last_generated

    def is_done(self, item_id: Id) -> bool:
        """Tell whether the item of this id is done."""
        return item_id in self._progress.done

    def _item(self, item: object, kind: str, more: dict[str, Any]) -> Id:
        self._ready()
        handed = self._open.get(_address(item))
        key = handed[1] if handed is not None else _as_id(self._id_of(item))
        self._record({"item": key, "is": kind, **more})
        self._open.pop(_address(item), None)
        self._unwritten += 1
        if self._unwritten >= self._terms.items or time.monotonic() - self._written >= self._terms.every:
            try:
                self._write(Status.IN_PROGRESS)
            except CkptflowError as error:  # the journal has it all; the next item tries again
                _log.warning("no checkpoint of %s could be written: %s", self.dataset, error)
        return key

    def _keep_state(self) -> None:
        if self._kept.changes(self.state) or self._kept.gone(self.state):
            self._record({"is": "state"})

    def _record(self, doc: dict[str, Any]) -> None:
        """Write a line with what changed in the state, then take it to be so."""
        assert self._lane is not None
        changed, gone = self._kept.changes(self.state), self._kept.gone(self.state)
        if changed:
            doc["set"] = {key: json.loads(text) for key, text in changed.items()}
        if gone:
            doc["unset"] = gone
        doc["s"] = round(time.monotonic() - self._began, 3)
        doc["v"] = VERSION
        self._lane.write(seal(doc))
        self._progress.take(doc)
        self._changed = True
        if changed or gone:
            self._kept = Kept({k: t for k, t in (self._kept.texts | changed).items() if k in self.state})

    def _ready(self) -> None:
        if self._lane is None:
            raise CheckpointError(f"the run of {self.dataset} has not begun", hint="use it as `with ...track() as run`")
        if os.getpid() != self._pid:
            raise CheckpointError(
                f"the run of {self.dataset} belongs to process {self._pid}",
                hint="let worker processes return their results, and mark items in the process that began the run",
            )
        lease = self._lease()
        if lease is not None:
            lease.check()

    def _last_word(self, name: str) -> None:
        """Write a checkpoint because a signal came."""
        with self._section:
            self._write(Status.IN_PROGRESS, interrupted=name)
            _log.warning("%s: %s: checkpoint written, %s", self.dataset, name, _counts(self._progress))

    def _write(self, status: Status, *, error: str | None = None, interrupted: str | None = None) -> Checkpoint:
        assert self._lane is not None and self._store is not None
        self._lane.flush()
        made = self._document(status, error, interrupted)
        name = write_checkpoint(
            self._store, made, self._terms.keep, base="",
            on_remove=lambda old: _log.info("checkpoint %s removed: more than %d", old, self._terms.keep),
        )  # fmt: skip
        self._place.sync(self._store, [name])
        self._last_timestamp, self._last_update = made.timestamp, _time_of(made)
        self._written, self._unwritten, self._changed = time.monotonic(), 0, False
        _log.info("checkpoint %s written: %s", name, _counts(self._progress))
        return made

    def _all_kept(self) -> Iterable[Checkpoint]:
        assert self._store is not None
        return [each for each, _ in documents(self._store, self.dataset) if isinstance(each, Checkpoint)]

    def _document(self, status: Status, error: str | None, interrupted: str | None) -> Checkpoint:
        assert self._lane is not None
        progress, former = self._progress, self.resumed_from
        now = max(datetime.now(UTC), self._last_update + timedelta(microseconds=1))
        timestamp = max(f"{now:%Y%m%d%H%M%S}", self._last_timestamp)
        extra = {} if former is None else {k: v for k, v in former.extra.items() if k != "interrupted"}
        state_extra: dict[str, Any] = {} if former is None else dict(former.processor_state.extra)
        state_extra["journal"] = {"name": self._lane.name, "bytes": self._lane.size}
        failures = list(progress.failed.items())[-NOTED_FAILURES:]
        state_extra["failed_files"] = [{"id": k, "error": text, "attempts": n} for k, (n, text) in failures]
        return Checkpoint(
            checkpoint_id=new_id(self.dataset, now)[: -len(timestamp)] + timestamp,
            dataset=self.dataset,
            processor=self._terms.processor or (former.processor if former is not None else self.dataset),
            start_time=self._start_time,
            last_update=now.isoformat(timespec="microseconds"),
            status=status,
            processed_count=progress.processed,
            last_processed_id=progress.last_item,
            last_generated_id=progress.last_generated,
            error=error,
            processor_state=ProcessorState(
                current_position=progress.processed,
                total_items=self._total,
                dataset_specific_state=dict(progress.state),
                processed_files=progress.listed,
                extra=state_extra,
            ),
            statistics=Statistics(
                success_count=len(progress.done),
                error_count=len(progress.failed),
                skipped_count=len(progress.skipped),
                processing_time_seconds=self._seconds_before + time.monotonic() - self._began,
                extra={} if former is None else former.statistics.extra,
            ),
            extra={**extra, "interrupted": interrupted} if interrupted else extra,
        )


_address = id  # `id` is the name of an argument here


def _as_id(value: object) -> Id:
    """Return what an item is known by, as JSON has it. Raises `CheckpointError`."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    index = getattr(value, "__index__", None)
    if index is None or isinstance(value, bool):
        raise CheckpointError(
            f"the id of an item is a text or a whole number, not {type(value).__name__}",
            hint="give `remaining` a function: `id=lambda item: item.name`",
        )
    return int(index())


def _describe(error: BaseException | str) -> str:
    return error if isinstance(error, str) else f"{type(error).__name__}: {error}"


def _counts(progress: Progress) -> str:
    return f"{len(progress.done)} done, {len(progress.failed)} failed, {len(progress.skipped)} skipped"


def _time_of(checkpoint: Checkpoint) -> datetime:
    when = datetime.fromisoformat(checkpoint.last_update)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
