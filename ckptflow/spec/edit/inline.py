"""Pure. Splices inside `{}` and `[]`: on one line, or laid out over several."""

from __future__ import annotations

import re

from ...dataclass import dataclass
from ..model import Value
from .comments import first_line
from .layout import layout_at
from .located import LINE_END, Kind, Located, Spot
from .writing import on_one_line, scalar

_SPACE = r"(?:\s|(?<=\s)\#[^\r\n]*)*"
_COLON = re.compile(_SPACE + ":")
_COMMA = re.compile(_SPACE + ",")


class Unwritable(Exception):  # always caught in this room, where the place gets its name
    """There is no place in the text for a change. `at` is where that shows."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


@dataclass(frozen=True, slots=True)
class Splice:
    """What stands from `start` up to `end` becomes `new`."""

    start: int
    end: int
    new: str


def is_json(doc: Located, parent: Spot) -> bool:
    """Tell whether keys in a mapping, or in the whole of a text in brackets, are quoted as JSON wants it."""
    root = doc.root
    like = parent if parent.pairs or root is None or not root.flow else root
    return bool(like.pairs) and all(key.style == '"' for key, _ in like.pairs)


def after_colon(doc: Located, pair: tuple[Spot, Spot]) -> int:
    """Return the end of the colon between key and value. Raises Unwritable where there is none (`? key` alone)."""
    found = _COLON.match(doc.text, pair[0].end)
    if found is None or found.end() > max(pair[1].start, pair[0].end + 1):
        raise Unwritable("this key has no colon behind it", pair[0].start)
    return found.end()


def inserted(doc: Located, parent: Spot, after: int, value: Value, key: str | None = None) -> list[Splice]:
    """Add a pair, or with no key an item, behind the one that has the number `after`; -1: before all others."""
    start = _bracket(doc, parent)
    entries = _entries(doc, parent)
    layout = layout_at(doc, start)
    json_like = is_json(doc, parent)
    new = on_one_line(value, layout.quote, always=json_like)
    if key is not None:
        new = f"{scalar(key, layout.quote, flow=True, always=json_like)}: {new}"
    if not entries:
        bare = not doc.text[start + 1 : parent.end - 1].strip()
        return [Splice(start + 1, parent.end - 1 if bare else start + 1, new)]
    at, end = entries[max(after, 0)]
    indent = doc.text[doc.line_start(doc.line_of(at)) : at]
    own_line = not indent.strip(" \t")
    if after < 0:
        return [Splice(at, at, f"{new},{layout.newline}{indent}" if own_line else f"{new}, ")]
    comma = _comma(doc, end)
    stop = end if comma is None else comma + 1
    if own_line and _ends_line(doc, stop):
        line_end = doc.line_end(doc.line_of(stop))
        below = Splice(line_end, line_end, f"{layout.newline}{indent}{new}{'' if comma is None else ','}")
        return [below] if comma is not None else [below, Splice(end, end, ",")]
    if comma is not None:
        return [Splice(stop, stop, f" {new},")]
    return [Splice(end, end, f", {new}")]


def replaced(doc: Located, parent: Spot, number: int, new: str) -> list[Splice]:
    """Give a pair or item another value, written already."""
    value = parent.items[number] if parent.kind is Kind.SEQUENCE else parent.pairs[number][1]
    if not value.absent:
        return [Splice(doc.body(value), value.end, new)]
    key = parent.pairs[number][0]
    found = _COLON.match(doc.text, key.end)
    if found is None or found.end() > value.start:
        return [Splice(key.end, key.end, f": {new}")]
    return [Splice(value.start, value.end, f" {new}")]


def removed(doc: Located, parent: Spot, number: int) -> list[Splice]:
    """Take a pair or item out, with its comma and, in lines of its own, with its comments."""
    start = _bracket(doc, parent)
    entries = _entries(doc, parent)
    at, end = entries[number]
    comma = _comma(doc, end)
    stop = end if comma is None else comma + 1
    own_line = doc.leads(at) and _ends_line(doc, stop)
    if len(entries) == 1:
        rest = doc.text[start + 1 : at] + doc.text[stop : parent.end - 1]
        return [Splice(at, stop, "")] if "#" in rest else [Splice(start + 1, parent.end - 1, "")]
    if own_line:
        lines = Splice(doc.line_start(first_line(doc, at)), doc.line_start(doc.line_of(stop) + 1), "")
        before = _comma(doc, entries[number - 1][1]) if number == len(entries) - 1 and comma is None else None
        return [lines] if before is None else [lines, Splice(before, before + 1, "")]
    if number < len(entries) - 1:
        following = entries[number + 1][0]
        if doc.leads(following):  # which begins the next line and stays there
            return [Splice(at - _spaces_before(doc, at), stop, "")]
        return [Splice(at, following, "")]
    before_end = entries[number - 1][1]
    if "#" not in doc.text[before_end:at]:
        return [Splice(before_end, end, "")]
    before = _comma(doc, before_end)
    assert before is not None
    return [Splice(at, end, ""), *([Splice(before, before + 1, "")] if comma is None else [])]


def _bracket(doc: Located, parent: Spot) -> int:
    start = doc.body(parent)
    if doc.text[start] not in "{[":
        raise Unwritable("a pair without braces in a list has no room for more", start)
    return start


def _entries(doc: Located, parent: Spot) -> list[tuple[int, int]]:
    """Return start and end of each pair or item."""
    if parent.kind is Kind.SEQUENCE:
        return [(item.start, item.end) for item in parent.items]
    return [(_key_start(doc, key), max(key.end, value.end)) for key, value in parent.pairs]


def _key_start(doc: Located, key: Spot) -> int:
    before = doc.text[: key.start].rstrip(" ")
    return len(before) - 1 if before.endswith("?") else key.start


def _comma(doc: Located, end: int) -> int | None:
    """Return where the comma behind an entry stands, None where there is none."""
    found = _COMMA.match(doc.text, end)
    return found.end() - 1 if found else None


def _ends_line(doc: Located, index: int) -> bool:
    """Tell whether nothing but a comment follows in the line."""
    rest = doc.text[index : doc.line_end(doc.line_of(index))].strip(" \t")
    return (not rest or rest.startswith("#")) and LINE_END.search(doc.text, index) is not None


def _spaces_before(doc: Located, index: int) -> int:
    before = doc.text[doc.line_start(doc.line_of(index)) : index]
    return len(before) - len(before.rstrip(" \t"))
