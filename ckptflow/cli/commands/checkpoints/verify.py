"""Edge. `ckptflow checkpoints verify`: whether checkpoints, and the objects of chunks, are what they say."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...exits import Exit
from ...session import Session, as_json, verbosity
from ...values import Target


@click.command("verify")
@click.argument("targets", nargs=-1, type=Target())
@click.option("--deep", is_flag=True, help="Hash all objects that records of the stages name.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], deep: bool, as_json: bool) -> int:
    """Check the checkpoints of the TARGETs or of all stages. Changes nothing. Exit 6 if anything is damaged."""
    from ....report.checkpoints import checked_lines

    found = session.project().checkpoints.verify(targets, deep=deep)
    if as_json:
        terminal.document(found.to_json())
    elif found.findings or not session.quiet:
        terminal.lines(checked_lines(found, terminal.style(sys.stdout)))
    return Exit.STORE if found.findings else Exit.DONE
