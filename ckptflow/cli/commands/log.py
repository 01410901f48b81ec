"""Edge. `ckptflow log`: the runs of the past."""

from __future__ import annotations

import sys

import click

from ...dataclass import asdict
from ...errors import UsageError
from .. import terminal
from ..session import Session, as_json, verbosity


@click.command("log")
@click.argument("run", required=False)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="How many runs.  [20]")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, run: str | None, limit: int | None, as_json: bool) -> None:
    """List the latest runs that did something; with RUN, its stages and what happened to checkpoints meanwhile."""
    from ...report.listings import log_lines, run_lines

    style = terminal.style(sys.stdout)
    if run is not None:
        if limit is not None:
            raise UsageError("`--limit` is for the list of runs", hint="leave it out, or leave out the run")
        detail = session.project().run(run)
        if as_json:
            terminal.document(detail.to_json())
        else:
            terminal.lines(run_lines(detail, style))
        return
    runs = session.project().log(limit or 20)
    if as_json:
        terminal.document({"runs": [asdict(each) for each in runs]})
    else:
        terminal.lines(log_lines(runs, style))
