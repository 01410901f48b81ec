"""Pure. A stage as it could be written: the fields of a pipeline file, with all templates resolved and no defaults."""

from __future__ import annotations

from posixpath import relpath

from ..dataclass import asdict
from .model import ChunkSpec, Dep, Keeping, OnError, Out, OutKind, Stage, Value
from .paths import is_absolute, is_url
from .places import out_format

_LISTS = {OutKind.OUT: "outs", OutKind.METRIC: "metrics", OutKind.PLOT: "plots"}


def fields_of(stage: Stage) -> dict[str, Value]:
    """Return the fields of `stage` in the order in which they are written.

    Paths are relative to its `wdir`; `params` are the names with their values.
    """
    found: dict[str, Value] = {
        "desc": stage.desc,
        "call": stage.call,
        "cmd": stage.cmd[0] if len(stage.cmd) == 1 else list(stage.cmd) or None,
        "args": dict(stage.args),
        "wdir": None if relpath(stage.wdir, _folder(stage)) == "." else relpath(stage.wdir, _folder(stage)),
        "deps": _places([(dep, _dep_flags(dep)) for dep in stage.deps], stage.wdir),
        "params": dict(stage.params),
        "env": dict(stage.env),
        "chunk": _chunk(stage.chunk),
        "each": "item" if stage.each else None,
        "combine": stage.combine,
        "carry": None if stage.carry is None else {"initial": stage.carry.initial},
        **{
            name: _places(
                [(out, _out_flags(out, call=stage.call is not None)) for out in stage.outs if out.kind is kind],
                stage.wdir,
            )
            for kind, name in _LISTS.items()
        },
        "workers": stage.workers,
        "retries": stage.retries or None,
        "backoff": None if stage.backoff == 1.0 else stage.backoff,
        "timeout": stage.timeout,
        "on_error": None if stage.on_error is OnError.FAIL else str(stage.on_error),
        "checkpoint": _checkpoint(stage.checkpoint),
        "max_errors": _share(stage.max_errors),
        "packages": None if stage.packages is None else "auto" if stage.packages == ("auto",) else list(stage.packages),
        "version": stage.version,
        "rowwise": stage.rowwise or None,
        "frozen": stage.frozen or None,
        "always_changed": stage.always_changed or None,
        "meta": stage.meta,
    }
    return {name: value for name, value in found.items() if value not in (None, {}, [])}


def as_written(path: str, wdir: str) -> str:
    """Return a path of the project as a stage that works in `wdir` writes it."""
    return path if is_absolute(path) or is_url(path) else relpath(path, wdir)


def _folder(stage: Stage) -> str:
    return stage.file.rpartition("/")[0] or "."


def _places(places: list[tuple[Dep | Out, dict[str, Value]]], wdir: str) -> Value:
    if places and all(place.name is not None for place, _ in places):
        return {
            str(place.name): {"path": as_written(place.path, wdir), **flags} if flags else as_written(place.path, wdir)
            for place, flags in places
        }
    return [{as_written(place.path, wdir): flags} if flags else as_written(place.path, wdir) for place, flags in places]


def _dep_flags(dep: Dep) -> dict[str, Value]:
    flags: dict[str, Value] = {"format": dep.format, "columns": list(dep.columns) if dep.columns else None}
    return {name: value for name, value in flags.items() if value is not None}


def _out_flags(out: Out, *, call: bool) -> dict[str, Value]:
    flags: dict[str, Value] = {
        "format": None if out.format == out_format(out.path, None, call=call) else out.format,
        "cache": None if out.cache else False,
        "persist": out.persist or None,
        "push": None if out.push else False,
        "workspace": None if out.workspace else False,
        "desc": out.desc,
    }
    return {name: value for name, value in flags.items() if value is not None}


def _share(most: float | None) -> Value:
    return f"{100 * most:g}%" if isinstance(most, float) else most


def _checkpoint(keeping: Keeping) -> Value:
    default = asdict(Keeping())
    return {name: value for name, value in asdict(keeping).items() if value != default[name]}


def _chunk(spec: ChunkSpec | None) -> Value:
    if spec is None:
        return None
    found = asdict(spec)
    if "by" in found:
        found["by"] = {label: columns[0] if len(columns) == 1 else list(columns) for label, columns in spec.by.items()}  # type: ignore[union-attr]  # the three that have it
    if found.get("cut") is not None:
        found["cut"] = str(found["cut"])
    return {name: value for name, value in found.items() if not (name == "cut" and value == "content")}
