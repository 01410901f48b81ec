"""Edge. `ckptflow freeze`: stages that are not run again."""

from __future__ import annotations

import click

from ..session import Session, dry_edit, pipeline_file, tell_edit, verbosity
from ..values import Target


@click.command("freeze")
@click.argument("stages", nargs=-1, required=True, type=Target())
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(session: Session, stages: tuple[str, ...], file: str | None, dry: bool) -> None:
    """Let STAGES not be run again until they are thawed; their outs are taken as they are."""
    edited = session.project(file=file).freeze(stages, dry=dry)
    tell_edit(session, edited, f"Froze {', '.join(f'`{stage}`' for stage in stages)} in", dry=dry)
