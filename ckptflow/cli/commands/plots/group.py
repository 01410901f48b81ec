"""Edge. `ckptflow plots`: the group of commands on plots."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class PlotsCommands(LazyGroup):
    """The commands below `ckptflow plots`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "show": "Draw the plots of the workspace.",
            "diff": "Draw the plots of several versions over each other.",
        }
    }


@click.group("plots", cls=PlotsCommands)
def command() -> None:
    """Draw plots as one page of HTML that needs no network."""
