"""Edge. `ckptflow diff`: which deps and outs differ between two versions."""

from __future__ import annotations

import sys

import click

from .. import terminal
from ..session import Session, as_json, pipeline_file, verbosity
from ..versions import as_markdown, target_files, two_versions


@click.command("diff")
@two_versions
@target_files
@click.option("--show-hash", is_flag=True, help="With the first digits of the contents' digests.")
@click.option("--hide-missing", is_flag=True, help="Without the paths whose content is nowhere to be had.")
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
    show_hash: bool,
    hide_missing: bool,
    file: str | None,
    md: bool,
    as_json: bool,
) -> None:
    """Say which deps and outs differ between A (default: HEAD) and B (default: the workspace): revisions or runs."""
    from ...report.values import path_lines, path_markdown, paths_json

    project = session.project(file=file)
    found = project.diff(old, new, targets=targets)
    shown, missing = project.path_from_here, not hide_missing and new == "workspace"
    if as_json:
        terminal.document(paths_json(found, shown, missing=missing, digests=show_hash))
    elif md:
        terminal.lines(path_markdown(found, shown, missing=missing, digests=show_hash))
    else:
        style = terminal.style(sys.stdout)
        terminal.lines(path_lines(found, (old, new), shown, style, missing=missing, digests=show_hash))
