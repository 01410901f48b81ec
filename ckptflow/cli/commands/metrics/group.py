"""Edge. `ckptflow metrics`: the group of commands on metrics."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class MetricsCommands(LazyGroup):
    """The commands below `ckptflow metrics`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "show": "Show metrics of the workspace, of branches, tags, commits.",
            "diff": "Say how metrics differ between two versions.",
        }
    }


@click.group("metrics", cls=MetricsCommands)
def command() -> None:
    """Show and compare metrics: the numbers that stages and the pipeline declare as such."""
