"""Edge. `ckptflow plots show`: the plots of the workspace."""

from __future__ import annotations

from typing import Any

import click

from ...plotting import plot_options, taken, tell_plots
from ...session import Session, as_json, pipeline_file, verbosity


@click.command("show")
@click.argument("targets", nargs=-1)
@plot_options
@pipeline_file
@as_json
@verbosity
@click.pass_obj
def command(session: Session, /, **flags: Any) -> int:
    """Draw the plots that are declared, or the TARGETs (ids, files or directories), as a page of HTML."""
    options = taken(flags)
    found = session.project(file=flags.pop("file")).plots(flags.pop("targets"), options=options)
    return tell_plots(found, **flags)
