"""Edge. `ckptflow gc`: what nothing leads to any more, in the store or in a remote."""

from __future__ import annotations

import sys
from typing import Any

import click

from ...dataclass import asdict
from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, verbosity
from ..transfers import jobs_option
from ..values import Duration
from ..versions import VersionName


@click.command("gc")
@click.option("-a", "--all-branches", "branches", is_flag=True, help="Keep what all branches use.")
@click.option("-T", "--all-tags", "tags", is_flag=True, help="Keep what all tags use.")
@click.option("-A", "--all-commits", "commits", is_flag=True, help="Keep what all commits use.")
@click.option("--rev", "revisions", multiple=True, type=VersionName(), help="Keep what this revision uses; repeatable.")
@click.option("--keep-runs", type=click.IntRange(min=0), metavar="N", help="Keep what the latest N runs left.  [10]")
@click.option("--grace", type=Duration(or_none=True), metavar="TIME", help="Keep what is younger, as 12h.  [7d]")
@click.option("-r", "--remote", metavar="NAME", help="Clean up this remote.  [the store here]")
@jobs_option
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would go.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, /, **flags: Any) -> int:
    """Remove what neither the workspace nor a chosen revision, a recent run or a checkpoint leads to."""
    from ...engine.gc import GcOptions
    from ...report.garbage import cleaned_lines

    as_json, remote, jobs = (flags.pop(name) for name in ("as_json", "remote", "jobs"))
    options = GcOptions(**{name: value for name, value in flags.items() if value is not None})
    found = session.project().gc(options=options, remote=remote, jobs=jobs)
    if as_json:
        terminal.document(asdict(found))
    else:
        terminal.lines(cleaned_lines(found, terminal.style(sys.stdout), asked=options.yes))
    return Exit.LOCKED if found.waiting else Exit.DONE
