"""Edge. Which reporter tells a run: by `-q`, by what standard error is, and by `--events`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..report.jsonl import JsonLines
from ..report.multi import Multi
from ..report.plain import Plain
from ..report.quiet import Quiet
from ..report.ticker import Ticker
from . import terminal

if TYPE_CHECKING:
    from ..events import Reporter
    from .session import Session

_TICK = 5.0


@contextmanager
def reporting(session: Session, events: str | None) -> Iterator[Reporter]:
    """Give the reporter of one run; close it, and restore the terminal, however the run ends.

    `events` names a file that takes the events as JSON lines. Raises UsageError if it cannot be written.
    """
    with ExitStack() as stack:
        reporters: list[Reporter] = []
        if events:
            reporters.append(_events(events))
        reporters.append(_human(session, stack))
        multi = Multi(reporters)
        stack.callback(_tell_broken, multi)
        stack.callback(multi.close)
        yield multi


def _human(session: Session, stack: ExitStack) -> Reporter:
    style = terminal.style(sys.stderr)
    if session.quiet:
        return Quiet(terminal.say, style)
    if terminal.is_live(sys.stderr):
        from ..report.live import Live

        return Live(sys.stderr, style, clock=time.monotonic, verbose=session.verbose > 0)
    plain = Plain(terminal.say, style, clock=time.monotonic, wall=time.time, verbose=session.verbose > 0)
    stack.callback(Ticker(plain.tick, _TICK).stop)
    return plain


def _events(path: str) -> Reporter:
    try:
        file = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - the reporter closes it
    except OSError as error:
        raise UsageError(f"cannot write events to `{path}`: {error.strerror}") from None
    return JsonLines(file, time.time)


def _tell_broken(multi: Multi) -> None:
    for error in multi.broken:
        terminal.say(f"warning: a display of this run ended early: {type(error).__name__}: {error}\n")
