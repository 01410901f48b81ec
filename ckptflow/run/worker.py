"""Edge. The worker process: takes batches of tasks, does one after the other, reports each at once.

It imports pyarrow, formats and the user's modules when a task first needs them, so that a pipeline of plain commands
starts fast. Whatever user code does ends as a report: an exception, `sys.exit`, an interrupt; what ends the process
itself is seen by the pool. The worker is the head of its own process group, with no terminal; SIGINT and SIGTERM pass
it by, since the engine decides when to stop. When the engine dies, by SIGKILL too, the whole group is killed at once.
"""

from __future__ import annotations

import atexit
import faulthandler
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    CkptflowError,
    CodeChanged,
    CommandFailed,
    DepChanged,
    DepMissing,
    DepUnreadable,
    Failure,
    ResultError,
    SpillMissing,
    StoreDamaged,
    StoreError,
)
from ..store.local import LocalStore
from ..store.objects import Objects
from ..store.protocol import NotThere
from . import context, tracebacks
from .aside import Aside
from .capture import Capture, log_tail
from .channel import Channel
from .command import restore_environment, run_command, stage_environment
from .loading import import_from
from .messages import (
    CutDone,
    CutTask,
    Done,
    Failed,
    Input,
    Kept,
    Progress,
    Report,
    Returned,
    Started,
    Task,
    Tried,
    WorkerSetup,
)
from .outcome import Known, Outcome, Stopped
from .ownpoint import OwnPoint
from .storing import Staging

if TYPE_CHECKING:
    from .bringing import Bringer
    from .inhand import Pad
    from .minding import Minder
    from .readcache import ReadCache


def main() -> None:
    """Be a worker. Arguments: see `work`."""
    passed = [int(text) for text in sys.argv[2:5]]
    sys.argv[1:] = []
    work(*passed)


def work(channel_fd: int, lifeline: int, notes: int) -> None:
    """Work until the pool closes the channel, and end the process. All three are descriptors."""
    for fd in (channel_fd, lifeline, notes):
        os.set_inheritable(fd, False)
    die_with_engine(lifeline)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _pass_by)  # a handler and not SIG_IGN, which commands would inherit
    faulthandler.enable()  # a crash of native code leaves the Python frames in the log of its chunk
    channel = Channel(channel_fd)
    with suppress(EOFError, BrokenPipeError):
        number, staging, setup = channel.recv()
        os.environ.update(setup.env)
        worker = Worker(channel, number, Path(staging), setup, notes)
        atexit.register(worker.close)
        worker.serve()
    # What users registered to run at exit runs; tearing down the interpreter and freeing its memory is not waited for.
    atexit._run_exitfuncs()
    os._exit(0)


def _pass_by(number: int, frame: object) -> None:
    """Do nothing with a signal."""


def die_with_engine(lifeline: int) -> None:
    """Kill this process's group when the other end of the pipe `lifeline`, which the engine holds, is closed.

    On Linux the kernel does it by itself: the group owns the pipe and gets SIGKILL when something happens to it, even
    in the middle of native code. Elsewhere a thread waits for the end of the pipe.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            os.read(lifeline, 1)
            os.killpg(0, signal.SIGKILL)  # the engine was gone before we asked
        return

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


class Worker:
    """State of one worker process: its channel, the store, what it has read and loaded."""

    def __init__(self, channel: Channel, number: int, staging: Path, setup: WorkerSetup, notes: int) -> None:
        self._channel = channel
        self._sending = threading.Lock()  # `progress` may be called from threads of the user's
        self._number = number
        self._notes = notes
        self._root = Path(setup.root)
        self._spills = Path(setup.spills)
        self._setup = setup
        self._objects = Objects(LocalStore(setup.store))
        self._bringer: Bringer | None = None
        if setup.remote is not None:
            from .bringing import Bringer

            self._objects.elsewhere = self._bringer = Bringer(setup)
        self._staging = Staging(self._objects, staging, Path(setup.store), self._root, self._spills)
        self._aside = Aside(self._root, staging.name)
        self._cache: ReadCache | None = None
        self._reads: Callable[[Input], Any] | None = None
        self._capture = Capture()
        self._environment = dict(os.environ)  # commands are given this, whatever functions make of theirs
        self._kept = 0
        self._draining = False
        self._used = False
        self._keeping: Staging | None = None
        import_from(setup.root, setup.sources)

    def serve(self) -> None:
        """Work until the channel is closed: EOFError or BrokenPipeError."""
        while True:
            batch = self._channel.recv()
            if not isinstance(batch, tuple):  # what came too late for the batch before
                continue
            self._kept, self._draining = 0, False
            if not self._used:  # later the pool knows by itself that what it sends is begun
                self._send(Started(batch[0].id, self._number))
            for place, task in enumerate(batch):
                if place and not self._go_on(place):
                    self._send(Returned(tuple(t.id for t in batch[place:])))
                    break
                report = self._attempt(task)
                if isinstance(report, Returned):
                    self._send(Returned(tuple(t.id for t in batch[place:])))
                    break
                self._send(report)
                self._used = True

    def _go_on(self, done: int) -> bool:
        """Wait until the engine has kept the results of `done` tasks of the batch, and takes the next as begun.

        So however fast the tasks are, a kill of the engine loses the one that is at hand and no other. A busy worker is
        sent how many are kept, or None: begin no further task (then this is False).
        """
        while not self._draining and (self._kept < done or self._channel.pending()):
            self._hear(self._channel.recv())
        return not self._draining

    def _hear(self, message: int | None) -> None:
        if message is None:
            self._draining = True
        else:
            self._kept = message

    def _send(self, report: Report) -> None:
        with self._sending:
            self._channel.send(report)

    def _attempt(self, task: Task | CutTask) -> Report:
        began = time.perf_counter()
        try:
            if self._bringer is not None:
                self._bringer.prepare(self._objects, task.inputs)
            os.chdir(self._root)  # the task before may have gone elsewhere
            self._capture.begin(task.log)
            report = self._cut(task, began) if isinstance(task, CutTask) else self._run(task, began)
            self._capture.end()
        except Stopped:
            self._capture.end()
            return Returned((task.id,))
        except BaseException as error:
            failure = self.failure(error)
            if self._capture.end():
                failure = log_tail(failure, task.log)
            return Failed(task.id, failure, time.perf_counter() - began)
        return report

    def close(self) -> None:
        """Remove what is kept between tasks."""
        self._capture.close()
        self._aside.close()
        if self._cache is not None:
            self._cache.close()

    def _cut(self, task: CutTask, began: float) -> CutDone:
        from .cutting import cut

        sheet = cut(task, self._objects.path, self._root, self._spills, self._reads_through())
        return CutDone(task.id, sheet, time.perf_counter() - began, self._brought())

    def _run(self, task: Task, began: float) -> Done:
        # Commands are given their environment; of this process's own, they need where programs are looked for.
        before = stage_environment(task.env) if task.call or "PATH" in task.env else {}
        try:
            if task.call:
                made = self._run_call(task)
            else:
                made = Outcome(run_command(task, self._staging, self._aside, self._materialise, self._environment))
        finally:
            if before:
                restore_environment(before)
        rows = (i.piece.rows for i in task.inputs if i.piece is not None and i.piece.rows is not None)
        return Done(
            task.id,
            outs=made.outs,
            seconds=time.perf_counter() - began,
            rows_in=next(rows, None),
            state=made.state,
            brought=self._brought(),
            items=made.items,
            quarantine=made.quarantine,
            last=made.last,
        )

    def _brought(self) -> tuple[int, int]:
        """Return how much came from a remote since the last time."""
        return self._bringer.taken() if self._bringer is not None else (0, 0)

    def _run_call(self, task: Task) -> Outcome:
        from .calling import run_call, run_merge

        told = context.Context(task.stage, task.key, task.index, task.chunks, task.attempt, _tell=self._teller(task.id))
        context.enter(told)
        try:
            if task.merge:
                return Outcome(run_merge(task, self._staging, self._read))
            if task.each is not None:
                from .items import run_items

                return run_items(task, self._staging, self._read, self)
            if task.halve:
                from .halving import run_halving

                return run_halving(task, self._staging, self._read, self)
            with OwnPoint(task, told, self):
                return Outcome(*run_call(task, self._staging, self._read))
        finally:
            context.enter(None)

    def minder(self, seconds: float, keep: Callable[[], None]) -> Minder:
        """See `Desk`."""
        from .minding import Minder

        return Minder(self._channel, seconds, keep, self._hear)

    def kept(self, report: Kept) -> None:
        """See `Desk`."""
        self._send(report)

    def tried(self, report: Tried) -> None:
        """See `Desk`."""
        self._send(report)

    def pad(self, task: int) -> Pad:
        """See `Desk`."""
        from .inhand import Pad

        return Pad(self._notes, task)

    def keeping(self) -> Staging:
        """See `Desk`."""
        if self._keeping is None:
            store = Objects(LocalStore(self._setup.store))
            mine = self._staging
            self._keeping = Staging(store, mine.directory / "kept", mine.store, mine.root, mine.spills)
        return self._keeping

    def _teller(self, task: int) -> Callable[[int, int | None, int], None]:
        def tell(done: int, total: int | None, failed: int) -> None:
            self._send(Progress(task, done, total, failed))

        return tell

    def _read(self, input_: Input) -> Any:
        if self._reads is None:
            from .reading import read_input

            reading = self._reading()
            self._reads = lambda item: read_input(item, **reading)
        return self._reads(input_)

    def _materialise(self, input_: Input, path: Path) -> None:
        from .reading import materialise

        materialise(input_, path, **self._reading())

    def _reading(self) -> dict[str, Any]:
        return {
            "root": self._root,
            "object_path": self._objects.path,
            "spill_dir": self._spills,
            "cache": self._reads_through(),
        }

    def _reads_through(self) -> ReadCache:
        if self._cache is None:
            from .readcache import ReadCache

            self._cache = ReadCache(self._setup.cache_bytes)
        return self._cache

    def failure(self, error: BaseException) -> Failure:
        """See `Desk`."""
        full = self._staging.disk_error(error) if isinstance(error, OSError) else None
        if full and not tracebacks.has_user_frames(error, self._setup.root):
            error = full
        told = error if isinstance(error, CkptflowError) else full
        hint = told.hint if told else None
        match error:
            case Known():
                return error.failure
            case CommandFailed():
                return Failure("exit", error.message, hint=hint)
            case ResultError():
                return Failure("result", error.message, hint=hint, error=type(error).__qualname__)
            case CodeChanged() | DepChanged():
                return Failure("dep-changed", error.message, hint=hint)
            case DepMissing() | DepUnreadable():
                return Failure("dep", error.message, hint=hint)
            case StoreDamaged():
                return Failure("damaged", error.message, hint=hint, lost=error.objects)
            case NotThere() | SpillMissing():
                return Failure("damaged", error.message, hint=hint)
            case StoreError():
                return Failure("store", error.message, hint=hint)
            case CkptflowError():
                return Failure("exception", error.message, hint=hint)
        return Failure(
            "memory" if isinstance(error, MemoryError) else "exception",
            tracebacks.message(error),
            hint=hint,
            traceback=tracebacks.user_traceback(error, self._setup.root),
            notes=tracebacks.notes(error),
            error=type(error).__qualname__,
        )
