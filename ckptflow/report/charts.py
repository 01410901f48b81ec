"""Edge. Charts as SVG, written by hand: lines, points, bars, matrices. No script, no font and no file beside it.

Colours are classes (`c0`, `c1`, ...) that the page gives a value for light and dark; a version has one colour, and
several fields of one version differ by their strokes. Long lines are thinned to what their width can show: the ends and
the extremes of every column of pixels stay.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise, product

from ..dataclass import dataclass
from ..spec.model import Value
from ..values.charts import Chart
from ..values.records import Line
from .scales import Scale, fitting, number_of, of_names, scale_of, text_of
from .words import clip, columns_of

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 10, 46
COLORS = 8
_STROKES = ("", "7 4", "2 4", "9 3 2 3")
_COLUMNS = 54
_MANY_POINTS = 800
_HOVERED = 120
_MOST_BARS = 60
_MOST_CLASSES = 30


@dataclass(frozen=True, slots=True)
class Mark:
    """How one line is told from the others: its colour and stroke, and its words in the legend."""

    color: int
    stroke: str
    label: str


def marks(chart: Chart) -> tuple[Mark, ...]:
    """Return the mark of each line: colours by version, strokes by field; colours by field where one version is all."""
    versions = chart.versions
    several = len({line.field for _, line in chart.lines}) > 1 or len({line.file for _, line in chart.lines}) > 1
    files = len({line.file for _, line in chart.lines}) > 1
    fields = list(dict.fromkeys((line.file, line.field) for _, line in chart.lines))
    found = []
    for version, line in chart.lines:
        index = fields.index((line.file, line.field))
        what = f"{line.file} {line.field}" if files else line.field
        if len(versions) == 1:
            found.append(Mark(index % COLORS, _STROKES[index // COLORS % 4], what if several else version))
        else:
            label = f"{version} {what}" if several else version
            found.append(Mark(versions.index(version) % COLORS, _STROKES[index % len(_STROKES)], label))
    return tuple(found)


def draw(chart: Chart) -> list[tuple[str, str]]:
    """Return the pictures of a chart as (heading, SVG): one without heading, or for matrices one a line."""
    match chart.template:
        case "confusion" | "confusion_normalized":
            normalized = chart.template.endswith("normalized")
            return [(mark.label, _matrix(chart, line, normalized)) for mark, (_, line) in _marked(chart)]
        case "bar_horizontal" | "bar_horizontal_sorted":
            return [("", _bars(chart, ordered=chart.template.endswith("sorted")))]
        case "scatter" | "scatter_jitter":
            return [("", _plane(chart, points=True))]
        case _:
            return [("", _plane(chart, points=False))]


def _marked(chart: Chart) -> Iterator[tuple[Mark, tuple[str, Line]]]:
    return zip(marks(chart), chart.lines, strict=True)


def _plane(chart: Chart, *, points: bool) -> str:
    xs = fitting(scale_of([x for _, line in chart.lines for x in line.xs]), _COLUMNS)
    ys = scale_of([y for _, line in chart.lines for y in line.ys])
    body: list[str] = []
    for number, (mark, (_, line)) in enumerate(_marked(chart)):
        placed = list(_placed(line, xs, ys, jitter=number if chart.template == "scatter_jitter" else None))
        if points:
            body += _dots(placed, mark, "dot", title=True)
            continue
        if xs.names is None:
            placed.sort(key=lambda point: point.x)
        if chart.template == "smooth":
            body.append(_path(placed, mark, "line faint"))
            placed = _smoothed(placed)
        body.append(_path(placed, mark, "line"))
        real = [point for point in placed if point.y is not None]
        if len(real) <= _HOVERED:
            body += _dots(real, mark, "dot" if len(real) == 1 else "hover", title=True)
    return _svg(chart, [*_frame(xs, ys, chart.x_label, chart.y_label), *body])


@dataclass(frozen=True, slots=True)
class _Point:
    """A place in the picture; `y` None where the line has a gap. `says` is what stands there."""

    x: float
    y: float | None
    says: str


def _placed(line: Line, xs: Scale, ys: Scale, *, jitter: int | None) -> Iterator[_Point]:
    for index, (x, y) in enumerate(zip(line.xs, line.ys, strict=True)):
        across, up = xs.place(x), ys.place(y)
        if across is None:
            continue
        if jitter is not None:  # spread evenly, without chance: the same data make the same picture
            across += ((index * 0.618 + jitter * 0.37) % 1 - 0.5) * 0.03
            up = None if up is None else up + ((index * 0.754) % 1 - 0.5) * 0.03
        says = f"{_said(x)}: {_said(y)}"
        yield _Point(_across(across), None if up is None else _up(up), says)


def _said(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else text_of(value)


def _across(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _path(points: Sequence[_Point], mark: Mark, kind: str) -> str:
    runs: list[list[_Point]] = [[]]
    for point in points:
        if point.y is None:
            runs.append([])
        else:
            runs[-1].append(point)
    text = " ".join(_run(_thinned(run)) for run in runs if run)
    stroke = f' stroke-dasharray="{mark.stroke}"' if mark.stroke else ""
    return f'<path class="{kind} c{mark.color}" d="{text}"{stroke}/>' if text else ""


def _run(points: Sequence[_Point]) -> str:
    text = "M" + " ".join(f"{p.x:.1f},{p.y:.1f}" for p in points)
    return text if len(points) > 1 else f"{text}h0"  # the round ends of nothing are a dot


def _thinned(points: list[_Point]) -> Sequence[_Point]:
    """Return first, lowest, highest and last point of each column of pixels, where there are too many points."""
    if len(points) <= _MANY_POINTS or any(a.x > b.x for a, b in pairwise(points)):
        return points
    columns: dict[int, list[int]] = {}
    for index, point in enumerate(points):
        columns.setdefault(int(point.x), []).append(index)
    kept: set[int] = set()
    for column in columns.values():
        by_height = sorted(column, key=lambda i: points[i].y or 0.0)
        kept.update((column[0], by_height[0], by_height[-1], column[-1]))
    return [points[index] for index in sorted(kept)]


def _smoothed(points: Sequence[_Point]) -> list[_Point]:
    """Return the mean of each point and its neighbours, a twentieth of the line wide and at least three points."""
    half = max(1, len(points) // 40)
    found = []
    for index, point in enumerate(points):
        near = [p.y for p in points[max(0, index - half) : index + half + 1] if p.y is not None]
        found.append(_Point(point.x, sum(near) / len(near) if near and point.y is not None else None, point.says))
    return found


def _dots(points: Iterable[_Point], mark: Mark, kind: str, *, title: bool) -> list[str]:
    name = escape(mark.label)
    return [
        f'<circle class="{kind} c{mark.color}" cx="{p.x:.1f}" cy="{p.y:.1f}" r="{3.5 if kind == "dot" else 7}">'
        + (f"<title>{name} {escape(p.says)}</title>" if title else "")
        + "</circle>"
        for p in points
        if p.y is not None
    ]


def _frame(xs: Scale, ys: Scale, x_label: str, y_label: str) -> list[str]:
    """Return grid, ticks and labels of a plane."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    found = []
    for share, text in ys.ticks:
        y = _up(share)
        found.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(text, 7)}</text>')
    width = _COLUMNS // max(len(xs.ticks), 3)
    for share, text in xs.ticks:
        x = _across(share)
        found.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        found.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{_short(text, width)}</text>'
        )
    found.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    return [*found, *_labels(x_label, y_label, HEIGHT, bottom)]


def _labels(
    x_label: str,
    y_label: str,
    height: int,
    bottom: float,
    left: float = LEFT,
    right: float = WIDTH - RIGHT,
    margin: float = 13,
) -> list[str]:
    middle = (left + right) / 2
    across = (TOP + bottom) / 2
    return [
        f'<text class="label" x="{middle:.0f}" y="{height - 8}" text-anchor="middle">{_short(x_label, 56)}</text>',
        f'<text class="label" transform="translate({margin:.0f} {across:.0f}) rotate(-90)" '
        'text-anchor="middle">'
        f"{_short(y_label, 36)}</text>",
    ]


def _short(text: str, columns: int) -> str:
    """Return `text` in so many columns; what is left out is in its middle, since names differ at their ends."""
    if columns_of(text) <= columns:
        return escape(text)
    end = text[-(columns - 1) // 2 :]
    return escape(clip(text, columns - columns_of(end), "…") + end)


def _svg(chart: Chart, body: Iterable[str], height: int = HEIGHT) -> str:
    title = escape(f"{chart.title}: {chart.y_label} by {chart.x_label}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(body)}</svg>"
    )


def _bars(chart: Chart, *, ordered: bool) -> str:
    """Return horizontal bars: as long as the number, beside the name; which of x and y is which is told by the data."""
    rows: list[tuple[str, Mark, float]] = []
    for mark, (_, line) in _marked(chart):
        numbers, names = line.xs, line.ys
        if any(number_of(x) is None for x in line.xs if x is not None):
            numbers, names = line.ys, line.xs
        for name, number in zip(names, numbers, strict=True):
            length = number_of(number)
            if length is not None:
                rows.append((text_of(name), mark, length))
    groups: dict[str, list[tuple[Mark, float]]] = {}
    for name, mark, length in rows:
        groups.setdefault(name, []).append((mark, length))
    order = sorted(groups, key=lambda name: -max(length for _, length in groups[name])) if ordered else list(groups)
    left, bar, gap = 160, 14, 8
    kept = order[:_MOST_BARS]
    height = TOP + sum(len(groups[name]) * bar + gap for name in kept) + BOTTOM
    scale = scale_of([0, *(length for _, _, length in rows)], most=5)

    def across(value: float) -> float:
        return left + (scale.place(value) or 0.0) * (WIDTH - left - RIGHT - 8)

    bottom = height - BOTTOM
    body = []
    for share, text in scale.ticks:
        x = left + share * (WIDTH - left - RIGHT - 8)
        body.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        body.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{escape(text)}</text>')
    y = TOP + gap / 2
    for name in kept:
        middle = y + len(groups[name]) * bar / 2 + 4
        body.append(f'<text class="tick" x="{left - 6}" y="{middle:.1f}" text-anchor="end">{_short(name, 18)}</text>')
        for mark, length in groups[name]:
            start, end = sorted((across(0), across(length)))
            says = escape(f"{mark.label} {name}: {_said(length)}")
            body.append(
                f'<rect class="bar c{mark.color}" x="{start:.1f}" y="{y:.1f}" width="{max(end - start, 0.5):.1f}" '
                f'height="{bar - 2}"><title>{says}</title></rect>'
            )
            y += bar
        y += gap
    more = len(order) - len(kept)
    label = f"{chart.x_label} ({more} more not shown)" if more > 0 else chart.x_label
    return _svg(chart, [*body, *_labels(label, chart.y_label, height, bottom, left)], height)


def _matrix(chart: Chart, line: Line, normalized: bool) -> str:
    """Return how often each pair of x and y occurs; normalized by the row, so that each row comes to one."""
    counts = Counter((text_of(x), text_of(y)) for x, y in zip(line.xs, line.ys, strict=True))
    classes = sorted({name for pair in counts for name in pair})[:_MOST_CLASSES]
    size = len(classes) or 1
    cell = min((WIDTH - 110 - RIGHT) / size, 64)
    left, top = (WIDTH - RIGHT + 110 - cell * size) / 2, TOP
    right, bottom = left + cell * size, top + cell * size
    height = int(bottom + 52)
    names = of_names(classes, size).names or {}
    rows = {y: sum(counts[x, y] for x in classes) for y in classes}
    most = 1.0 if normalized else float(max(counts.values(), default=1))
    body = []
    for x, y in product(classes, classes):
        value: float = counts[x, y] / (rows[y] or 1) if normalized else counts[x, y]
        body.append(
            _cell(left + names[x] * cell, top + names[y] * cell, cell, value / most, _count(value), f"{x}, {y}")
        )
    longest = min(max(map(columns_of, classes), default=1), 9)
    down, along = (max(1, math.ceil(room / cell)) for room in (16, 7 * longest + 8))
    for name, index in names.items():
        middle = (index + 0.5) * cell
        if index % down == 0:
            up = top + middle + 4
            body.append(
                f'<text class="tick" x="{left - 6:.1f}" y="{up:.1f}" text-anchor="end">{_short(name, 9)}</text>'
            )
        if index % along == 0:
            across, below = left + middle, bottom + 16
            body.append(
                f'<text class="tick" x="{across:.1f}" y="{below:.1f}" text-anchor="middle">{_short(name, 9)}</text>'
            )
    return _svg(chart, [*body, *_labels(chart.x_label, chart.y_label, height, bottom, left, right, left - 92)], height)


def _count(value: float) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _cell(x: float, y: float, size: float, share: float, text: str, what: str) -> str:
    strong = " strong" if share > 0.6 else ""
    shown = f'<text class="count{strong}" x="{x + size / 2:.1f}" y="{y + size / 2 + 4:.1f}">{text}</text>'
    return (
        f'<g><title>{escape(f"{what}: {text}")}</title><rect class="cell" x="{x:.1f}" y="{y:.1f}" '
        f'width="{size - 1:.1f}" height="{size - 1:.1f}" style="--share:{share:.3f}"/>{shown if size >= 24 else ""}</g>'
    )
