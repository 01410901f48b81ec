"""Edge. `ckptflow import-dvc`: make a DVC project a ckptflow project, and run nothing of it again."""

from __future__ import annotations

from pathlib import Path

import click

from .. import terminal
from ..session import Session, as_json, verbosity


@click.command("import-dvc")
@click.argument(
    "directory", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[DIR]"
)
@click.option("--file", "files", multiple=True, metavar="FILE", help="Only this dvc.yaml; may be given several times.")
@click.option("-n", "--dry", is_flag=True, help="Say what would be written and taken over, do nothing.")
@click.option("--force", is_flag=True, help="Replace a pipeline.yaml that is there already.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, directory: Path, files: tuple[str, ...], dry: bool, force: bool, as_json: bool) -> None:
    """Make the DVC project in DIR (default: here) a ckptflow project.

    A pipeline.yaml is written beside each dvc.yaml, remotes become settings, and what DVC has done - in the workspace
    or in its cache - is taken over, so that nothing of it runs again. DVC's own files stay as they are.
    """
    from ...project import import_dvc
    from ...report.imported import import_lines

    done = import_dvc(directory, files=files, dry=dry, force=force)
    if as_json:
        terminal.document(done.to_json())
    elif not session.quiet:
        plan = done.plan
        shown = [(f, f.diff(plan.sources.get(f.origin or "")) if dry else ()) for f in plan.files]
        terminal.lines(import_lines(shown, done.stages, plan.notes, dry=dry))
