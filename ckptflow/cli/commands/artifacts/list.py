"""Edge. `ckptflow artifacts list`: what artifacts there are."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, as_json, verbosity


@click.command("list")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List the artifacts of all pipeline files: the files that pipeline files give a name."""
    from ....report.catalog import artifact_lines, catalog_json

    project = session.project()
    found = project.artifacts()
    if as_json:
        terminal.document(catalog_json("artifact", found))
    else:
        location = project.location
        terminal.lines(artifact_lines(found, location.file, location.here, terminal.style(sys.stdout)))
