"""Edge. `ckptflow stage list`: what stages there are."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, pipeline_file, verbosity
from ...values import Target


@click.command("list")
@click.argument("targets", nargs=-1, type=Target())
@pipeline_file
@click.option("--all", "every", is_flag=True, help="Those of all pipeline files.")
@click.option("-R", "--recursive", is_flag=True, help="Of a directory, those below it too.")
@click.option("--name-only", "--names-only", is_flag=True, help="Only the names.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    file: str | None,
    every: bool,
    recursive: bool,
    name_only: bool,
    as_json: bool,
) -> None:
    """List the stages of the pipeline file, or of the TARGETs: stages, groups, pipeline files, directories."""
    from ....report.stages import stage_list_json, stage_list_lines

    project = session.project(file=file)
    stages = project.stages(targets, every=every, recursive=recursive)
    if as_json:
        terminal.document(stage_list_json(stages))
    else:
        location, style = project.location, terminal.style(sys.stdout)
        terminal.lines(stage_list_lines(stages, location.file, location.here, style, names_only=name_only))
