"""Edge. `ckptflow stage remove`: stages go."""

from __future__ import annotations

import click

from ...session import Session, dry_edit, pipeline_file, tell_edit, verbosity
from ...values import Target


@click.command("remove")
@click.argument("stages", nargs=-1, required=True, type=Target())
@click.option("--outs", is_flag=True, help="Delete what they made from the workspace too.")
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(session: Session, stages: tuple[str, ...], outs: bool, file: str | None, dry: bool) -> None:
    """Take STAGES, with the comments that are their own, out of the pipeline file, and out of the lock file."""
    edited = session.project(file=file).remove_stages(stages, outs=outs, dry=dry)
    tell_edit(session, edited, f"Removed {', '.join(f'`{stage}`' for stage in stages)} from", dry=dry)
