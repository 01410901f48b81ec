"""Edge. `ckptflow remote`: the group of commands on remotes."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class RemoteCommands(LazyGroup):
    """The commands below `ckptflow remote`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "add": "Add a remote: a store that others share.",
            "list": "List remotes.",
            "set": "Set values of a remote, or take them away.",
            "remove": "Take a remote out of the configuration.",
            "check": "Try out what a remote promises.",
        }
    }
    elsewhere = {  # noqa: RUF012
        "new": "add",
        "create": "add",
        "ls": "list",
        "show": "list",
        "modify": "set",
        "edit": "set",
        "default": "set",
        "rm": "remove",
        "delete": "remove",
        "test": "check",
        "probe": "check",
    }


@click.group("remote", cls=RemoteCommands)
def command() -> None:
    """Add, list, change, remove and check remotes: stores that others share."""
