"""Edge. `ckptflow metrics show`: metrics of the workspace, of branches, tags, commits."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...exits import Exit
from ...session import Session, as_json, pipeline_file, verbosity
from ...versions import as_markdown, rounded, tell_unread


@click.command("show")
@click.argument("targets", nargs=-1)
@click.option("-a", "--all-branches", "branches", is_flag=True, help="Of all branches too.")
@click.option("-T", "--all-tags", "tags", is_flag=True, help="Of all tags too.")
@click.option("-A", "--all-commits", "commits", is_flag=True, help="Of all commits too.")
@rounded(5)
@pipeline_file
@as_markdown
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    branches: bool,
    tags: bool,
    commits: bool,
    precision: int,
    file: str | None,
    md: bool,
    as_json: bool,
) -> int:
    """Show the metrics that are declared, or those in the TARGETs (files or directories)."""
    from ....report.values import finite, metric_lines, shown_keys

    project = session.project(file=file)
    found = project.metrics(targets, branches=branches, tags=tags, commits=commits)
    code = tell_unread(found)
    if as_json:
        terminal.document({v.version: finite(shown_keys(v.to_json(), project.path_from_here)) for v in found})
    else:
        style = terminal.style(sys.stdout)
        terminal.lines(metric_lines(found, project.path_from_here, style, precision=precision, md=md))
    return Exit.DONE if branches or tags or commits else code
