"""Edge. `ckptflow fetch`: what lock files name comes from a remote into the store."""

from __future__ import annotations

from typing import Any

import click

from .. import terminal
from ..session import Session
from ..transfers import displayed, dry_option, jobs_option, refs_options, remote_option, targets_and_file, tell


@click.command("fetch")
@remote_option
@jobs_option
@dry_option
@refs_options
@targets_and_file
@click.pass_obj
def command(session: Session, /, targets: tuple[str, ...], file: str | None, as_json: bool, **options: Any) -> int:
    """Bring the outs that the lock files name into the store: of the TARGETs (stages or outs), or all."""
    from ...report.transfer import fetched_lines

    project = session.project(file=file)
    with displayed(session) as tally:
        done = project.fetch(targets, tally=tally, **options)
    doc = done.to_json()
    if as_json:
        terminal.document(doc)
    return tell(session, fetched_lines(doc), done.notes, done.missing)
