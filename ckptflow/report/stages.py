"""Edge. Stages as `stage list` and `stage show` tell them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any

from ..spec.declared import as_written, fields_of
from ..spec.edit.layout import Layout
from ..spec.edit.writing import pair_lines
from ..spec.model import OutKind, Stage, Value
from .style import Style
from .tables import table
from .views import StageText
from .words import clip

WIDEST = 80
"""A description is cut beyond so many columns, as DVC cuts it."""


def stage_list_lines(
    stages: Sequence[Stage], file: str, here: str, style: Style, *, names_only: bool = False
) -> list[str]:
    """Return a line a stage: what somebody in the directory `here`, by the pipeline `file`, calls it; what it does."""
    names = [name_from(stage, file, here) for stage in stages]
    if names_only:
        return names
    rows = [(name, clip(description(stage), WIDEST, style.fit("…"))) for name, stage in zip(names, stages, strict=True)]
    return table(("", ""), rows)


def stage_list_json(stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the JSON object of `stage list`."""
    return {
        "stages": [
            {
                "stage": stage.name,
                "file": stage.file,
                "line": stage.place.line if stage.place else None,
                "description": description(stage),
            }
            for stage in stages
        ]
    }


def name_from(stage: Stage, file: str, here: str) -> str:
    """Return what a stage is called from the directory `here`, for somebody by the pipeline `file`."""
    return called(stage.local, stage.file, file, here)


def called(name: str, home: str, file: str, here: str) -> str:
    """Return what a `name` in the pipeline file `home` is for somebody in the directory `here`, by the file `file`."""
    if home == file or (not file and posixpath.dirname(home) == here.removeprefix(".")):
        return name
    return f"{posixpath.relpath(home, here)}:{name}"


def description(stage: Stage) -> str:
    """Return what a stage does: the first line of its `desc`, else what it makes or reads."""
    said = (stage.desc or "").strip().partition("\n")[0].strip()
    if said:
        return said
    outs = [as_written(o.path, stage.wdir) for o in stage.outs if o.kind is OutKind.OUT]
    reports = [as_written(o.path, stage.wdir) for o in stage.outs if o.kind is not OutKind.OUT]
    parts = [f"{verb} {', '.join(paths)}" for verb, paths in (("Outputs", outs), ("Reports", reports)) if paths]
    if parts:
        return "; ".join(parts)
    if stage.deps:
        return "Depends on " + ", ".join(as_written(dep.path, stage.wdir) for dep in stage.deps)
    return "No outputs or dependencies"


def resolved_lines(stages: Sequence[Stage]) -> list[str]:
    """Return stages as YAML, with templates resolved."""
    lines = [""]
    for stage in stages:
        lines += [*pair_lines(stage.local, {**fields_of(stage)}, 0, Layout(), _on_one_line), ""]
    return lines[1:-1]


def stage_json(text: StageText, stages: Sequence[Stage] | None) -> dict[str, Any]:
    """Return the JSON object of `stage show`; `stages` None: the pipeline has mistakes, so nothing can be resolved."""
    resolved = None if stages is None else {stage.name: fields_of(stage) for stage in stages}
    text_ = "\n".join(text.lines)
    return {"stage": text.name, "file": text.file, "line": text.line, "text": text_, "resolved": resolved}


def _on_one_line(key: str, value: Value) -> bool:
    """A mapping with nothing below its values fits a line; a stage does not."""
    return isinstance(value, dict) and key in ("deps", "outs", "metrics", "plots", "chunk", "env", "args", "params")
