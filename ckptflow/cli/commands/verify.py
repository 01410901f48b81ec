"""Edge. `ckptflow verify`: whether what the store holds is what its names and records say."""

from __future__ import annotations

import sys

import click

from ...dataclass import asdict
from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, verbosity
from ..values import Target


@click.command("verify")
@click.argument("targets", nargs=-1, type=Target())
@click.option("--deep", is_flag=True, help="Read every object again and compare it with its name.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], deep: bool, as_json: bool) -> int:
    """Check the store, for the TARGETs or for all. Exit 6 if anything is damaged."""
    from ...report.listings import finding_lines

    findings = session.project().verify(deep=deep, targets=targets)
    if as_json:
        terminal.document({"ok": not findings, "findings": [asdict(finding) for finding in findings]})
    elif findings or not session.quiet:
        terminal.lines(finding_lines(findings, terminal.style(sys.stdout)))
    return Exit.STORE if findings else Exit.DONE
