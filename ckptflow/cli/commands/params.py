"""Edge. `ckptflow params`: the group of commands on params."""

from __future__ import annotations

from ..groups import LazyGroup

command = LazyGroup(
    "params",
    prefix="params_",
    help="Compare params: the values that stages depend on.",
    sections={"Commands": {"diff": "Say how params differ between two versions."}},
)
