"""Edge. `ckptflow metrics`: the group of commands on metrics."""

from __future__ import annotations

from ..groups import LazyGroup

command = LazyGroup(
    "metrics",
    prefix="metrics_",
    help="Show and compare metrics: the numbers that stages and the pipeline declare as such.",
    sections={
        "Commands": {
            "show": "Show metrics of the workspace, of branches, tags, commits.",
            "diff": "Say how metrics differ between two versions.",
        }
    },
)
