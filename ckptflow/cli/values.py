"""Edge. Kinds of values on the command line: targets, which a shell can complete, and durations."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from ..errors import CkptflowError
from ..spec.measures import parse_duration
from .session import Session


class Target(click.ParamType[str]):
    """A stage, a chunk of one, an out, a pipeline file. Not checked here: the project knows what there is."""

    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the stages and outs of the project that begin with what was typed; none where it has mistakes."""
        try:
            stages = Session().project().pipeline.stages.values()
        except CkptflowError:
            return []
        names = [stage.name for stage in stages] + [out.path for stage in stages for out in stage.outs]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Duration(click.ParamType[float]):
    """A length of time, `3h50m`, `90s`, `1.5h`, as seconds."""

    name = "duration"

    def __init__(self, *, or_none: bool = False) -> None:
        self._or_none = or_none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; a usage error where `value` is not a duration above zero, or zero if that may be."""
        seconds = 0.0 if self._or_none and str(value) in ("0", "0s") else parse_duration(str(value))
        if seconds is None:
            self.fail(f"`{value}` is not a duration such as `3h50m` or `90s`", param, ctx)
        return seconds
