"""Edge. What `push`, `fetch`, `pull` and `checkout` share: their options, the display, telling what is missing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..report.ticker import Ticker
from . import terminal
from .exits import Exit
from .session import Session, as_json, pipeline_file, verbosity
from .values import Target

if TYPE_CHECKING:
    from ..engine.transfer import Lack, Tally

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_TICK = 1.0


def targets_and_file(command: _Command) -> _Command:
    """Give a command TARGETs, `--file`, `--json`, `-v` and `-q`."""
    return click.argument("targets", nargs=-1, type=Target())(pipeline_file(as_json(verbosity(command))))


def remote_option(command: _Command) -> _Command:
    """Give a command `-r`."""
    return click.option("-r", "--remote", metavar="NAME", help="The remote.  [the default one]")(command)


def jobs_option(command: _Command) -> _Command:
    """Give a command `-j`."""
    return click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Requests at once.  [16]")(
        command
    )


def dry_option(command: _Command) -> _Command:
    """Give a command `--dry`."""
    return click.option("-n", "--dry", is_flag=True, help="Say what would be moved, move nothing.")(command)


def refs_options(command: _Command) -> _Command:
    """Give a command `-a`, `-T` and `-A`."""
    branches = click.option("-a", "--all-branches", "branches", is_flag=True, help="Of all branches too.")
    tags = click.option("-T", "--all-tags", "tags", is_flag=True, help="Of all tags too.")
    commits = click.option("-A", "--all-commits", "commits", is_flag=True, help="Of all commits too.")
    return branches(tags(commits(command)))


def force_option(command: _Command) -> _Command:
    """Give a command `--force`."""
    return click.option("-f", "--force", is_flag=True, help="Replace outs that were changed by hand.")(command)


@contextmanager
def displayed(session: Session) -> Iterator[Tally]:
    """Give the tally of a transfer, and show it while it goes on: a line on a terminal, lines elsewhere."""
    from ..engine.transfer import Tally
    from ..report.transfer import TransferLines, TransferLive

    tally = Tally()
    if session.quiet:
        yield tally
    elif terminal.is_live(sys.stderr):
        live = TransferLive(tally, sys.stderr, terminal.style(sys.stderr), time.monotonic)
        try:
            yield tally
        finally:
            live.close()
    else:
        lines = TransferLines(tally, terminal.say, time.monotonic, time.time)
        ticker = Ticker(lines.tick, _TICK)
        try:
            yield tally
        finally:
            ticker.stop()


def waiting(what: str, holder: str) -> None:
    """Say that a lock is waited for."""
    terminal.say(f"waiting for {what}, held by {holder}\n")


def tell(session: Session, lines: Sequence[str], notes: Sequence[str], missing: Sequence[Lack]) -> int:
    """Say what came of a transfer, on standard error; return the exit code."""
    from ..report.transfer import lack_lines

    said = [] if session.quiet else list(lines)
    said += [f"warning: {note}" for note in notes]
    said += lack_lines(missing, terminal.style(sys.stderr))
    terminal.say("".join(f"{line}\n" for line in said))
    if any(lack.damaged for lack in missing):
        return Exit.STORE
    return Exit.FAILED if missing else Exit.DONE
