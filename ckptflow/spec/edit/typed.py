"""Pure. What people type on a command line: `key=value`, and values.

A value is what YAML would read in its place: `5`, `true`, `[a, b]`, `{over: orders, rows: 500}`, `"5"`. What is neither
a scalar in quotes nor a whole list or mapping in brackets is one plain text, whatever is in it: `cmd=echo a: b # c`
needs no quotes but the shell's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from ...dataclass import dataclass
from ...errors import Problem, UsageError
from ..compose import compose, core_scalar
from ..model import Value
from ..nodes import to_value

_ASSIGNMENT = re.compile(r"(?P<key>[^=]+?)(?P<op>[+-]?)=(?P<value>.*)", re.DOTALL)
_BARE_TEMPLATE = re.compile(r"(?<=[\[{,:\s])(\$\{[^{}\"']*\})(?=\s*[,\]}])")


class Op(Enum):
    """What is done with a field."""

    SET = ""
    ADD = "+"
    TAKE = "-"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One thing to do with the field `key`, written with dots: `chunk.rows`, `outs.0.cache`.

    `typed` is the value as it was typed: what it is where only a text can stand (`cmd=true`).
    """

    key: str
    op: Op
    value: Value = None
    typed: str | None = None


def parse_assignment(text: str) -> Assignment:
    """Return what `key=value`, `key+=value` or `key-=value` asks for. Raises UsageError."""
    found = _ASSIGNMENT.fullmatch(text)
    if found is None:
        raise UsageError(f"`{text}` is no `key=value`", hint="for example `workers=4`, `deps+=data/more.csv`")
    if not found["value"]:
        hint = f"`--unset {found['key']}` removes the key; `{found['key']}=''` in quotes is an empty text"
        raise UsageError(f"`{text}` gives no value", hint=hint)
    return Assignment(found["key"].strip(), Op(found["op"]), parse_value(found["value"]), found["value"])


def parse_value(text: str) -> Value:
    """Return the value that `text` is. Raises UsageError for a number of more digits than can be read."""
    if text[:1] in ("[", "{", '"', "'"):
        for attempt in (text, _BARE_TEMPLATE.sub(r'"\1"', text)):  # `{lr: ${lr}}` is clear to people
            problems: list[Problem] = []
            document = compose("", attempt, problems)
            if document is not None and not problems:
                return to_value(document.root)
        return text
    try:
        return core_scalar(text) if text else None
    except ValueError:
        raise UsageError(f"a number of {len(text):,} digits", hint="put it in quotes, for YAML") from None


def parse_pair(text: str) -> tuple[str, str]:
    """Return name and text of `NAME=TEXT`. Raises UsageError."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise UsageError(f"`{text}` is no NAME=VALUE", hint="for example `limit=100`")
    return name, value


def parse_chunk(text: str) -> Value:
    """Return the `chunk` that `over=orders,rows=1000` describes; with `by=DEP:COLUMN+COLUMN` once a dep, or as YAML."""
    if text.startswith("{"):
        return parse_value(text)
    found: dict[str, Value] = {}
    by: dict[str, Value] = {}
    for key, value in map(parse_pair, text.split(",")):
        if key == "by":
            dep, colon, columns = value.rpartition(":")
            if not (dep and colon and columns):
                raise UsageError(f"`by={value}` is no DEP:COLUMN", hint="for example `by=accounts:id,by=moves:from+to`")
            named: list[Value] = [*columns.split("+")]
            by[dep] = named if len(named) > 1 else columns
        else:
            found[key] = parse_value(value)
    return {"by": by, **found} if by else found


def parse_params(options: Iterable[str]) -> Value:
    """Return the `params` that several `[FILE:]KEY,KEY` describe; `FILE:` is a whole file. As in DVC, keys of
    params.yaml come first."""
    keys: dict[str, dict[str, None]] = {"": {}}
    for option in options:
        file, _, names = option.rpartition(":")
        named = {name.strip(): None for name in names.split(",") if name.strip()}
        keys.setdefault("" if file == "params.yaml" and named else file, {}).update(named)
    own: list[Value] = [*keys.pop("")]
    others: list[Value] = [{file: [*names] or None} for file, names in keys.items()]
    return own + others
