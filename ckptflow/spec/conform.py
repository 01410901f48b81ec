"""Pure. Does a node have the shape that its place asks for? All differences are noted, not the first alone."""

from __future__ import annotations

import re

from .findings import Findings, listed
from .measures import parse_duration, parse_size
from .nodes import Blank, Mapping, Node, Scalar, Sequence, kind
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
    kinds,
    says,
)

_ARTICLES = {
    "text": "a text",
    "whole number": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "nothing": "nothing",
    "list": "a list",
    "mapping": "a mapping",
}


def conforms(shape: Shape, node: Node, where: str, findings: Findings) -> bool:
    """Tell whether `node` has this shape, and note each difference. `where` names the place (`workers`) in messages.

    A blank node does not conform, without a further word: why it is blank has been noted.
    """
    if isinstance(node, Blank):
        return False
    found = kind(node)
    while True:
        match shape:
            case Either() if found in shape.by_kind:
                shape = shape.by_kind[found]
            case Plain(Anything()):
                return True
            case Plain(inner):
                shape = inner
            case _:
                break
    if found not in kinds(shape):
        findings.add("CF111", f"`{where}` takes {says(shape)}, not {_shown(node)}", node, _hint(shape, node))
        return False
    match shape:
        case Flag() | Nothing() | Deferred():
            return True
        case Anything():
            return _text_keys(node, findings)
        case Text() | Single() | Choice() | Count() | Size() | Duration():
            assert isinstance(node, Scalar)
            return _scalar(shape, node, where, findings)
        case ListOf(item, least):
            assert isinstance(node, Sequence)
            if len(node.items) < least:
                findings.add("CF113", f"`{where}` is an empty list", node)
                return False
            return all([conforms(item, each, where, findings) for each in node.items])  # noqa: C419  # every item is checked
        case Pairs():
            assert isinstance(node, Mapping)
            return _pairs(shape, node, where, findings)
        case Record():
            assert isinstance(node, Mapping)
            return len(fields(shape, node, findings)) == len(node.pairs) and _complete(shape, node, findings)
        case Either() | Plain():
            raise AssertionError("unwrapped above")


def fields(record: Record, node: Mapping, findings: Findings, owner: str = "") -> dict[str, Node]:
    """Return what stands under those keys of `node` that are known and right; note the others."""
    good: dict[str, Node] = {}
    whose = owner or record.what
    for key, value in node.pairs:
        field = record.fields.get(key.text)
        if field is None:
            hint = findings.suggest(key.text, (f.name for f in record.fields.values() if not f.later))
            known = f"known keys: {listed((f.name for f in record.fields.values() if not f.later), 20)}"
            findings.add("CF110", f"unknown key `{key.text}` in {whose}", key, hint or known)
        elif field.later:
            findings.add("CF112", f"`{key.text}` in {whose} is not supported yet by this version", key)
        elif conforms(field.shape, value, key.text, findings):
            good[key.text] = value
    return good


def _complete(record: Record, node: Mapping, findings: Findings) -> bool:
    missing = [f.name for f in record.fields.values() if f.required and node.get(f.name) is None]
    for name in missing:
        findings.add("CF116", f"{record.what} needs the key `{name}`", node)
    return not missing


def _pairs(shape: Pairs, node: Mapping, where: str, findings: Findings) -> bool:
    if len(node.pairs) < shape.least:
        findings.add("CF113", f"`{where}` is an empty mapping", node)
        return False
    if shape.size is not None and len(node.pairs) != shape.size:
        findings.add("CF111", f"this item of `{where}` has {len(node.pairs)} keys instead of {shape.size}", node)
        return False
    good = True
    for key, value in node.pairs:
        good &= conforms(shape.key, key, where, findings)
        good &= conforms(shape.known.get(key.text, shape.value), value, key.text, findings)
    return good


def _scalar(
    shape: Text | Single | Choice | Count | Size | Duration, node: Scalar, where: str, findings: Findings
) -> bool:
    value = node.value
    match shape:
        case Count(least):
            if isinstance(value, int) and value < least:
                findings.add("CF113", f"`{where}` takes {says(shape)}, not {value}", node)
                return False
        case Choice(words, later):
            if value in later:
                findings.add("CF112", f"`{where}: {value}` is not supported yet by this version", node)
                return False
            if value not in words:
                hint = findings.suggest(str(value), words)
                findings.add("CF113", f"`{where}` takes {says(shape)}, not `{value}`", node, hint)
                return False
        case Size():
            amount = parse_size(value) if isinstance(value, str) else value
            if not amount or (isinstance(amount, int) and amount < 1):
                hint = "write a number and one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
                findings.add("CF114", f"`{where}: {node.text}` is no size", node, hint)
                return False
        case Duration():
            seconds = parse_duration(value) if isinstance(value, str) else value
            if not (isinstance(seconds, int | float) and 0 < seconds < float("inf")):
                hint = "write a number of seconds, or for example 90s, 5m, 3h50m, 1.5h"
                findings.add("CF115", f"`{where}: {node.text}` is no duration", node, hint)
                return False
        case Text() | Single():
            text = node.text
            if "\0" in text:
                findings.add("CF113", f"`{where}` holds a NUL character", node)
                return False
            if isinstance(shape, Text) and shape.pattern is not None and not _matches(shape.pattern, text):
                findings.add(shape.code, f"`{text}` is not {says(shape)}", node)
                return False
    return True


def _text_keys(node: Node, findings: Findings) -> bool:
    """Tell whether all keys in a value are texts: what reaches a function, or a recipe, is JSON's kind of data."""
    match node:
        case Sequence():
            return all([_text_keys(item, findings) for item in node.items])  # noqa: C419  # every item is checked
        case Mapping():
            odd = [key for key, _ in node.pairs if not isinstance(key.value, str)]
            for key in odd:
                findings.add("CF111", f"the key `{key.text}` is {_ARTICLES[kind(key)]}", key, "put it in quotes")
            return all([_text_keys(value, findings) for _, value in node.pairs]) and not odd  # noqa: C419
        case _:
            return True


def _matches(pattern: str, text: str) -> bool:
    """Tell whether `pattern` is found in `text`; `$` is the very end, as in JSON Schema, not before a last newline."""
    return (re.fullmatch if pattern.startswith("^") else re.search)(pattern, text) is not None


def _shown(node: Node) -> str:
    what = _ARTICLES[kind(node)]
    if isinstance(node, Scalar) and node.value is not None:
        return f"{what} (`{node.text[:40]}`)"
    return what


def _hint(shape: Shape, node: Node) -> str | None:
    taken = kinds(shape)
    match kind(node):
        case "nothing":
            return "remove the key, or give it a value"
        case "text" if isinstance(node, Scalar):
            word = node.text.strip().lower()
            if "flag" in taken and word in {"yes", "on", "no", "off"}:
                return f"write {'true' if word in {'yes', 'on'} else 'false'}"
            if "whole number" in taken and word.isascii() and word.isdigit():
                return "remove the quotes"
            if taken == {"list"}:
                return "write it as a list: [...]"
        case "whole number" | "number" | "flag" if "text" in taken:
            return "put it in quotes"
    return None
