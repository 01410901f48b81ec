"""Edge. `ckptflow datasets`: the group of commands on datasets."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class DatasetsCommands(LazyGroup):
    """The commands below `ckptflow datasets`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "list": "List datasets.",
        }
    }
    elsewhere = {"ls": "list", "show": "list"}  # noqa: RUF012


@click.group("datasets", cls=DatasetsCommands)
def command() -> None:
    """List datasets: the data elsewhere that pipeline files give a name."""
