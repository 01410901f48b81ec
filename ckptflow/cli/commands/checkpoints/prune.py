"""Edge. `ckptflow checkpoints prune`: what is old or corrupt goes to the trash."""

from __future__ import annotations

import sys

import click

from ....errors import UsageError
from ... import terminal
from ...session import Session, as_json, heard, verbosity
from ...values import Duration, Target


@click.command("prune")
@click.argument("targets", nargs=-1, type=Target())
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep so many of each stage.  [as it declares]")
@click.option("--older-than", type=Duration(), metavar="TIME", help="Also what was last written so long ago, as 30d.")
@click.option("--state", type=click.Choice(("corrupt",)), help="Just what is damaged, records of chunks included.")
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would go.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    keep: int | None,
    older_than: float | None,
    state: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Put away old checkpoints of the TARGETs or of all stages, or what is corrupt. The newest valid one stays.

    What is put away can be restored until `gc` removes it, after 7 days.
    """
    from ....report.checkpoints import put_away_lines

    if state is not None and (keep is not None or older_than is not None):
        raise UsageError("--state corrupt takes what is damaged, however old", hint="leave out --keep and --older-than")
    with heard(session):
        found = session.project().checkpoints.prune(
            targets, keep=keep, older_than=older_than, corrupt=state is not None, yes=yes
        )
    if as_json:
        terminal.document(found.to_json())
    else:
        terminal.lines(put_away_lines(found, terminal.style(sys.stdout)))
