"""Edge. `ckptflow checkpoints show`: how far a stage is."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, verbosity
from ...values import Target


@click.command("show")
@click.argument("target", metavar="STAGE|ID|FILE", type=Target())
@as_json
@verbosity
@click.pass_obj
def command(session: Session, target: str, as_json: bool) -> None:
    """Report how far a stage is: counts, rate, time left, the last items, the state. Also while it runs.

    --json prints the checkpoint as it was written.
    """
    from ....report.checkpoints import report_lines

    found = session.project().checkpoints
    if as_json:
        terminal.document(found.document(target))
    else:
        terminal.lines(report_lines(found.report(target), terminal.style(sys.stdout)))
