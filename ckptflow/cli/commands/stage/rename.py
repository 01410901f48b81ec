"""Edge. `ckptflow stage rename`: another name for a stage."""

from __future__ import annotations

import click

from ...session import Session, dry_edit, pipeline_file, tell_edit, verbosity
from ...values import Target


@click.command("rename")
@click.argument("old", type=Target())
@click.argument("new")
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(session: Session, old: str, new: str, file: str | None, dry: bool) -> None:
    """Rename the stage or group OLD to NEW, in all that refers to it. What is finished stays finished."""
    edited = session.project(file=file).rename_stage(old, new, dry=dry)
    tell_edit(session, edited, f"Renamed `{old}` to `{new}` in", dry=dry)
