"""Pure. A change of a document -> the text with that change, and nothing else, made.

Strategy: find the last value on the way that is written in the text, then insert, replace or remove one pair or item of
it, as a few splices.
"""

from __future__ import annotations

from ...dataclass import dataclass
from ..model import Value
from . import inline
from .changes import Change, Delete, Path, Put, Rename
from .comments import are_apart, first_line, head_of, last_line, with_blanks
from .inline import Splice, Unwritable
from .layout import dash_of, key_column, layout_at, written_near
from .located import LINE_END, Kind, Located, Spot, locate
from .writing import Fragment, InFlow, fragment, item_lines, on_one_line, pair_lines, scalar

_NULLS = ("", "~", "null", "Null", "NULL")


def spliced(text: str, change: Change) -> str:
    """Return `text` with `change` made. Raises Unwritable where what it is about is not written in the text."""
    doc = locate(text)
    splicer = _Splicer(doc)
    match change:
        case Put():
            splices = splicer.put(change)
        case Delete(path):
            splices = splicer.delete(path)
        case Rename(path, key):
            splices = splicer.rename(path, key)
    for splice in sorted(splices, key=lambda s: (s.start, s.end), reverse=True):
        text = text[: splice.start] + splice.new + text[splice.end :]
    return text


def is_written(text: str, path: Path) -> bool:
    """Tell whether there is something at `path` in the text itself, not through an alias or a merged mapping."""
    doc = locate(text)
    return doc.root is not None and len(_way(doc.root, path)) == len(path)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a text: its lines, with the comments that are their own, from the line `first` (from 0) on."""

    first: int
    lines: tuple[str, ...]


def excerpt(text: str, path: Path) -> Excerpt:
    """Return how the pair or item at `path` is written; inside brackets, without what else stands in its lines.

    Raises LookupError where it is not written in the text.
    """
    doc = locate(text)
    way = _way(doc.root, path) if doc.root is not None else []
    if len(way) < len(path):
        raise LookupError(path)
    place = way[-1]
    if place.parent.flow:
        start = place.parent.pairs[place.number][0].start if place.parent.pairs else place.spot.start
        return Excerpt(doc.line_of(start), tuple(LINE_END.split(text[start : place.spot.end])))
    head = head_of(doc, place.parent, place.number)
    first, last = first_line(doc, head), last_line(doc, place.spot, doc.column(head))
    return Excerpt(first, tuple(doc.line(line) for line in range(first, last + 1)))


@dataclass(frozen=True, slots=True)
class _Place:
    """One step of a path: pair or item `number` of `parent`, with its value."""

    parent: Spot
    number: int
    spot: Spot

    def column(self, doc: Located) -> int:
        """Return the column of the keys or dashes."""
        return doc.column(head_of(doc, self.parent, self.number))

    def indicator(self, doc: Located) -> int:
        """Return the end of the colon or dash before the value."""
        if self.parent.kind is Kind.SEQUENCE:
            return dash_of(doc, self.parent, self.number) + 1
        return inline.after_colon(doc, self.parent.pairs[self.number])


def _way(root: Spot, path: Path) -> list[_Place]:
    """Return the places on `path` as far as they are written."""
    way: list[_Place] = []
    spot = root
    for step in path:
        number: int | None = None
        if spot.kind is Kind.MAPPING and isinstance(step, str):
            number = spot.pair(step)
        elif spot.kind is Kind.SEQUENCE and isinstance(step, int) and step < len(spot.items):
            number = step
        if number is None:
            break
        below = spot.pairs[number][1] if spot.kind is Kind.MAPPING else spot.items[number]
        way.append(_Place(spot, number, below))
        spot = below
    return way


def _nested(path: Path, value: Value) -> Value:
    """Return `value` inside the mappings and lists that `path` asks for."""
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _outer(change: Put, value: Value) -> list[Value]:
    """Return the values from `value`, which holds that of `change`, down to it: those that stand in lines."""
    found = [value] if change.apart else []
    while change.apart and isinstance(value, dict) and value is not change.value:
        value = next(iter(value.values()))  # of `_nested`
        found.append(value)
    return found


def _position(mapping: Spot, key: str, order: tuple[str, ...]) -> int:
    """Return the number of the pair that a new key stands behind; -1 for before all."""
    if key not in order:
        return len(mapping.pairs) - 1
    ranks = {name: rank for rank, name in enumerate(("<<", *order))}
    before = [
        (ranks[name.value], number)
        for number, (name, _) in enumerate(mapping.pairs)
        if ranks.get(name.value, len(ranks)) < ranks[key]
    ]
    return max(before)[1] if before else -1


@dataclass(frozen=True, slots=True)
class _Splicer:
    doc: Located

    def put(self, change: Put) -> list[Splice]:
        path, doc = change.path, self.doc
        if doc.root is None or doc.root.absent:
            return self._begin(change)
        way = _way(doc.root, path)
        if len(way) == len(path):
            return self._replace(way[-1], change.value, _outer(change, change.value))
        spot = way[-1].spot if way else doc.root
        step, value = path[len(way)], _nested(path[len(way) + 1 :], change.value)
        bare = spot.kind is Kind.SCALAR and not spot.style and spot.value in _NULLS
        empty = spot.kind in (Kind.MAPPING, Kind.SEQUENCE) and not spot.pairs and not spot.items
        if way and (bare or (empty and not way[-1].parent.flow and doc.line_of(spot.start) == doc.line_of(spot.end))):
            whole = _nested((step,), value)
            return self._replace(way[-1], whole, _outer(change, whole))
        if spot.kind is Kind.MAPPING and isinstance(step, str):
            return self._insert_pair(spot, step, value, change)
        if spot.kind is Kind.SEQUENCE and isinstance(step, int):
            return self._insert_item(spot, value)
        raise _refusal(spot)

    def delete(self, path: Path) -> list[Splice]:
        way = self._whole_way(path)
        place = way[-1]
        if place.parent.flow:
            return inline.removed(self.doc, place.parent, place.number)
        if len(place.parent.pairs) + len(place.parent.items) > 1:
            return self._remove_lines(place)
        if len(way) == 1:
            raise Unwritable("nothing would be left of the file", place.parent.start)
        return self._replace(way[-2], [] if place.parent.kind is Kind.SEQUENCE else {}, [])

    def rename(self, path: Path, name: str) -> list[Splice]:
        place = self._whole_way(path)[-1]
        key = place.parent.pairs[place.number][0]
        start = self.doc.body(key)
        quote = layout_at(self.doc, start).quote
        new = scalar(name, key.style or quote, flow=place.parent.flow, always=key.style == '"')
        if key.style == "'" and new == name:
            new = f"'{name}'"
        return [Splice(start, key.end, new)]

    def _begin(self, change: Put) -> list[Splice]:
        """Write the first value of a text that has none."""
        doc = self.doc
        value = _nested(change.path, change.value)
        assert isinstance(value, dict)
        layout = layout_at(doc, 0)
        in_flow = self._in_flow(0, None, _outer(change, value))
        lines = [line for k, v in value.items() for line in pair_lines(k, v, 0, layout, in_flow)]
        end = next((doc.line_start(n) for n in range(len(doc.starts)) if doc.line(n).split()[:1] == ["..."]), None)
        at = len(doc.text) if end is None else end
        before = "" if at == 0 or doc.text[at - 1] in "\r\n" else layout.newline
        return [Splice(at, at, before + layout.newline.join(lines) + layout.newline)]

    def _insert_pair(self, mapping: Spot, key: str, value: Value, change: Put) -> list[Splice]:
        doc = self.doc
        after = _position(mapping, key, change.order)
        if mapping.flow:
            return inline.inserted(doc, mapping, after, value, key)
        column = key_column(doc, mapping)
        beside = mapping.pairs[max(after, 0)]
        layout = layout_at(doc, beside[1].end)
        in_flow = self._in_flow(beside[1].start, beside[1], _outer(change, value))
        lines = list(pair_lines(key, value, column, layout, in_flow))
        head = head_of(doc, mapping, 0)
        if after < 0 and doc.leads(head):
            first = doc.line_start(first_line(doc, head))
            return [Splice(first, first, "".join(line + layout.newline for line in lines))]
        after = max(after, 0)
        line = last_line(doc, mapping.pairs[after][1], column)
        if change.apart and after == len(mapping.pairs) - 1:
            line = last_line(doc, mapping.pairs[after][1], column - 1)  # comments in their column are among them too
        if change.apart and are_apart(doc, mapping):
            lines.insert(0, "")
        return [self._below(line, lines, layout.newline)]

    def _insert_item(self, sequence: Spot, value: Value) -> list[Splice]:
        doc, last = self.doc, len(sequence.items) - 1
        if sequence.flow:
            return inline.inserted(doc, sequence, last, value)
        column = doc.column(dash_of(doc, sequence, last))
        layout = layout_at(doc, sequence.items[last].end)
        line = last_line(doc, sequence.items[last], column)
        return [self._below(line, list(item_lines(value, column, layout)), layout.newline)]

    def _below(self, line: int, lines: list[str], newline: str) -> Splice:
        """Add lines below a line, which may be a last one without a line break."""
        at = self.doc.line_end(line)
        return Splice(at, at, "".join(newline + each for each in lines))

    def _replace(self, place: _Place, value: Value, outer: list[Value]) -> list[Splice]:
        """Give a pair or item another value; its key, and comments around it, stay. `outer` stand in lines."""
        doc, old = self.doc, place.spot
        layout = layout_at(doc, old.start)
        quote = old.style if old.style in ('"', "'") else layout.quote
        if place.parent.flow:
            made = on_one_line(value, quote, always=inline.is_json(doc, place.parent))
            return inline.replaced(doc, place.parent, place.number, made)
        one_line = not isinstance(value, dict | list) and not (isinstance(value, str) and "\n" in value)
        if one_line and not old.in_lines and not old.absent:
            assert not isinstance(value, dict | list)
            tagged = "!" in doc.text[old.start : doc.body(old)]
            return [Splice(old.start if tagged else doc.body(old), old.end, scalar(value, quote))]
        return self._rewrite(place, self._fragment(place, value, outer), layout.newline)

    def _fragment(self, place: _Place, value: Value, outer: list[Value]) -> Fragment:
        doc, old = self.doc, place.spot
        layout = layout_at(doc, old.start)
        column = place.column(doc)
        if place.parent.kind is Kind.SEQUENCE:
            first, *rest = item_lines(value, column, layout)
            return Fragment(first[column + 2 :], tuple(rest))
        key = place.parent.pairs[place.number][0].value
        in_flow = self._in_flow(old.start, old, outer, value if old.pairs or old.items else None)
        return fragment(value, column, layout, in_flow, key)

    def _rewrite(self, place: _Place, made: Fragment, newline: str) -> list[Splice]:
        """Put `made` behind the colon or dash, and take away what stands there."""
        doc, old = self.doc, place.spot
        at = place.indicator(doc)
        line = doc.line_of(at)
        splices: list[Splice] = []
        end = at if old.absent else old.end
        if not old.absent and (old.in_lines or doc.line_of(old.start) > line):
            end = at if doc.line_of(old.start) > line else doc.line_end(line)
            splices.append(Splice(doc.line_end(line), doc.line_end(doc.last_line(old)), ""))
        below = doc.line_end(doc.line_of(end))
        splices.append(Splice(below, below, "".join(newline + each for each in made.lines)))
        splices.append(Splice(at, end, f" {made.head}" if made.head else ""))
        return splices

    def _remove_lines(self, place: _Place) -> list[Splice]:
        doc = self.doc
        head = head_of(doc, place.parent, place.number)
        if not doc.leads(head):  # the first of a mapping or list that begins behind a dash
            return [Splice(head, head_of(doc, place.parent, place.number + 1), "")]
        first = first_line(doc, head)
        last = last_line(doc, place.spot, place.column(doc))
        first, last = with_blanks(doc, first, last, leading=place.number == 0)
        start, end = doc.line_start(first), doc.line_start(last + 1)
        if end == len(doc.text) and start > 0 and doc.text[-1] not in "\r\n":
            start = doc.line_end(first - 1)  # the file goes on ending without a line break
        return [Splice(start, end, "")]

    def _in_flow(self, index: int, beside: Spot | None, outer: list[Value], own: Value = None) -> InFlow:
        """Return what says whether to write a list or mapping on one line.

        `own`, a value that replaces another, is written as that was (`beside`). Others as one under the same key that
        stands near; a new one else as what is `beside` it; where there is no example, mappings are. `outer` stand in
        lines, unless the pair beside the outermost does not.
        """

        def choose(key: str, value: Value) -> bool:
            kind = Kind.MAPPING if isinstance(value, dict) else Kind.SEQUENCE

            def fits(spot: Spot) -> bool:
                return spot.kind is kind and bool(spot.pairs or spot.items)

            like = beside if beside is not None and fits(beside) else None
            if any(value is each for each in outer):
                return len(outer) == 1 and like is not None and like.flow
            example = like if value is own else written_near(self.doc, key, index, fits)
            if example is None and not outer:
                example = like
            return example.flow if example is not None else isinstance(value, dict)

        return choose

    def _whole_way(self, path: Path) -> list[_Place]:
        root = self.doc.root
        way = _way(root, path) if root is not None else []
        if len(way) < len(path):
            raise _refusal(way[-1].spot if way else root)
        return way


def _refusal(spot: Spot | None) -> Unwritable:
    """Return why what was looked for below `spot` cannot be written there."""
    at = spot.start if spot is not None else 0
    if spot is not None and spot.kind is Kind.ALIAS:
        return Unwritable(f"the value is written elsewhere: `*{spot.value}` stands for it here", at)
    merged = spot is not None and spot.kind is Kind.MAPPING and spot.pair("<<") is not None
    return Unwritable("it comes from a merged mapping (`<<`)" if merged else "there is no place for it here", at)
