"""Edge. `ckptflow remote set`: values of a remote."""

from __future__ import annotations

import click

from ...session import Session, tell_edit, verbosity


@click.command("set")
@click.argument("name")
@click.argument("assignments", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--local", is_flag=True, help="For this machine alone: in config.local.yaml, which git ignores.")
@verbosity
@click.pass_obj
def command(session: Session, name: str, assignments: tuple[str, ...], local: bool) -> None:
    """Set values of the remote NAME: url, trust, default, options.KEY. KEY= without a value takes one away.

    \b
    ckptflow remote set storage trust=true default=true
    ckptflow remote set storage options.endpoint_url=https://host:9000 options.region=
    """
    from ....workspace.remote_edits import parse_setting

    wishes = [wish for text in assignments for wish in parse_setting(text)]
    edited = session.project().set_remote(name, wishes, local=local)
    tell_edit(session, edited, f"Changed remote `{name}` in", dry=False)
