"""Edge. `ckptflow log`: the runs of the past."""

from __future__ import annotations

import sys

import click

from ...dataclass import asdict
from .. import terminal
from ..session import Session, as_json, verbosity


@click.command("log")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The latest so many.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, limit: int, as_json: bool) -> None:
    """List the runs of the past, the latest first."""
    from ...report.listings import log_lines

    runs = session.project().log(limit)
    if as_json:
        terminal.document({"runs": [asdict(run) for run in runs]})
    else:
        terminal.lines(log_lines(runs, terminal.style(sys.stdout)))
