"""Edge. `ckptflow datasets list`: what datasets there are."""

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
    """List the datasets of all pipeline files: the data elsewhere that pipeline files give a name."""
    from ....report.catalog import catalog_json, dataset_lines

    project = session.project()
    found = project.datasets()
    if as_json:
        terminal.document(catalog_json("dataset", found))
    else:
        location = project.location
        terminal.lines(dataset_lines(found, location.file, location.here, terminal.style(sys.stdout)))
