"""Edge. `ckptflow params`: the group of commands on params."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class ParamsCommands(LazyGroup):
    """The commands below `ckptflow params`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "diff": "Say how params differ between two versions.",
        }
    }


@click.group("params", cls=ParamsCommands)
def command() -> None:
    """Compare params: the values that stages depend on."""
