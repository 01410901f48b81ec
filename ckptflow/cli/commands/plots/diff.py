"""Edge. `ckptflow plots diff`: the plots of several versions over each other."""

from __future__ import annotations

from typing import Any

import click

from ...plotting import plot_options, taken, tell_plots
from ...session import Session, as_json, pipeline_file, verbosity
from ...versions import VersionName, target_files


@click.command("diff")
@click.argument("versions", metavar="[VERSION]...", nargs=-1, type=VersionName())
@target_files
@plot_options
@pipeline_file
@as_json
@verbosity
@click.pass_obj
def command(session: Session, /, **flags: Any) -> int:
    """Draw the plots of the VERSIONs (revisions of git, or runs) over each other. One alone is compared with the
    workspace; without any, HEAD is.
    """
    options = taken(flags)
    project = session.project(file=flags.pop("file"))
    found = project.plots_diff(flags.pop("versions"), flags.pop("targets"), options=options)
    return tell_plots(found, **flags)
