"""Edge. `ckptflow unfreeze`: frozen stages run again."""

from __future__ import annotations

import click

from ..session import Session, dry_edit, pipeline_file, tell_edit, verbosity
from ..values import Target


@click.command("unfreeze")
@click.argument("stages", nargs=-1, required=True, type=Target())
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(session: Session, stages: tuple[str, ...], file: str | None, dry: bool) -> None:
    """Let STAGES, frozen before, be run again."""
    edited = session.project(file=file).unfreeze(stages, dry=dry)
    tell_edit(session, edited, f"Thawed {', '.join(f'`{stage}`' for stage in stages)} in", dry=dry)
