"""Edge. `ckptflow checkpoints`: the group of commands on checkpoints and stored chunks."""

from __future__ import annotations

import click

from ...lazy import LazyGroup


class CheckpointCommands(LazyGroup):
    """The commands below `ckptflow checkpoints`."""

    package = f"{__package__}"
    sections = {  # noqa: RUF012 - as in the group above
        "Commands": {
            "list": "List checkpoints, or the stored chunks.",
            "show": "Report how far a stage is.",
            "verify": "Check checkpoints, and what records name.",
            "prune": "Put old or corrupt checkpoints away.",
            "remove": "Put checkpoints away, forget chunks.",
            "restore": "Bring back what was put away.",
        }
    }
    elsewhere = {  # noqa: RUF012
        "ls": "list",
        "cat": "show",
        "report": "show",
        "status": "show",
        "validate": "verify",
        "check": "verify",
        "gc": "prune",
        "clean": "prune",
        "rm": "remove",
        "delete": "remove",
        "forget": "remove",
        "undo": "restore",
    }


@click.group("checkpoints", cls=CheckpointCommands)
def command() -> None:
    """List, show, check, put away and restore checkpoints: how far each stage is, and what is stored of it."""
