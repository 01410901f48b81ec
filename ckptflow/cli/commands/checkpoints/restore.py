"""Edge. `ckptflow checkpoints restore`: what was put away comes back."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, heard, verbosity
from ...values import Target


@click.command("restore")
@click.argument("targets", metavar="[ID|STAGE|STAGE#CHUNKS]...", nargs=-1, type=Target())
@click.option("--from-trash", is_flag=True, help="Out of the trash: there is nowhere else to bring it from.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], from_trash: bool, as_json: bool) -> None:
    """Bring back what was put away: what is named, or what the last `prune` or `remove` took.

    A checkpoint that comes back is the latest again. Forgotten chunks count again where their objects are still there.
    """
    from ....report.checkpoints import restored_lines

    with heard(session):
        found = session.project().checkpoints.restore(targets)
    if as_json:
        terminal.document(found.to_json())
    else:
        terminal.lines(restored_lines(found, terminal.style(sys.stdout)))
