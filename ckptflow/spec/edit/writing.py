"""Pure. Values as YAML: on one line, or on lines of their own, in the manner of a `Layout`.

Quotes stand only where a reader of YAML, 1.1 or 1.2, would take the plain text for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ...dataclass import dataclass
from ..compose import core_scalar
from ..model import Value
from .layout import Layout

WIDEST = 100
"""A list or mapping that would end beyond this column is written in lines."""

_FIRST = re.compile(r"""[^\s\-?:,\[\]{}#&*!|>'"%@`]|-(?=[^\s,\[\]{}])""")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_OLD_WORDS = re.compile(r"(?:yes|no|on|off|y|n)", re.IGNORECASE)  # booleans of YAML 1.1
_OLD_NUMBERS = re.compile(
    r"[-+]?(?:0b[01_]+|0[0-7_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?"
    r"|0x[0-9a-f_]+)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A value to stand behind a colon or a dash: what goes on that line, and the lines below it in full."""

    head: str
    lines: tuple[str, ...] = ()


def scalar(
    value: None | bool | int | float | str, quote: str = '"', *, flow: bool = False, always: bool = False
) -> str:
    """Return a scalar on one line. `flow`: inside `{}` or `[]`; `always`: texts in quotes, whether needed or not."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _number(value)
        case int():
            return str(value)
        case str() if not always and _plain(value, flow=flow):
            return value
        case str() if always or _BREAKS.search(value):
            return _double(value)
        case str() if quote == '"' and ("'" in value or not ('"' in value or "\\" in value)):
            return _double(value)
        case str() if "'" in value and not ('"' in value or "\\" in value):
            return _double(value)
        case str():
            return "'" + value.replace("'", "''") + "'"


def on_one_line(value: Value, quote: str = '"', *, always: bool = False) -> str:
    """Return any value as it stands inside `{}` or `[]`."""
    match value:
        case dict():
            pairs = (
                f"{scalar(k, quote, flow=True, always=always)}: {on_one_line(v, quote, always=always)}"
                for k, v in value.items()
            )
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(on_one_line(item, quote, always=always) for item in value) + "]"
        case _:
            return scalar(value, quote, flow=True, always=always)


InFlow = Callable[[str, Value], bool]
"""Tells whether the list or mapping under a key is to be written on one line."""


def fragment(value: Value, column: int, layout: Layout, in_flow: InFlow, key: str = "") -> Fragment:
    """Return `value` as what stands behind `key:`, whose column is `column`."""
    match value:
        case dict() | list() if not value or _on_one_line(key, value, column, layout, in_flow):
            return Fragment(on_one_line(value, layout.quote))
        case dict():
            below = column + layout.step
            lines = [line for k, v in value.items() for line in pair_lines(k, v, below, layout, in_flow)]
            return Fragment("", tuple(lines))
        case list():
            below = column + layout.dash
            return Fragment("", tuple(line for item in value for line in item_lines(item, below, layout)))
        case str() if "\n" in value and _fits_lines(value):
            return _text_in_lines(value, column + layout.step)
        case _:
            return Fragment(scalar(value, layout.quote))


def pair_lines(key: str, value: Value, column: int, layout: Layout, in_flow: InFlow) -> tuple[str, ...]:
    """Return `key: value` as full lines, the key at `column`."""
    made = fragment(value, column, layout, in_flow, key)
    return (" " * column + _headed(scalar(key, layout.quote) + ":", made.head), *made.lines)


def item_lines(item: Value, column: int, layout: Layout) -> tuple[str, ...]:
    """Return `- item` as full lines, the dash at `column`."""
    start = " " * column + "-"
    inner = column + layout.gap
    if isinstance(item, dict) and item:
        first, *rest = (line for k, v in item.items() for line in pair_lines(k, v, inner, layout, in_lines))
        return (start + " " * (layout.gap - 1) + first.lstrip(" "), *rest)
    if isinstance(item, list):
        flow = on_one_line(item, layout.quote)
        if item and inner + len(flow) > WIDEST:
            return (start, *(line for each in item for line in item_lines(each, inner, layout)))
        return (_headed(start, flow, layout.gap - 1),)
    made = fragment(item, column, layout, in_lines)
    return (_headed(start, made.head, layout.gap - 1), *made.lines)


def in_lines(key: str, value: Value) -> bool:
    """Ask for lines: an `InFlow`."""
    return False


def _on_one_line(key: str, value: Value, column: int, layout: Layout, in_flow: InFlow) -> bool:
    if not in_flow(key, value):
        return False
    return column + len(key) + 2 + len(on_one_line(value, layout.quote)) <= WIDEST


def _headed(start: str, head: str, spaces: int = 1) -> str:
    return start + " " * spaces + head if head else start


def _number(value: float) -> str:
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return text if not e or "." in mantissa else f"{mantissa}.0e{exponent}"  # without a point YAML 1.1 reads a text


def _plain(text: str, *, flow: bool) -> bool:
    """Tell whether `text` can stand without quotes."""
    if not text or _BREAKS.search(text) or text != text.strip() or not _FIRST.match(text):
        return False
    if ": " in text or " #" in text or text.endswith(":") or text in ("<<", "=", "---", "..."):
        return False
    if flow and any(sign in text for sign in ",[]{}"):
        return False
    if _OLD_WORDS.fullmatch(text) or _OLD_NUMBERS.fullmatch(text):
        return False
    try:
        return core_scalar(text) is text
    except ValueError:  # more digits than Python reads
        return False


def _double(text: str) -> str:
    return _BREAKS.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _fits_lines(text: str) -> bool:
    """Tell whether `text` can be written after `|` without an escape or an indentation indicator."""
    body = text.rstrip("\n")
    lines = body.split("\n")
    if not body or text.endswith("\n\n") or _BREAKS.search(body.replace("\n", "").replace("\t", "")):
        return False
    return lines[0].strip() != "" and lines[0][0] not in " \t" and all(line.strip() or not line for line in lines)


def _text_in_lines(text: str, column: int) -> Fragment:
    head = "|" if text.endswith("\n") else "|-"
    lines = text.rstrip("\n").split("\n")
    return Fragment(head, tuple(" " * column + line if line else "" for line in lines))
