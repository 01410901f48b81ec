"""Pure. A checked pipeline as JSON and back: the form in which it is cached, so that a no-op reads no YAML.

Fields that hold their default are left out. Of the places only the stages' are kept, without their line's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import MISSING, fields
from ..errors import Place
from ..ids import StageName
from .catalog import NamedDataset, artifact_from_json, to_json
from .drawing import drawing_from_json, drawing_to_json
from .model import (
    ByBuckets,
    ByRanges,
    ByValues,
    Carry,
    ChunkSpec,
    Cut,
    Dep,
    Keeping,
    OnError,
    Out,
    OutKind,
    OverBytes,
    OverFiles,
    OverParts,
    OverRows,
    Pipeline,
    Stage,
)

FORMAT = 3

_CHUNKS: dict[str, type[ChunkSpec]] = {
    "parts": OverParts,
    "rows": OverRows,
    "bytes": OverBytes,
    "files": OverFiles,
    "ranges": ByRanges,
    "buckets": ByBuckets,
    "values": ByValues,
}
_CHUNK_NAMES = {cls: name for name, cls in _CHUNKS.items()}
_DEFAULTS: dict[type, dict[str, Any]] = {
    cls: {
        f.name: f.default
        if f.default is not MISSING
        else (f.default_factory() if f.default_factory is not MISSING else MISSING)
        for f in fields(cls)
        if f.name != "place"
    }
    for cls in (Dep, Out, Stage)
}


def pipeline_to_json(pipeline: Pipeline) -> dict[str, Any]:
    """Return `pipeline` as plain JSON data."""
    return {
        "format": FORMAT,
        "file": pipeline.file,
        "reads": list(pipeline.reads),
        "absent": list(pipeline.absent),
        "files": list(pipeline.files),
        "metrics": list(pipeline.metrics),
        "params": list(pipeline.params),
        "plots": {name: drawing_to_json(drawing) for name, drawing in pipeline.plots.items()},
        "artifacts": [to_json(artifact) for artifact in pipeline.artifacts],
        "datasets": [to_json(dataset) for dataset in pipeline.datasets],
        "stages": [_stage_to_json(stage) for stage in pipeline.stages.values()],
    }


def pipeline_from_json(doc: Mapping[str, Any]) -> Pipeline:
    """Inverse of `pipeline_to_json`. Raises ValueError, KeyError or TypeError where `doc` is no such document."""
    if doc["format"] != FORMAT:
        raise ValueError(f"a pipeline of format {doc['format']!r}, not {FORMAT}")
    stages = (_stage_from_json(each) for each in doc["stages"])
    return Pipeline(
        doc["file"],
        {stage.name: stage for stage in stages},
        tuple(doc["reads"]),
        tuple(doc["absent"]),
        tuple(doc["files"]),
        tuple(doc["metrics"]),
        tuple(doc["params"]),
        {name: drawing_from_json(drawing) for name, drawing in doc["plots"].items()},
        tuple(artifact_from_json(each) for each in doc["artifacts"]),
        tuple(NamedDataset(**each) for each in doc["datasets"]),
    )


def _changed(value: Dep | Out | Stage) -> dict[str, Any]:
    """Return the fields that differ from their default, in the order of the class. Types count: 1 is not true."""
    found = {}
    for name, default in _DEFAULTS[type(value)].items():
        own = getattr(value, name)
        if type(own) is not type(default) or own != default:
            found[name] = own
    return found


def _stage_to_json(stage: Stage) -> dict[str, Any]:
    doc = _changed(stage)
    for name in ("deps", "outs"):
        if name in doc:
            doc[name] = [_changed(each) for each in doc[name]]
    for out in doc.get("outs", ()):
        if "drawing" in out:
            out["drawing"] = drawing_to_json(out["drawing"])
    for name in ("args", "params", "env"):
        if name in doc:
            doc[name] = dict(doc[name])
    if stage.chunk is not None:
        spec = stage.chunk
        values = {f.name: getattr(spec, f.name) for f in fields(spec)}
        if "by" in values:
            values["by"] = {label: list(columns) for label, columns in values["by"].items()}
        doc["chunk"] = {"kind": _CHUNK_NAMES[type(spec)], **values}
    if stage.carry is not None:
        doc["carry"] = {"initial": stage.carry.initial}
    if stage.checkpoint != Keeping():
        doc["checkpoint"] = {f.name: getattr(stage.checkpoint, f.name) for f in fields(Keeping)}
    if stage.place is not None:
        doc["place"] = [stage.place.file, stage.place.line, stage.place.column]
    return doc


def _stage_from_json(doc: Mapping[str, Any]) -> Stage:
    kwargs = dict(doc)
    kwargs["name"] = StageName(kwargs["name"])
    if "deps" in kwargs:
        kwargs["deps"] = tuple(_dep_from_json(each) for each in kwargs["deps"])
    if "outs" in kwargs:
        kwargs["outs"] = tuple(_out_from_json(each) for each in kwargs["outs"])
    for name in ("cmd", "packages", "after"):
        if name in kwargs:
            kwargs[name] = tuple(kwargs[name])
    if "on_error" in kwargs:
        kwargs["on_error"] = OnError(kwargs["on_error"])
    if "chunk" in kwargs:
        kwargs["chunk"] = _chunk_from_json(kwargs["chunk"])
    if "carry" in kwargs:
        kwargs["carry"] = Carry(kwargs["carry"]["initial"])
    if "checkpoint" in kwargs:
        kwargs["checkpoint"] = Keeping(**kwargs["checkpoint"])
    if "place" in kwargs:
        kwargs["place"] = Place(*kwargs["place"])
    return Stage(**kwargs)


def _dep_from_json(doc: Mapping[str, Any]) -> Dep:
    if "columns" in doc:
        return Dep(**{**doc, "columns": tuple(doc["columns"])})
    return Dep(**doc)


def _out_from_json(doc: Mapping[str, Any]) -> Out:
    kwargs = dict(doc)
    if "kind" in doc:
        kwargs["kind"] = OutKind(doc["kind"])
    if "drawing" in doc:
        kwargs["drawing"] = drawing_from_json(doc["drawing"])
    return Out(**kwargs)


def _chunk_from_json(doc: Mapping[str, Any]) -> ChunkSpec:
    values = dict(doc)
    cls = _CHUNKS[values.pop("kind")]
    if "cut" in values:
        values["cut"] = Cut(values["cut"])
    if "by" in values:
        values["by"] = {label: tuple(columns) for label, columns in values["by"].items()}
    return cls(**values)
