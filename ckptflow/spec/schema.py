"""Pure. The JSON Schema (draft 7) of pipeline files, from the table that checks them.

Where templates are resolved, a text with `${` stands for any value: its type is known only with the params at hand.
"""

from __future__ import annotations

import json
from typing import Any

from .measures import DURATION, SIZE
from .shapes import (
    Anything,
    Choice,
    Count,
    Deferred,
    Duration,
    Either,
    Flag,
    ListOf,
    Nothing,
    Pairs,
    Plain,
    Record,
    Shape,
    Single,
    Size,
    Text,
)
from .table import PIPELINE

_TEMPLATE = {"type": "string", "pattern": r"\$\{"}


def json_schema() -> dict[str, Any]:
    """Return the schema of `pipeline.yaml`. It holds what can be said of one place; what stages must mean together
    (paths, cycles, names of deps) only the checker knows."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ckptflow pipeline",
        **_schema(PIPELINE, templates=False),
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(json_schema(), indent=2) + "\n"


def _schema(shape: Shape, *, templates: bool) -> dict[str, Any]:
    match shape:
        case Plain(inner):
            return _schema(inner, templates=False)
        case Deferred():
            return _cases(shape)
    bare = _bare(shape, templates=templates)
    if not templates or not bare or bare == {"type": "string"}:
        return bare
    if "anyOf" in bare:
        return {"anyOf": [*bare["anyOf"], _TEMPLATE]}
    return {"anyOf": [bare, _TEMPLATE]}


def _bare(shape: Shape, *, templates: bool) -> dict[str, Any]:
    match shape:
        case Text(pattern=None):
            return {"type": "string"}
        case Text(pattern=pattern):
            return {"type": "string", "pattern": pattern}
        case Choice(words):
            return {"enum": [str(word) for word in words]}
        case Flag():
            return {"type": "boolean"}
        case Count(least):
            return {"type": "integer", "minimum": least}
        case Size():
            return {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": SIZE}]}
        case Duration():
            return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": DURATION}]}
        case Single():
            return {"type": ["string", "number", "boolean"]}
        case Nothing():
            return {"type": "null"}
        case Anything():
            return {}
        case ListOf(item, least):
            least_items = {"minItems": least} if least else {}
            return {"type": "array", "items": _schema(item, templates=templates), **least_items}
        case Pairs():
            return _pairs(shape, templates=templates)
        case Record():
            return _record(shape, templates=templates)
        case Either(options):
            found = [_schema(option, templates=templates) for option in options]
            flat = [each for one in found for each in one.get("anyOf", [one])]
            return {"anyOf": [each for i, each in enumerate(flat) if each not in flat[:i]]}
        case Deferred() | Plain():
            return _schema(shape, templates=templates)


def _cases(shape: Deferred) -> dict[str, Any]:
    """Return a choice by keys: an editor then speaks of the one shape that is meant, and not of all that might be."""
    doc = _bare(shape.shape, templates=True)
    for key, case in reversed(shape.cases):
        doc = {"if": {"required": [key]}, "then": _bare(case, templates=True), "else": doc}
    return doc


def _pairs(shape: Pairs, *, templates: bool) -> dict[str, Any]:
    doc: dict[str, Any] = {"type": "object", "additionalProperties": _schema(shape.value, templates=templates)}
    if shape.known:
        doc["properties"] = {name: _schema(each, templates=templates) for name, each in shape.known.items()}
    if shape.key.pattern is not None:
        doc["propertyNames"] = _schema(shape.key, templates=templates)
    least = shape.size if shape.size is not None else shape.least
    if least:
        doc["minProperties"] = least
    if shape.size is not None:
        doc["maxProperties"] = shape.size
    return doc


def _record(shape: Record, *, templates: bool) -> dict[str, Any]:
    known = [field for field in shape.fields.values() if not field.later]
    doc: dict[str, Any] = {
        "type": "object",
        "properties": {f.name: {"description": f.doc, **_schema(f.shape, templates=templates)} for f in known},
        "additionalProperties": False,
    }
    required = [field.name for field in known if field.required]
    if required:
        doc["required"] = required
    if shape.one_of:
        doc["oneOf"] = [{"required": [name]} for name in shape.one_of]
    return doc
