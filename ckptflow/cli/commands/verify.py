"""Edge. `ckptflow verify`: whether what a store holds is what its names and records say."""

from __future__ import annotations

import sys

import click

from ...dataclass import asdict
from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, verbosity
from ..transfers import displayed, jobs_option
from ..values import Target


@click.command("verify")
@click.argument("targets", nargs=-1, type=Target())
@click.option("-r", "--remote", metavar="NAME", help="Check this remote, not the store here.")
@jobs_option
@click.option("--deep", is_flag=True, help="Read every object again and compare it with its name.")
@click.option("--repair", is_flag=True, help="With -r: let the remote tell no more of what is bad.")
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    remote: str | None,
    jobs: int | None,
    deep: bool,
    repair: bool,
    as_json: bool,
) -> int:
    """Check the store, or a remote, for the TARGETs or for all. Exit 6 if anything is damaged."""
    from ...report.listings import finding_lines

    if remote is None and (repair or jobs):
        raise click.UsageError(f"{'--repair' if repair else '--jobs'} needs -r; the store here is repaired anyway")
    if remote is not None:
        with displayed(session) as tally:
            found = session.project().verify_remote(
                targets, remote=remote, jobs=jobs, deep=deep, repair=repair, tally=tally
            )
        findings, doc = found.findings, found.to_json()
    else:
        findings = tuple(session.project().verify(deep=deep, targets=targets))
        doc = {"ok": not findings, "findings": [asdict(finding) for finding in findings]}
    if as_json:
        terminal.document(doc)
    elif findings or not session.quiet:
        what = f"remote `{remote}`" if remote is not None else "store"
        terminal.lines(finding_lines(findings, terminal.style(sys.stdout), what))
    return Exit.STORE if findings else Exit.DONE
