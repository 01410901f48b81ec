"""Edge. `ckptflow remote list`: what remotes there are."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, verbosity


@click.command("list")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List remotes: name, address, options. Credentials are not shown."""
    from ....report.remotes import remote_lines

    remotes = session.project().remotes()
    if as_json:
        terminal.document({"remotes": [remote.to_json() for remote in remotes]})
    else:
        terminal.lines(remote_lines(remotes, terminal.style(sys.stdout)))
