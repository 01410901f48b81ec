"""Pure. Where everything stands in a YAML text: a tree of spans.

PyYAML's events carry positions in characters (libyaml's too, whatever the encoding). The end that they give for a block
collection is where the next token begins, beyond comments and blank lines, so ends are taken from what is inside.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum
from typing import Any

from ...dataclass import dataclass, field

LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as libyaml counts lines
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]*)*")


class Kind(Enum):
    """What a span holds."""

    SCALAR = "scalar"
    SEQUENCE = "list"
    MAPPING = "mapping"
    ALIAS = "alias"


@dataclass(slots=True, eq=False)
class Spot:
    """A value and its span in the text, anchor and tag included. `value` of a scalar is its text, of an alias its name.

    `style` of a scalar is the character that it begins with, if that is a quote or `|` or `>`; empty for a plain one.
    """

    kind: Kind
    start: int
    end: int
    flow: bool = False
    style: str = ""
    value: str = ""
    items: list[Spot] = field(default_factory=list)
    pairs: list[tuple[Spot, Spot]] = field(default_factory=list)

    @property
    def absent(self) -> bool:
        """Whether nothing is written here: `key:` with no value."""
        return self.kind is Kind.SCALAR and self.start == self.end

    @property
    def in_lines(self) -> bool:
        """Whether its lines are its own from the second on: a block collection, or a text after `|` or `>`."""
        return self.style in ("|", ">") if self.kind is Kind.SCALAR else self.kind is not Kind.ALIAS and not self.flow

    def pair(self, key: str) -> int | None:
        """Return the index of the pair that is written here under `key`; merged ones (`<<`) are not."""
        return next((i for i, (name, _) in enumerate(self.pairs) if name.value == key), None)


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A text with the tree of what stands where; `root` None: nothing but comments."""

    text: str
    root: Spot | None
    starts: tuple[int, ...]

    def line_of(self, index: int) -> int:
        """Return the number, from 0, of the line that holds the character at `index`."""
        return bisect_right(self.starts, index) - 1

    def line_start(self, line: int) -> int:
        """Return where a line begins; the end of the text for the line after the last."""
        return self.starts[line] if line < len(self.starts) else len(self.text)

    def line_end(self, line: int) -> int:
        """Return where the content of a line ends, before its line break."""
        found = LINE_END.search(self.text, self.starts[line])
        return found.start() if found else len(self.text)

    def line(self, line: int) -> str:
        """Return the content of a line."""
        return self.text[self.starts[line] : self.line_end(line)]

    def last_line(self, spot: Spot) -> int:
        """Return the last line of a value."""
        return self.line_of(spot.end - 1 if spot.in_lines and spot.end > spot.start else spot.end)

    def column(self, index: int) -> int:
        """Return how many characters stand before `index` in its line."""
        return index - self.starts[self.line_of(index)]

    def leads(self, index: int) -> bool:
        """Tell whether nothing but spaces stands before `index` in its line."""
        return not self.text[self.starts[self.line_of(index)] : index].strip(" ")

    def body(self, spot: Spot) -> int:
        """Return where a value begins after its anchor and tag."""
        found = _PROPERTIES.match(self.text, spot.start, spot.end)
        return found.end() if found and spot.kind is not Kind.ALIAS else spot.start


def locate(text: str) -> Located:
    """Return where everything stands in `text`: valid YAML of one document, without a byte order mark."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events = iter(yaml.parse(text, Loader=loader))
    root = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            root = _spot(next(events), events, text)
    starts = (0, *(found.end() for found in LINE_END.finditer(text)))
    return Located(text, root, starts)


def _spot(event: Any, events: Iterator[Any], text: str) -> Spot:
    """Return the value that begins with `event`. Recursive: the composer has bounded the depth."""
    import yaml

    kind, start, end = type(event), event.start_mark.index, event.end_mark.index
    if kind is yaml.AliasEvent:
        return Spot(Kind.ALIAS, start, end, value=event.anchor)
    if kind is yaml.ScalarEvent:
        style = event.style or ""
        end = _end_of_lines(text, start, end) if style in ("|", ">") else end
        return Spot(Kind.SCALAR, start, end, style=style, value=event.value)
    spot = Spot(Kind.SEQUENCE, start, end, flow=bool(event.flow_style))
    if kind is yaml.SequenceStartEvent:
        while type(event := next(events)) is not yaml.SequenceEndEvent:
            spot.items.append(_spot(event, events, text))
            spot.end = spot.items[-1].end
    else:
        spot.kind = Kind.MAPPING
        while type(event := next(events)) is not yaml.MappingEndEvent:
            key = _spot(event, events, text)
            spot.pairs.append((key, _spot(next(events), events, text)))
            spot.end = max(spot.pairs[-1][0].end, spot.pairs[-1][1].end)
    if spot.flow:
        spot.end = event.end_mark.index
    return spot


def _end_of_lines(text: str, start: int, end: int) -> int:
    """Return the end of a `|` or `>` text: of blank lines after it only those that count (`|+`) are its own."""
    header = LINE_END.split(text[start:end], maxsplit=1)[0].partition("#")[0]
    return end if "+" in header else start + len(text[start:end].rstrip())
