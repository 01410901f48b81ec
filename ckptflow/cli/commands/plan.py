"""Edge. `ckptflow plan`: what `repro` would do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, pipeline_file, superseded, verbosity
from ..values import Target

if TYPE_CHECKING:
    from ...plan.view import PlanView


@click.command("plan")
@click.argument("targets", nargs=-1, type=Target())
@pipeline_file
@superseded
@click.option("--exit-code", is_flag=True, help="Exit 10 if there is anything to do.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    file: str | None,
    keep_finished: bool,
    refresh_mixed: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Say what repro would do for the TARGETs (default: all). Runs and writes nothing."""
    from ...project import ReproOptions

    project, targets = session.project_for(targets, file=file)
    options = ReproOptions(keep_finished=keep_finished, refresh_mixed=refresh_mixed)
    plan = project.plan(targets, options=options)
    return tell_plan(session, plan, as_json=as_json, exit_code=exit_code)


def tell_plan(session: Session, plan: PlanView, *, as_json: bool, exit_code: bool) -> int:
    """Print `plan`; return the exit code, which tells of pending work only where `exit_code` asks for it."""
    from ...report.state import plan_lines

    if as_json:
        terminal.document(plan.to_json())
    elif not session.quiet:
        terminal.lines(plan_lines(plan, terminal.style(sys.stdout)))
    return Exit.PENDING if exit_code and plan.pending else Exit.DONE
