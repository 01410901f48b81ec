"""Edge. A run as the command line has it: told as it goes on, its result printed, its end an exit code.

Nothing here needs click, whose import costs as much as starting an interpreter: a plain `repro` goes without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import terminal
from .exits import Exit
from .quick import options_in
from .session import Session

if TYPE_CHECKING:
    from ..project import Project, ReproOptions, RunResult


def run_plainly(args: list[str]) -> int:
    """Run `repro` with arguments that are plain (`quick.is_plain`); return the exit code. Raises what a run raises."""
    from ..project import ReproOptions

    options = options_in(args)
    session = Session(quiet=not options.isdisjoint(("-q", "--quiet")))
    project, targets = session.project_for(tuple(arg for arg in args[1:] if arg not in options), file=None)
    return run(session, project, targets, ReproOptions(), as_json="--json" in options)


def run(
    session: Session,
    project: Project,
    targets: tuple[str, ...],
    options: ReproOptions,
    *,
    events: str | None = None,
    as_json: bool = False,
) -> int:
    """Run what is stale; return the exit code. `events` names a file that takes the events as JSON lines."""
    from .reporting import reporting

    with reporting(session, events) as reporter:
        outcome = project.repro(targets, options=options, reporter=reporter)
    if as_json:
        terminal.document(outcome.to_json())
    return exit_of(outcome)


def exit_of(run: RunResult) -> int:
    """Return the exit code of a run."""
    match run.outcome:
        case "ok" if run.shared is not None and not run.shared.complete:
            return Exit.STORE
        case "ok":
            return Exit.QUARANTINED if any(stage.quarantined for stage in run.stages) else Exit.DONE
        case "timeout":
            return Exit.MORE
        case "interrupted":
            return 128 + run.signal if run.signal else Exit.INTERRUPTED
        case _:
            return Exit.FAILED
