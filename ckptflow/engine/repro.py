"""Edge. The use case of all use cases: bring what was asked for up to date."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..checkpoints.locks import hold, share
from ..checkpoints.oplog import OperationLog
from ..checkpoints.records import Durability, RecordLog
from ..dataclass import replace
from ..errors import CkptflowError
from ..events import Note, Reporter, RunEnded, Waiting
from ..plan.selection import Selection
from ..run.aside import recover
from ..store import layout
from .attempt import Attempt, Outcome
from .result import RunResult, StageResult
from .runlog import CHECKPOINT_LOG
from .runtexts import keep_texts
from .session import Session, failed_before, new_run_id
from .stop import Stop
from .survey import Survey, find_files, read_pipeline
from .sweep import sweep_logs, sweep_scratch
from .targets import ReproOptions, select

if TYPE_CHECKING:
    from .sharing import Sharing

ATTEMPTS_MOST = 6
SYNC_SECONDS = 1.0


def repro(session: Session, targets: Sequence[str], options: ReproOptions, reporter: Reporter) -> RunResult:
    """Run what is stale, reuse what is done, and leave workspace, store and lock file saying so.

    Holds the locks of the pipeline files concerned meanwhile. Raises what makes a run impossible (`SpecError`,
    `StoreError`, `Locked`, `OutEdited`, `DepMissing`, ...); failing chunks are no exception but part of the result.
    """
    run_id = new_run_id()
    began = time.monotonic()
    files = _files_of(session, targets, options)
    while True:
        try:
            return _repro(session, targets, options, reporter, files, run_id, began)
        except _MoreFiles as more:  # somebody edited a pipeline file while we waited for the lock
            files |= more.files


def _repro(
    session: Session,
    targets: Sequence[str],
    options: ReproOptions,
    reporter: Reporter,
    files: frozenset[str],
    run_id: str,
    began: float,
) -> RunResult:
    def waiting(what: str, holder: str) -> None:
        reporter.emit(Waiting(what, holder))

    patience = session.settings.lock_timeout
    with (
        share(session.store_root, run=run_id, on_wait=waiting, timeout=patience),  # nothing is deleted meanwhile
        hold(session.store_root, [f"pipeline {f}" for f in files], run=run_id, on_wait=waiting, timeout=patience),
    ):
        for path in recover(session.root):
            reporter.emit(Note("warning", f"put back `{path}`, which an interrupted run had moved aside"))
        with Stop(options.time_limit) as stop, _shared(session, options, run_id, stop) as sharing:
            log = RecordLog(
                session.store,
                run_id,
                durability=Durability(session.settings.durability),
                listener=sharing.add if sharing is not None else None,
            )
            with _synced(log), contextlib.closing(_operations(session, run_id, reporter)) as ops:
                attempt = Attempt(session, targets, options, reporter, run_id, stop, log, ops, sharing)
                survey, outcome, stages = _until_the_ground_is_still(session, attempt, files)
            result = _result(run_id, outcome, stages, stop, time.monotonic() - began)
            kept = _keep(session, result, survey, locked=options.commit)
            if sharing is not None:
                if kept:
                    named = [name for field in ("files", "locks") for name in kept.get(field, {}).values()]
                    sharing.publish((layout.run_name(run_id),), named)
                result = replace(result, shared=sharing.finish(reporter, lambda: stop.at_once, attempt.left))
            attempt.testify()
    reporter.emit(RunEnded(run_id, result.ok, result.seconds, result.to_json()))
    return result


def _operations(session: Session, run_id: str, reporter: Reporter) -> OperationLog:
    """Return the log of what the run does to checkpoints: kept beside what its stages print, and told as it happens."""
    return OperationLog(
        session.logs / run_id / CHECKPOINT_LOG, lambda level, text: reporter.emit(Note(level.value, text))
    )


class _MoreFiles(Exception):  # control flow of this module only
    """Stages of further pipeline files are to be run, whose locks are not held."""

    def __init__(self, files: frozenset[str]) -> None:
        super().__init__()
        self.files = files


def _select(
    session: Session, targets: Sequence[str], options: ReproOptions
) -> tuple[Survey, Selection, frozenset[str]]:
    """Return the project as it is, what was asked for, and the pipeline files whose stages that may run."""
    survey = read_pipeline(session)
    failed = failed_before(session.cache)
    selection = select(survey.pipeline, survey.graph, targets, options, failed, session.location.file)
    return survey, selection, frozenset(survey.pipeline.stages[name].file for name in selection.stages)


def _files_of(session: Session, targets: Sequence[str], options: ReproOptions) -> frozenset[str]:
    """Return the pipeline files whose stages may run; where there is but one, nothing need be read to tell."""
    found = find_files(session.location)
    return frozenset(found) if len(found) == 1 else _select(session, targets, options)[2]


def _until_the_ground_is_still(
    session: Session, attempt: Attempt, files: frozenset[str]
) -> tuple[Survey, Outcome, tuple[StageResult, ...]]:
    """Plan and run; again from the start where a dep, an object or a partition proved not to be what was planned on."""
    for _ in range(ATTEMPTS_MOST):
        session.look_again()
        survey, selection, needed = _select(session, attempt.targets, attempt.options)
        if not needed <= files:
            raise _MoreFiles(needed)
        outcome, stages = attempt.run(survey, selection)
        if outcome is not Outcome.REPLAN:
            return survey, outcome, stages
    raise CkptflowError(
        "the deps or the store change faster than they can be read", hint="stop what is writing to them"
    )


def _result(run_id: str, outcome: Outcome, stages: tuple[StageResult, ...], stop: Stop, seconds: float) -> RunResult:
    if outcome is Outcome.STOPPED:
        number = stop.signals[0] if stop.signals else None
        return RunResult(run_id, "timeout" if number is None else "interrupted", seconds, stages, signal=number)
    bad = any(s.state in ("failed", "blocked") for s in stages)
    return RunResult(run_id, "failed" if bad else "ok", seconds, stages)


def _keep(session: Session, result: RunResult, survey: Survey, *, locked: bool) -> dict[str, Any]:
    """Keep the result for `log`, and what its values can be found by later; let go of what is old. Return what was
    kept.
    """
    doc: dict[str, Any] = {}
    if any(s.state not in ("fresh", "frozen") for s in result.stages):
        doc = {**result.to_json(), **keep_texts(session, survey, locked=locked)}
        session.store.put(layout.run_name(result.run), (json.dumps(doc, indent=1) + "\n").encode())
    sweep_logs(session)
    sweep_scratch(session)
    return doc


@contextlib.contextmanager
def _shared(session: Session, options: ReproOptions, run_id: str, stop: Stop) -> Iterator[Sharing | None]:
    """Share the run's work through a remote, where the settings or the options say so."""
    if not session.settings.shares and not options.pull:
        yield None
        return
    from .sharing import share  # a run that shares nothing imports none of it

    sharing = share(session, run_id, stop.check)
    try:
        yield sharing
    finally:
        sharing.close()


@contextlib.contextmanager
def _synced(log: RecordLog) -> Iterator[None]:
    """Sync what is recorded once a second, beside the work, and at the end."""
    ended = threading.Event()
    errors: list[CkptflowError] = []

    def beat() -> None:
        while not ended.wait(SYNC_SECONDS):
            try:
                log.sync()
            except CkptflowError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=beat, name="ckptflow-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if not errors:
            log.sync()
    if errors:
        raise errors[0]
