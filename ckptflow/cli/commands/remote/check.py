"""Edge. `ckptflow remote check`: what remotes promise, and whether they keep it."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...exits import Exit
from ...session import Session, as_json, verbosity


@click.command("check")
@click.argument("name", required=False)
@as_json
@verbosity
@click.pass_obj
def command(session: Session, name: str | None, as_json: bool) -> int:
    """Try out what the remote NAME (default: every one) promises, and say what follows. Exit 6 if one is of no use.

    Writes a few small objects below probes/, and removes them.
    """
    from ....report.remotes import checked_lines

    checked = session.project().check_remotes([name] if name is not None else [])
    well = all(remote.usable for remote in checked)
    if as_json:
        terminal.document({"ok": well, "remotes": [remote.to_json() for remote in checked]})
    else:
        terminal.lines(checked_lines(checked, terminal.style(sys.stdout)))
    return Exit.DONE if well else Exit.STORE
