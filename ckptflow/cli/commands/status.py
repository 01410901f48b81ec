"""Edge. `ckptflow status`: which stages and chunks are stale."""

from __future__ import annotations

import sys

import click

from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, pipeline_file, verbosity
from ..values import Target


@click.command("status")
@click.argument("targets", nargs=-1, type=Target())
@pipeline_file
@click.option("--explain", is_flag=True, help="All reasons, the root causes, and code that could not be followed.")
@click.option("--chunks", is_flag=True, help="Which chunks are stale.")
@click.option("--exit-code", is_flag=True, help="Exit 10 if anything is stale.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    file: str | None,
    explain: bool,
    chunks: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Say which of the TARGETs (default: all) are stale. With -q, print nothing and exit 10 if any is."""
    from ...report.state import status_lines

    project, targets = session.project_for(targets, file=file)
    plan = project.status(targets)
    if as_json:
        terminal.document(plan.to_json())
    elif not session.quiet:
        terminal.lines(status_lines(plan, terminal.style(sys.stdout), explain=explain, chunks=chunks))
    return Exit.PENDING if (exit_code or session.quiet) and plan.pending else Exit.DONE
