"""Edge. `ckptflow stage show`: one stage."""

from __future__ import annotations

from contextlib import suppress

import click

from ....errors import SpecError
from ... import terminal
from ...session import Session, as_json, pipeline_file, verbosity
from ...values import Target


@click.command("show")
@click.argument("stage", type=Target())
@pipeline_file
@click.option("--resolved", is_flag=True, help="With templates resolved; of a group, all its stages.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, stage: str, file: str | None, resolved: bool, as_json: bool) -> None:
    """Print STAGE as it is written in its file, with its comments."""
    from ....report.stages import resolved_lines, stage_json

    project = session.project(file=file)
    if as_json:
        text, stages = project.stage_text(stage), None
        with suppress(SpecError):
            stages = project.stages([stage])
        terminal.document(stage_json(text, stages))
    elif resolved:
        terminal.lines(resolved_lines(project.stages([stage])))
    else:
        terminal.lines([*project.stage_text(stage).lines])
