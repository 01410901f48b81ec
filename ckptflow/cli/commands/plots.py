"""Edge. `ckptflow plots`: the group of commands on plots."""

from __future__ import annotations

from ..groups import LazyGroup

command = LazyGroup(
    "plots",
    prefix="plots_",
    help="Draw plots as one page of HTML that needs no network.",
    sections={
        "Commands": {
            "show": "Draw the plots of the workspace.",
            "diff": "Draw the plots of several versions over each other.",
        }
    },
)
