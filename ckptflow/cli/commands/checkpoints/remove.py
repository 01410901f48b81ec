"""Edge. `ckptflow checkpoints remove`: certain checkpoints go to the trash, certain chunks are forgotten."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, heard, verbosity
from ...values import Target


@click.command("remove")
@click.argument("targets", metavar="ID|STAGE#CHUNKS...", nargs=-1, required=True, type=Target())
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would go.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Put the named checkpoints away; forget what is recorded of the named chunks, so that the next run makes them
    again.
    """
    from ....report.checkpoints import put_away_lines

    with heard(session):
        found = session.project().checkpoints.remove(targets, yes=yes)
    if as_json:
        terminal.document(found.to_json())
    else:
        terminal.lines(put_away_lines(found, terminal.style(sys.stdout)))
