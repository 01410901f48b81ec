"""Edge. `ckptflow metrics diff`: how metrics differ between two versions."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, pipeline_file, verbosity
from ...versions import as_markdown, rounded, target_files, tell_unread, two_versions


@click.command("diff")
@two_versions
@target_files
@click.option("--all", "unchanged", is_flag=True, help="Those that are the same, too.")
@click.option("--no-path", is_flag=True, help="Without the files.")
@rounded(5)
@pipeline_file
@as_markdown
@as_json
@verbosity
@click.pass_obj
def command(
    session: Session,
    old: str,
    new: str,
    targets: tuple[str, ...],
    unchanged: bool,
    no_path: bool,
    precision: int,
    file: str | None,
    md: bool,
    as_json: bool,
) -> int:
    """Say how metrics differ between A (default: HEAD) and B (default: the workspace): revisions of git, or runs."""
    from ....report.values import change_lines, changes_json

    project = session.project(file=file)
    found = project.metrics_diff(old, new, targets=targets, unchanged=unchanged)
    code = tell_unread((found.old, found.new))
    shown = project.path_from_here
    if as_json:
        terminal.document(changes_json(found.changes, shown))
    else:
        style = terminal.style(sys.stdout)
        terminal.lines(
            change_lines(
                found.changes, "metric", (old, new), shown, style, precision=precision, path=not no_path, md=md
            )
        )
    return code
