"""Edge. `ckptflow artifacts`: the group of commands on artifacts."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class ArtifactsCommands(LazyGroup):
    """The commands below `ckptflow artifacts`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "list": "List artifacts.",
        }
    }
    elsewhere = {"ls": "list", "show": "list"}  # noqa: RUF012


@click.group("artifacts", cls=ArtifactsCommands)
def command() -> None:
    """List artifacts: the files that pipeline files give a name."""
