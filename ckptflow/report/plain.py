"""Edge. A run as lines of text, for pipes, logs and CI.

One line for what began or ended, with the time of day; a running stage is told at most every half minute, and after a
minute of silence a sign of life says which chunk is the oldest. The number of lines does not grow with the chunks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..events import (
    ChunkDone,
    ChunkFailed,
    ChunkRetry,
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageDone,
    StageStarted,
    Stopping,
    Waiting,
)
from .failure import failure_line, failure_lines, remedy
from .progress import Progress
from .stage import MARKS, ending
from .style import Style
from .summary import notes, remote_line, summary_line
from .words import chunk_name, clean, clean_lines, duration, number, percent, plural

PROGRESS_EVERY = 30.0
"""Seconds between two lines about one running stage."""

SILENCE = 60.0
"""Seconds without a line after which a sign of life is given."""

FAILURES_IN_FULL = 3
"""Failed chunks of a stage that are told with traceback and output; up to ten times this, the others in a line each."""


class Plain:
    """A reporter that writes lines with `write`. `clock` is steady, `wall` the time of day, both in seconds."""

    def __init__(
        self,
        write: Callable[[str], object],
        style: Style,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        verbose: bool = False,
    ) -> None:
        self._write = write
        self._style = style
        self._clock = clock
        self._wall = wall
        self._verbose = verbose
        self._progress = Progress()
        self._told: dict[str, float] = {}
        self._last_line = clock()

    def emit(self, event: Event) -> None:
        """Take one event."""
        now = self._clock()
        self._progress.take(event, now)
        match event:
            case ChunkDone(stage=stage):
                self._tell_progress(stage, now)
            case RunStarted(run=run, stages=stages, workers=workers):
                self._line(f"run {run} started: {plural(len(stages), 'stage')}, {plural(workers, 'worker')}")
            case StageStarted(stage=stage, reasons=reasons):
                self._told[stage] = now
                why = f": {clean('; '.join(reasons))}" if reasons else ""
                self._line(f"{stage} started{why}")
            case StageDone(stage=stage, state=state):
                if state not in ("fresh", "frozen") or self._verbose:
                    mark, role = MARKS.get(state, ("✓", ""))
                    text = ending(self._progress.stage(stage))
                    self._line(f"{self._style.paint(self._style.fit(mark), role)} {stage} {text}")
            case ChunkFailed():
                self._tell_failure(event)
            case ChunkRetry():
                why = (clean_lines(event.failure.message) or ["failed"])[-1]
                name = chunk_name(event.stage, event.index)
                self._line(f"{name} attempt {event.attempt} failed, next in {duration(event.delay)}: {why}")
            case Waiting(what=what, holder=holder):
                self._line(f"waiting for {clean(what)}, held by {clean(holder)}")
            case Note(level=level, message=message):
                if level == "warning" or self._verbose:
                    self._line(f"{'warning: ' if level == 'warning' else ''}{clean(message)}")
            case Stopping(reason=reason, running=running, grace=grace):
                self._line(
                    f"stopping ({clean(reason)}): {plural(running, 'running chunk')}, up to {duration(grace)} for them"
                )
            case RunEnded(result=result):
                self._end(result)
            case _:
                pass

    def tick(self) -> None:
        """Give a sign of life where nothing was written for `SILENCE` seconds and something is running."""
        now = self._clock()
        active = self._progress.active
        if now - self._last_line < SILENCE or not active or self._progress.ended:
            return
        stage, index, chunk = active[0]
        oldest = f"{chunk_name(stage, index)} for {duration(now - chunk.since)}"
        inside = f" ({number(chunk.done)}/{number(chunk.total)})" if chunk.total else ""
        quarantined = sum(each.quarantined for each in self._progress.stages.values() if each.active)
        aside = f"; {plural(quarantined, 'item')} in quarantine" if quarantined else ""
        self._line(f"{plural(len(active), 'chunk')} running, the oldest {oldest}{inside}{aside}")

    def close(self) -> None:
        """No more events come."""

    def _line(self, text: str) -> None:
        self._last_line = self._clock()
        stamp = time.strftime("%H:%M:%S", time.localtime(self._wall()))
        self._write(f"{stamp} {text}\n")

    def _tell_progress(self, name: str, now: float) -> None:
        stage = self._progress.stage(name)
        if now - self._told.setdefault(name, now) < PROGRESS_EVERY or stage.finished == stage.chunks:
            return
        self._told[name] = now
        left = stage.left(now)
        if stage.chunks is None:
            parts = [f"{plural(stage.finished, 'chunk')} done"]
        else:
            parts = [f"{number(stage.finished)}/{number(stage.chunks)} ({percent(stage.finished, stage.chunks)})"]
        if stage.failed:
            parts.append(f"{number(stage.failed)} failed")
        if stage.quarantined:
            parts.append(f"{plural(stage.quarantined, 'item')} in quarantine")
        if left is not None:
            parts.append(f"about {duration(left)} left")
        self._line(f"{name} {', '.join(parts)}")

    def _tell_failure(self, event: ChunkFailed) -> None:
        failed = self._progress.stage(event.stage).failed
        if failed <= FAILURES_IN_FULL:
            head, *rest = failure_lines(event, self._style)
            self._line(head)
            self._write("".join(f"{line}\n" for line in rest))
        elif failed <= FAILURES_IN_FULL * 10:
            self._line(failure_line(event, self._style))

    def _end(self, result: dict[str, object]) -> None:
        if not result:
            return  # the run ended by an error, which is told by whoever raised it
        for stage in self._progress.stages.values():
            if stage.failed:
                self._line(remedy(stage.failed, stage.stage, stage.ran + stage.reused))
        stopping = self._progress.stopping
        self._line(summary_line(result, stopped=stopping.reason if stopping else None))
        for text in notes(result):
            self._line(text)
        if line := remote_line(result):
            self._line(line)
