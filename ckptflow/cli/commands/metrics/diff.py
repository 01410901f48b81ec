"""Edge. `ckptflow metrics diff`: how metrics differ between two versions."""

from __future__ import annotations

import click

from ...session import Session, as_json, pipeline_file, verbosity
from ...versions import as_markdown, rounded, target_files, tell_changes, two_versions


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
    project = session.project(file=file)
    found = project.metrics_diff(old, new, targets=targets, unchanged=unchanged)
    return tell_changes(
        project, found, "metric", (old, new), precision=precision, path=not no_path, md=md, as_json=as_json
    )
