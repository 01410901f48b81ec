"""Edge. `ckptflow why`: all that is known of why a stage is stale."""

from __future__ import annotations

import click

from .. import terminal
from ..session import Session, as_json, pipeline_file, verbosity
from ..values import Target


@click.command("why")
@click.argument("targets", nargs=-1, required=True, type=Target())
@pipeline_file
@as_json
@verbosity
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], file: str | None, as_json: bool) -> None:
    """Say why the TARGETs would be run, in sentences, with the code that changed."""
    from ...report.state import why_lines

    plan = session.project(file=file).why(targets)
    if as_json:
        terminal.document(plan.to_json())
    else:
        terminal.lines(why_lines(plan))
