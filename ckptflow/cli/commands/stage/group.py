"""Edge. `ckptflow stage`: the group of commands on stages."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class StageCommands(LazyGroup):
    """The commands below `ckptflow stage`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "add": "Write a new stage into the pipeline file.",
            "set": "Set, add to, take from or unset fields of a stage.",
            "list": "List stages.",
            "show": "Print a stage as it is written.",
            "rename": "Give a stage another name, everywhere.",
            "remove": "Take stages out of the pipeline file.",
        }
    }
    elsewhere = {  # noqa: RUF012
        "create": "add",
        "new": "add",
        "modify": "set",
        "edit": "set",
        "unset": "set",
        "ls": "list",
        "cat": "show",
        "mv": "rename",
        "move": "rename",
        "rm": "remove",
        "delete": "remove",
    }


@click.group("stage", cls=StageCommands)
def command() -> None:
    """Add, change, show, rename and remove stages. Lines that are not meant stay as they are, comments included."""
