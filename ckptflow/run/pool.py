"""Edge. The worker processes of one run on this machine, owned by the engine's one thread.

Rules: a worker has at most one batch, so the pool always knows which task a dead worker was at; that task alone has
failed, the rest of its batch goes back unharmed. What a worker reported before it died counts. A worker is a process
group: whatever its tasks started dies with it, and all of it dies with the engine (see `worker.die_with_engine`).
Workers are started when there is work for them (the first one may be there already: `boot`).
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from ..dataclass import dataclass, field, replace
from ..errors import CkptflowError, Failure
from .aside import recover
from .boot import Process, take
from .capture import log_tail
from .channel import Channel
from .command import discard, signal_name
from .inhand import read_note
from .messages import (
    CutDone,
    CutTask,
    Done,
    Failed,
    InHand,
    Kept,
    Progress,
    Report,
    Returned,
    Started,
    Task,
    Tried,
    WorkerSetup,
)

_POLL_SECONDS = 0.2
_LEAVE_SECONDS = 2.0
_TERM_SECONDS = 1.0
_PIDFD = hasattr(os, "pidfd_open")
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


@dataclass(slots=True, eq=False)
class _Worker:
    """One process and what it was given. `batch` holds the tasks without a final report, by id, in order.

    `used`: it has ended a task.
    """

    number: int
    process: Process
    channel: Channel
    pidfd: int | None
    lifeline: int
    staging: Path
    words: IO[bytes]
    notes: IO[bytes]
    batch: dict[int, Task | CutTask] = field(default_factory=dict)
    ended: int = 0
    waiting: bool = False
    current: int | None = None
    deadline: float | None = None
    stage: str = ""
    begun: bool = False
    used: bool = False
    since: float = 0.0


class Pool:
    """Up to `workers` processes. Not for use from several threads. A context manager: leaving it ends all workers.

    Without `functions` all tasks are whole commands.
    """

    def __init__(self, workers: int, setup: WorkerSetup, *, functions: bool = True) -> None:
        self._size = workers
        self._functions = functions
        self._setup = setup
        self._workers: dict[int, _Worker] = {}
        self._started = 0
        self._early: list[Report] = []  # what became known outside of `wait`
        self._begins: list[Report] = []  # what is begun by now; nobody is woken for that
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._token = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._draining = False
        self._woken = False
        self._closed = False

    @property
    def wakeup_fd(self) -> int:
        """For `signal.set_wakeup_fd`: a byte written here makes `wait` return at once."""
        return self._wake_write

    def idle(self) -> int:
        """Return how many workers, started or not, could take a batch now."""
        return 0 if self._draining else self._size - self.running()

    def running(self) -> int:
        """Return how many workers have a batch."""
        return sum(1 for worker in self._workers.values() if worker.batch)

    def submit(self, batch: tuple[Task | CutTask, ...]) -> int:
        """Give `batch` (not empty) to an idle worker, preferring one that knows the stage; return its number.

        Where the first task asks for a fresh worker, to one that has done nothing yet.
        Raises CkptflowError where a worker is needed and the system cannot start one.
        """
        assert batch and self.idle() > 0
        while True:
            free = [worker for worker in self._workers.values() if not worker.batch]
            if isinstance(batch[0], Task) and batch[0].fresh:
                free = self._unused(free)
            known = [worker for worker in free if worker.stage == batch[0].stage]
            worker = (known or free or [None])[0] or self._start()  # type: ignore[list-item]
            try:
                worker.channel.send(batch)
            except OSError:  # it died while it had nothing to do: nobody's loss
                self._bury(worker)
                continue
            worker.batch = {task.id: task for task in batch}
            worker.ended = 0
            worker.waiting = False
            worker.stage = batch[0].stage
            if worker.used:
                self._begin_next(worker)
            return worker.number

    def _unused(self, free: list[_Worker]) -> list[_Worker]:
        """Return those of the idle workers that have done nothing yet; if there is none, make room for one."""
        unused = [worker for worker in free if not worker.used]
        if not unused and len(self._workers) >= self._size:
            self._bury(free[0])
        return unused

    def wait(self, timeout: float | None = None) -> list[Report]:
        """Return the reports that have come, waiting up to `timeout` seconds (None: for ever) for the first.

        Empty after the timeout, after a byte on `wakeup_fd`, and when no worker has anything to do. Each task that was
        handed out gets exactly one of Done, CutDone, Failed or a place in a Returned. To wait again is to say that all
        that was reported is kept: only then does a worker begin its next task.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self._woken = False
        begun = self.proceed()
        while not self._early and not self._woken and (timeout is not None or self.running()):
            self._turn(end)
            self._stop_late()
            if end is not None and time.monotonic() >= end:
                break
        reports, self._early = begun + self._early, []
        return reports

    def proceed(self) -> list[Report]:
        """Say before the next `wait` that all that was reported is kept, so that workers go on meanwhile; return what
        was begun by then and not told yet.
        """
        for worker in self._workers.values():
            if worker.waiting and not self._draining:
                worker.waiting = False
                with suppress(OSError):
                    worker.channel.send(worker.ended)
                self._begin_next(worker)
        begun, self._begins = self._begins, []
        return begun

    def drain(self) -> None:
        """Hand out no more: each worker ends the task that it is at, and the rest of its batch comes back."""
        self._draining = True
        for worker in self._workers.values():
            if worker.batch:
                with suppress(OSError):
                    worker.channel.send(None)

    def stop(self, grace: float) -> Iterator[list[Report]]:
        """Drain, give the tasks at hand `grace` seconds, then end them: SIGTERM to their commands, SIGKILL to all.

        Yields all reports that had not been taken, as they come, so that they are kept before others are waited for; to
        be gone through to the end. Tasks ended in this way come back as Returned.
        Ends early, as if the grace were over, when a byte comes on `wakeup_fd`.
        """
        self._hear_wake_up()  # the byte of the signal that asked for this stop
        self.drain()
        end = time.monotonic() + grace
        while self.running():
            got = self.wait(max(0.0, end - time.monotonic()))
            woken = self._woken
            yield got
            if woken or not got:
                break
        commands = [worker for worker in self._workers.values() if worker.batch and _runs_command(worker)]
        for worker in commands:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGTERM)
        end = time.monotonic() + min(_TERM_SECONDS, grace)
        while any(worker.batch for worker in commands) and (got := self.wait(max(0.0, end - time.monotonic()))):
            yield [Returned((r.task,)) if isinstance(r, Failed) else r for r in got]
        for worker in list(self._workers.values()):
            if worker.batch:
                self._collect(worker)
                reports, self._early = self._early, []
                yield reports
            if worker.batch:
                rest = tuple(worker.batch)
                self._bury(worker)
                yield [Returned(rest)]

    def close(self) -> None:
        """End all workers: idle ones leave by themselves, busy ones are killed. Their tasks get no report."""
        if self._closed:
            return
        self._closed = True
        workers = list(self._workers.values())
        leaving = [worker for worker in workers if not worker.batch]
        for worker in leaving:
            self._part(worker)
        for worker in workers:
            if worker.batch:
                self._bury(worker)
        end = time.monotonic() + _LEAVE_SECONDS
        while time.monotonic() < end and not all(worker.process.has_ended() for worker in leaving):
            time.sleep(0.002)
        for worker in leaving:
            self._clean(worker)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> _Worker:
        """Start a process and send it what it needs to know. Raises CkptflowError where there is no room for one."""
        number = self._started = self._started + 1
        try:
            booted = take(functions=self._functions)
        except OSError as error:
            raise CkptflowError(
                f"cannot start a worker process: {error.strerror or error}",
                hint="use fewer jobs, or end other programs",
            ) from error
        worker = _Worker(
            number=number,
            process=booted.process,
            channel=Channel(booted.channel),
            pidfd=os.pidfd_open(booted.process.pid) if _PIDFD else None,
            lifeline=booted.lifeline,
            staging=Path(self._setup.store) / "tmp" / f"{self._token}-{number}",
            words=booted.words,
            notes=booted.notes,
        )
        self._workers[number] = worker
        for fd in (worker.channel.fd, worker.pidfd):
            if fd is not None:
                self._selector.register(fd, selectors.EVENT_READ, worker)
        with suppress(OSError):  # dead already: the next message finds that out
            worker.channel.send((number, str(worker.staging), self._setup))
        return worker

    def _turn(self, end: float | None) -> None:
        """Wait once, until `end` at most, for something to happen, and take it in."""
        limits = [worker.deadline for worker in self._workers.values() if worker.deadline is not None]
        if end is not None:
            limits.append(end)
        timeout = max(0.0, min(limits) - time.monotonic()) if limits else None
        if not _PIDFD:
            timeout = _POLL_SECONDS if timeout is None else min(timeout, _POLL_SECONDS)
        lost = []
        for key, _ in self._selector.select(timeout):
            worker: _Worker | None = key.data
            if worker is None:
                self._hear_wake_up()
                self._woken = True
            elif key.fd == worker.pidfd or not self._collect(worker):
                lost.append(worker)
        if not _PIDFD:
            lost += [worker for worker in self._workers.values() if worker not in lost and worker.process.has_ended()]
        for worker in dict.fromkeys(lost):
            self._lost(worker)

    def _hear_wake_up(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _collect(self, worker: _Worker) -> bool:
        """Take in what the worker has reported; False when it has closed its end."""
        try:
            messages = worker.channel.pump()
        except EOFError:
            return False
        for report in messages:
            match report:
                case Started(task):
                    self._begun(worker, task)
                case Done(task) | CutDone(task) | Failed(task):
                    if isinstance(report, Failed) and report.failure.kind == "memory":
                        report = replace(report, at=_in_hand(worker, task, certain=False))
                    del worker.batch[task]
                    worker.current = worker.deadline = None
                    worker.ended += 1
                    worker.used = True
                    worker.waiting = bool(worker.batch)
                case Returned(tasks):
                    for task in tasks:
                        del worker.batch[task]
                    worker.current = worker.deadline = None
                    worker.waiting = False
                case Progress(task) | Kept(task) | Tried(task) if task != worker.current:
                    continue  # from a thread that the function left behind
            self._early.append(report)
        return True

    def _begun(self, worker: _Worker, task: int) -> None:
        worker.current, worker.begun, worker.since = task, True, time.monotonic()
        limit = getattr(worker.batch[task], "timeout", None)
        worker.deadline = None if limit is None else worker.since + limit

    def _begin_next(self, worker: _Worker) -> None:
        """A worker that has ended a task and got another begins with it: it need not say so."""
        following = next(iter(worker.batch))
        self._begun(worker, following)
        self._begins.append(Started(following, worker.number))

    def _stop_late(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.deadline is None or worker.deadline > now:
                continue
            if self._collect(worker) and worker.deadline is not None and worker.deadline <= now:
                assert worker.current is not None
                task = worker.batch[worker.current]
                assert isinstance(task, Task) and task.timeout is not None
                limit = task.timeout
                if task.each is not None or task.halve:
                    note = read_note(worker.notes.fileno(), task.id)
                    began = now if note is None or note.number is None else note.began
                    if began + limit > now:  # it is at another call by now, or at none
                        worker.deadline = began + limit
                        continue
                failure = Failure("timeout", f"took longer than {limit:g} s", hint="raise `timeout` of the stage")
                self._fail_current(worker, failure)

    def _lost(self, worker: _Worker) -> None:
        """The worker is dead, or has closed its channel: its current task has failed, what it had reported counts."""
        while self._collect(worker) and worker.channel.pending():
            pass
        if not worker.batch:
            self._bury(worker)
            return
        self._fail_current(worker, None)

    def _fail_current(self, worker: _Worker, failure: Failure | None) -> None:
        """End the worker; its current task gets `failure` (None: what its death tells), the others come back."""
        # A worker that dies with a batch before it begins anything would do so for ever if nobody were charged for it.
        task = worker.batch.pop(worker.current if worker.current is not None else next(iter(worker.batch)))
        rest = tuple(worker.batch)
        seconds = time.monotonic() - worker.since if worker.begun else 0.0
        status = self._end(worker)
        at = _in_hand(worker, task.id, certain=failure is not None or _crashed(status))
        failure = failure or _death(worker, status)
        if at is not None:
            from .crashes import crash

            failure = replace(failure, traceback=crash(task.log, self._setup.root))
        self._early.append(Failed(task.id, log_tail(failure, task.log), seconds, at))
        if rest:
            self._early.append(Returned(rest))
        self._part(worker)
        self._clean(worker, task)

    def _bury(self, worker: _Worker) -> None:
        """End the worker and all it started, and remove what it was making."""
        self._end(worker)
        self._part(worker)
        self._clean(worker, *worker.batch.values())

    def _part(self, worker: _Worker) -> None:
        """Let go of the worker: an idle one leaves when its channel closes."""
        del self._workers[worker.number]
        for fd in (worker.channel.fd, worker.pidfd):
            if fd is not None:
                self._selector.unregister(fd)
                os.close(fd)

    def _end(self, worker: _Worker) -> int:
        """Kill the worker's process group and return the worker's exit status, that of before if it was dead."""
        # Before the process is waited for: until then nobody else can get its number.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.process.pid, signal.SIGKILL)
        return worker.process.wait()

    def _clean(self, worker: _Worker, *tasks: Task | CutTask) -> None:
        self._end(worker)
        os.close(worker.lifeline)
        worker.words.close()
        worker.notes.close()
        with suppress(OSError):
            discard(worker.staging)
        if any(isinstance(task, Task) and task.cmd and task.index is None for task in tasks):
            recover(Path(self._setup.root))


def _runs_command(worker: _Worker) -> bool:
    task = worker.batch.get(worker.current) if worker.current is not None else None
    return isinstance(task, Task) and bool(task.cmd)


def _in_hand(worker: _Worker, task: int, *, certain: bool) -> InHand | None:
    """Return the call at which the worker left a task; with `certain` it is to blame for that in any case."""
    note = read_note(worker.notes.fileno(), task)
    if note is None or note.number is None:
        return None
    return InHand(note.number, note.attempt, certain or (note.first and not worker.used))


def _crashed(status: int) -> bool:
    """Tell whether a process ended through what it did itself at that moment. The kernel kills for lack of memory whom
    it chooses, and programs abort themselves for it.
    """
    return status >= 0 or -status in _CRASHES


def _death(worker: _Worker, status: int) -> Failure:
    """Say what is known of a worker that ended by itself while it had work."""
    if not worker.begun:
        worker.words.seek(0)
        words = worker.words.read().decode("utf-8", "replace").strip()
        return Failure("killed", "a worker process could not start", traceback=words)
    if status >= 0:
        return Failure("killed", f"the worker process ended with status {status} (os._exit?)")
    name = signal_name(-status)
    hint = None
    if -status == signal.SIGKILL:
        hint = "often the kernel, out of memory: use fewer workers or smaller chunks"
    elif -status in (*_CRASHES, signal.SIGABRT):
        hint = "native code crashed; the log shows where, if it could tell"
    return Failure("killed", f"the worker process was killed by {name}", hint=hint)
