"""Edge. `ckptflow checkout`: the workspace shows what the lock files name."""

from __future__ import annotations

import click

from .. import terminal
from ..session import Session
from ..transfers import displayed, force_option, targets_and_file, tell, waiting


@click.command("checkout")
@force_option
@targets_and_file
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], file: str | None, force: bool, as_json: bool) -> int:
    """Place the outs that the lock files name, from the store: of the TARGETs (stages or outs), or all."""
    from ...report.transfer import checkout_lines

    project = session.project(file=file)
    with displayed(session) as tally:
        done = project.checkout(targets, force=force, tally=tally, on_wait=waiting)
    doc = done.to_json()
    if as_json:
        terminal.document(doc)
    return tell(session, checkout_lines(doc), (), done.missing)
