"""Edge. `each: item`: the function is called for one item of the chunk after the other.

Rules: what came of an item is added whole, together with its number and the state after it, or not at all. What is
added is kept every so often, by time or by number, when no more is to be begun, and when something fails: only what is
new is stored, then the engine is told. An attempt that finds something kept goes on behind it, and comes to the same
bytes as one that was not disturbed. Which item is at hand is noted where the death of this process leaves it. An
attempt that follows a death keeps each item up to the one at which it happened, and passes over those whose attempts
are used up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..chunk.headway import Headway, Items
from ..chunk.model import Part
from ..dataclass import dataclass, field
from ..errors import CkptflowError, Failure, ResultError
from . import context
from .calling import Read, bind_results, plain, split_state
from .inhand import Pad
from .itemised import ItemSource, item_source
from .loading import load_function
from .messages import Each, Fallen, Kept, Task
from .minding import Minder
from .outcome import Desk, Outcome, Stopped
from .quarantined import QUARANTINE, bad_row, read_rows
from .sinks import Rows, Sink, sink_for
from .storing import Staging

_MERGED = 8
"""So many parts of one size are kept as one: the parts stay few, and nothing is stored more often than a few times."""


def run_items(task: Task, staging: Staging, read: Read, desk: Desk) -> Outcome:
    """Call the task's function for each item and store the outs. Raises `Stopped`, and what `run_call` raises."""
    assert task.each is not None
    function = load_function(task.call or "")
    arguments = dict(task.kwargs)
    arguments.update({i.name: read(i) for i in task.inputs if i.name is not None and i.label != task.each.label})
    source = next(i for i in task.inputs if i.label == task.each.label)
    items = item_source(read(source), source)
    loop = _Loop(task, task.each, desk, items, desk.pad(task.id), function, arguments, source.name or "")
    if task.headway is not None and task.headway.finished:
        loop.mend(staging, task.headway)
    else:
        loop.take_up(staging)
        loop.run()
    return loop.finish(staging)


@dataclass(slots=True)
class _Stored:
    """A part that is kept, with results from number `start` on; `weight` tells of how many it was merged."""

    part: Part
    start: int
    weight: int = 1


@dataclass(slots=True)
class _Shelf:
    """A sink, and what of it is kept."""

    sink: Sink
    stored: list[_Stored] = field(default_factory=list)
    kept: int = 0

    def keep(self, staging: Staging) -> tuple[Part, ...]:
        """Store what is new; return all that is kept, in order."""
        part = self.sink.keep(staging, self.kept)
        if part is not None:
            self.stored.append(_Stored(part, self.kept))
            self.kept = self.sink.length
        while len(last := self.stored[-_MERGED:]) == _MERGED and last[0].weight == last[-1].weight:
            whole = self.sink.keep(staging, last[0].start)
            assert whole is not None
            self.stored[-_MERGED:] = [_Stored(whole, last[0].start, last[0].weight * _MERGED)]
        return tuple(stored.part for stored in self.stored)

    def load(self, staging: Staging, parts: tuple[Part, ...]) -> None:
        """Take up what an earlier attempt has kept."""
        for part in parts:
            self.stored.append(_Stored(part, self.sink.length, 0))
            self.sink.load(staging, (part,))
        self.kept = self.sink.length


@dataclass(slots=True)
class _Loop:
    """The state of one attempt at one chunk. What stands behind the lock is of one moment."""

    task: Task
    each: Each
    desk: Desk
    items: ItemSource
    pad: Pad
    function: Callable[..., Any]
    arguments: dict[str, Any]
    name: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shelves: dict[str, _Shelf] = field(default_factory=dict)
    _bad: _Shelf = field(default_factory=lambda: _Shelf(Rows(QUARANTINE)))
    _position: int = 0
    _kept: int = 0
    _ok: int = 0
    _skipped: int = 0
    _failed: int = 0
    _state: tuple[Any, ...] = ()
    _broken: bool = False
    _fallen: dict[int, Fallen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._shelves = {output.label: _Shelf(sink_for(output)) for output in self.task.outputs}
        self._state = () if self.task.state is None else (plain(self.task.state[0], "state"),)
        self._fallen = {fallen.number: fallen for fallen in self.task.fallen}

    def take_up(self, staging: Staging) -> None:
        """Go on where an earlier attempt kept something. Raises `StoreDamaged`, `NotThere`."""
        found = self.task.headway
        if found is None or found.position is None or found.position > len(self.items):
            return
        if found.outs.keys() != self._shelves.keys() or len(found.state) != len(self._state):
            return
        for label, shelf in self._shelves.items():
            shelf.load(staging, found.outs[label])
        self._bad.load(staging, found.failed)
        self._position = self._kept = found.position
        self._ok, self._failed, self._skipped = found.items.to_list()
        self._state = found.state

    def run(self) -> None:
        """Do the items that are left. Raises `Stopped`."""
        told = context.context()
        total = len(self.items)
        careful = max(self._fallen, default=-1) + 1
        with self.desk.minder(self.task.keep_seconds, self._keep) as minder:
            try:
                for item in self.items.after(self._position):
                    minder.check()
                    self._one(item, minder)
                    told.progress(self._position, total, failed=self._failed)
                    unkept = self._position - self._kept
                    if unkept >= (1 if self._position <= careful else self.task.keep_items) and self._position < total:
                        self._keep()
            except Stopped:
                self._keep()
                raise
            except BaseException:
                with suppress(CkptflowError):  # what is told is the first error
                    self._keep()
                raise

    def mend(self, staging: Staging, found: Headway) -> None:
        """Try the items of a finished chunk that failed again, and put what comes of them in its place among the rest.

        Raises `Stopped`: nothing is kept before all are done.
        """
        old = {output.label: sink_for(output) for output in self.task.outputs}
        for label, sink in old.items():
            for part in found.outs[label]:
                sink.load_finished(staging, part)
        copied = dict.fromkeys(old, 0)
        self._ok, self._skipped = found.items.ok, found.items.skipped
        with self.desk.minder(threading.TIMEOUT_MAX, lambda: None) as minder:
            for row in read_rows(staging, found.failed):
                for place in row["before"]:
                    self._copy(old, copied, place["out"], place["length"])
                self._position = row["index"]
                self._one(next(iter(self.items.after(self._position))), minder)
        for label, sink in old.items():
            self._copy(old, copied, label, sink.length)
        self._position = len(self.items)

    def _copy(self, old: dict[str, Sink], copied: dict[str, int], label: str, stop: int) -> None:
        self._shelves[label].sink.copy(old[label], copied[label], stop)
        copied[label] = stop

    def finish(self, staging: Staging) -> Outcome:
        """Store the outs, of all items."""
        outs = {label: shelf.sink.finish(staging) for label, shelf in self._shelves.items()}
        quarantine = self._bad.sink.finish(staging) if self._failed else None
        counts = Items(self._ok, self._failed, self._skipped)
        last = self.items.name(self._position - 1) if self._position else None
        return Outcome(outs, self._state or None, counts, quarantine, last)

    def _one(self, item: Any, minder: Minder) -> None:
        """Process one item, with its retries."""
        context.context().item = self.items.within(self._position)
        fallen = self._fallen.get(self._position)
        attempt = fallen.attempts if fallen is not None else 0
        if fallen is not None and attempt > self.each.retries:
            self._set_aside(fallen.failure, attempt)
            return
        delay = 0.0
        while True:
            attempt += 1
            self.pad.at(self._position, attempt, delay)
            if delay:
                minder.pause(delay)
            if minder.stopping:
                raise Stopped
            try:
                pieces, state = self._call(item)
            except (Exception, SystemExit) as error:
                if not _is_the_items(error):
                    raise
                if attempt <= self.each.retries and not isinstance(error, ResultError):
                    delay = self.each.backoff * 2 ** (attempt - 1)
                    continue
                if not self.each.quarantine:
                    with suppress(AttributeError, TypeError):
                        error.add_note(f"at {self.items.shown(self._position)} of the chunk")
                    raise
                self._set_aside(self.desk.failure(error), attempt)
                return
            self._add(pieces, state)
            self.pad.between()
            return

    def _call(self, item: Any) -> tuple[dict[str, Any] | None, tuple[Any, ...]]:
        arguments, state = self.arguments, self._state
        arguments[self.name] = dict(item) if type(item) is dict else item  # the function may change it, and be retried
        if state:
            arguments["state"] = plain(state[0], "state")
        result = self.function(**arguments)
        if state:
            result, state = split_state(result)
        if result is None:
            return None, state
        results = bind_results(result, self.task.outputs)
        return {label: shelf.sink.prepare(results[label]) for label, shelf in self._shelves.items()}, state

    def _add(self, pieces: dict[str, Any] | None, state: tuple[Any, ...]) -> None:
        with self._lock:
            self._broken = True  # until all of it is added
            if pieces is None:
                self._skipped += 1
            else:
                for label, piece in pieces.items():
                    self._shelves[label].sink.add(piece)
                self._ok += 1
            self._position += 1
            self._state = state
            self._broken = False

    def _set_aside(self, failure: Failure, attempts: int) -> None:
        self.pad.between()
        with self._lock:
            self._broken = True
            lengths = {label: shelf.sink.length for label, shelf in self._shelves.items()}
            self._bad.sink.add([bad_row(self._position, self.items, failure, attempts, lengths)])
            self._failed += 1
            self._position += 1
            self._broken = False

    def _keep(self) -> None:
        """Store what is new, and tell the engine. For any thread."""
        with self._lock:
            if self._broken or self._position == self._kept:
                return
            staging = self.desk.keeping()
            headway = Headway(
                position=self._position,
                items=Items(self._ok, self._failed, self._skipped),
                outs={label: shelf.keep(staging) for label, shelf in self._shelves.items()},
                failed=self._bad.keep(staging),
                state=self._state,
            )
            self._kept = self._position
            self.desk.kept(Kept(self.task.id, headway, self.items.name(self._position - 1)))


def _is_the_items(error: BaseException) -> bool:
    """Tell whether an error says something of the item, and not of the machine or the run."""
    if isinstance(error, MemoryError):
        return False
    return not isinstance(error, CkptflowError) or isinstance(error, ResultError)
