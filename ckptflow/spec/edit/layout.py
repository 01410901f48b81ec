"""Pure. The manner in which a text is written, as far as it shows: indentation, list dashes, quotes, line ends.

A text may have several manners; what stands nearest before a place counts there, else what comes first after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ...dataclass import dataclass
from .located import LINE_END, Kind, Located, Spot

_Seen = TypeVar("_Seen")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to write at one place. `step`: columns from a mapping's keys to those of a mapping below; `dash`: from a key
    to the dashes of its list; `gap`: from a dash to its item; `quote`: where a text needs quotes.
    """

    newline: str = "\n"
    step: int = 2
    dash: int = 2
    gap: int = 2
    quote: str = '"'


def layout_at(doc: Located, index: int) -> Layout:
    """Return the manner of the text around `index`."""
    newline = LINE_END.search(doc.text)
    plain = Layout()
    spots = list(_walk(doc.root)) if doc.root else []
    quotes = [(spot.start, spot.style) for spot in spots if spot.style in ('"', "'")]
    return Layout(
        newline=newline.group() if newline else plain.newline,
        step=_nearest([*_steps(doc, spots)], index, plain.step),
        dash=_nearest([*_dashes(doc, spots)], index, plain.dash),
        gap=_nearest([*_gaps(doc, spots)], index, plain.gap),
        quote=_nearest(quotes, index, plain.quote),
    )


def written_near(doc: Located, path_key: str, index: int, fits: Callable[[Spot], bool]) -> Spot | None:
    """Return the value under a key of that name which stands nearest to `index` and `fits`."""
    found: list[tuple[int, Spot | None]] = [
        (value.start, value)
        for spot in (_walk(doc.root) if doc.root else ())
        for key, value in spot.pairs
        if key.value == path_key and fits(value)
    ]
    return _nearest(found, index, None)


def key_column(doc: Located, mapping: Spot) -> int:
    """Return the column of the keys of a block mapping: of the `?` where the first is written with one."""
    start = mapping.pairs[0][0].start
    before = doc.text[doc.line_start(doc.line_of(start)) : start]
    return len(before.rstrip(" ")) - 1 if before.rstrip(" ").endswith("?") else len(before)


def dash_of(doc: Located, sequence: Spot, number: int) -> int:
    """Return where the dash of an item of a block list stands."""
    at = sequence.items[number].start
    while True:
        line = doc.line_of(at)
        before = doc.text[doc.line_start(line) : at].rstrip(" \t")
        if before.endswith("-"):
            return doc.line_start(line) + len(before) - 1
        above = "" if doc.line(line - 1).startswith("#") else doc.line(line - 1).partition(" #")[0]
        at = doc.line_start(line - 1) + len(above)  # the item begins below its dash, perhaps below comments too


def _walk(top: Spot) -> Iterator[Spot]:
    """Yield all values in the order of the text, keys included."""
    stack = [top]
    while stack:
        spot = stack.pop()
        yield spot
        stack += reversed(spot.items)
        for key, value in reversed(spot.pairs):
            stack += (value, key)


def _block(spot: Spot, kind: Kind) -> bool:
    return spot.kind is kind and not spot.flow


def _steps(doc: Located, spots: list[Spot]) -> Iterator[tuple[int, int]]:
    for spot in spots:
        if _block(spot, Kind.MAPPING):
            column = key_column(doc, spot)
            for _, value in spot.pairs:
                if _block(value, Kind.MAPPING):
                    yield value.start, key_column(doc, value) - column


def _dashes(doc: Located, spots: list[Spot]) -> Iterator[tuple[int, int]]:
    for spot in spots:
        if _block(spot, Kind.MAPPING):
            column = key_column(doc, spot)
            for _, value in spot.pairs:
                if _block(value, Kind.SEQUENCE):
                    yield value.start, doc.column(dash_of(doc, value, 0)) - column


def _gaps(doc: Located, spots: list[Spot]) -> Iterator[tuple[int, int]]:
    for spot in spots:
        if _block(spot, Kind.SEQUENCE):
            for number, item in enumerate(spot.items):
                dash = dash_of(doc, spot, number)
                if not item.absent and doc.line_of(item.start) == doc.line_of(dash):
                    yield item.start, item.start - dash


def _nearest(seen: Sequence[tuple[int, _Seen]], index: int, otherwise: _Seen) -> _Seen:
    before = [what for at, what in seen if at < index]
    return before[-1] if before else seen[0][1] if seen else otherwise
