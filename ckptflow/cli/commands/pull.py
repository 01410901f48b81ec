"""Edge. `ckptflow pull`: fetch, then checkout."""

from __future__ import annotations

from typing import Any

import click

from .. import terminal
from ..session import Session
from ..transfers import (
    displayed,
    dry_option,
    force_option,
    jobs_option,
    refs_options,
    remote_option,
    targets_and_file,
    tell,
    waiting,
)


@click.command("pull")
@remote_option
@jobs_option
@force_option
@dry_option
@refs_options
@targets_and_file
@click.pass_obj
def command(
    session: Session,
    /,
    targets: tuple[str, ...],
    file: str | None,
    force: bool,
    dry: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Bring the outs that the lock files name and place them here: of the TARGETs (stages or outs), or all."""
    from ...report.transfer import checkout_lines, fetched_lines

    project = session.project(file=file)
    with displayed(session) as tally:
        if dry:
            looked = project.fetch(targets, tally=tally, dry=True, **options)
        else:
            done = project.pull(targets, tally=tally, force=force, on_wait=waiting, **options)
    doc = looked.to_json() if dry else done.to_json()
    if as_json:
        terminal.document(doc)
    if dry:
        return tell(session, fetched_lines(doc), looked.notes, looked.missing)
    return tell(session, [*fetched_lines(doc), *checkout_lines(doc)], done.fetched.notes, done.missing)
