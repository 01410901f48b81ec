"""Edge. `ckptflow remote remove`: a remote goes."""

from __future__ import annotations

import click

from ...session import Session, tell_edit, verbosity


@click.command("remove")
@click.argument("name")
@verbosity
@click.pass_obj
def command(session: Session, name: str) -> None:
    """Take the remote NAME out of the configuration. What is in the remote itself stays."""
    edited = session.project().remove_remote(name)
    tell_edit(session, edited, f"Removed remote `{name}` from", dry=False)
