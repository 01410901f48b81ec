"""Edge. `ckptflow checkpoints list`: what is kept of each stage."""

from __future__ import annotations

import sys

import click

from ....errors import UsageError
from ... import terminal
from ...session import Session, as_json, verbosity
from ...values import Duration, Target

_STATES = ("valid", "stale", "maybe", "corrupt", "unfinished", "all")


@click.command("list")
@click.argument("targets", nargs=-1, type=Target())
@click.option("--stage", "stages", multiple=True, type=Target(), metavar="STAGE", help="Of this stage; repeatable.")
@click.option("--chunks", is_flag=True, help="The stored chunks, not the checkpoint documents.")
@click.option("--state", type=click.Choice(_STATES), help="The stored chunks in this state.")
@click.option("--deep", is_flag=True, help="With --chunks: hash what they are made of.")
@click.option("--run", metavar="RUN", help="Of this run.")
@click.option("--older-than", type=Duration(), metavar="TIME", help="Last written so long ago, as 30d or 12h.")
@click.option("--trash", is_flag=True, help="What was put away and can be restored.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    stages: tuple[str, ...],
    chunks: bool,
    state: str | None,
    deep: bool,
    run: str | None,
    older_than: float | None,
    trash: bool,
    as_json: bool,
) -> None:
    """List the checkpoints of the TARGETs or of all stages, newest first; with --chunks, what is stored of them.

    A TARGET is a stage, the id of a checkpoint, or chunks of a stage: `STAGE#3..7` stands for --chunks.
    """
    from ....engine.targets import CHUNKS
    from ....report.checkpoints import checkpoint_lines, chunk_lines, trash_lines

    found = session.project().checkpoints
    style = terminal.style(sys.stdout)
    asked = (*targets, *stages)
    if trash:
        if chunks or state or asked or run or older_than or deep:
            raise UsageError("--trash lists all that was put away", hint="leave out the other options and the targets")
        documents, records = found.trashed(), found.forgotten()
        if as_json:
            rows = [{"stage": stage, "trashed": when, "records": count} for (stage, when), count in records.items()]
            terminal.document({"checkpoints": [each.to_json() for each in documents], "records": rows})
        else:
            terminal.lines(trash_lines(documents, records, style))
    elif chunks or state or deep or any(map(CHUNKS.fullmatch, asked)):
        states = () if state in (None, "all") else (str(state),)
        stored = found.chunks(asked, states=states, run=run, older_than=older_than, deep=deep)
        if as_json:
            terminal.document({"chunks": [chunk.to_json() for chunk in stored]})
        else:
            terminal.lines(chunk_lines(stored, style))
    else:
        listed = found.list(asked, run=run, older_than=older_than)
        if as_json:
            terminal.document({"checkpoints": [each.to_json() for each in listed]})
        else:
            terminal.lines(checkpoint_lines(listed, style))
