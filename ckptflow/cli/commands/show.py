"""Edge. `ckptflow show`: what an out holds."""

from __future__ import annotations

import sys

import click

from .. import terminal
from ..session import Session, as_json, pipeline_file, verbosity
from ..values import Target


@click.command("show")
@click.argument("out", type=Target())
@pipeline_file
@click.option("-n", "--rows", type=click.IntRange(min=0), default=10, show_default=True, help="Rows of the preview.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, out: str, file: str | None, rows: int, as_json: bool) -> None:
    """Show the OUT (a path, or a stage with one out): its schema, its size, its first rows."""
    from ...report.out import out_json, out_lines

    view = session.project(file=file).show(out, rows)
    if as_json:
        terminal.document(out_json(view))
    else:
        terminal.lines(out_lines(view, terminal.style(sys.stdout)))
