from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ckptflow.report.charts import WIDTH, draw, marks
from ckptflow.report.plotpage import plot_page
from ckptflow.report.scales import scale_of
from ckptflow.values.charts import TEMPLATES, Chart, Picture
from ckptflow.values.records import Line

EVIL = '</svg><script>alert("1")</script>&'
value = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just([1])


def chart(template: str, *lines: tuple[str, Line]) -> Chart:
    return Chart("p.csv", "Title", "x", "y", template, lines)


def line(xs: list[object], ys: list[object], field: str = "f", file: str = "p.csv") -> Line:
    return Line(file, field, tuple(xs), tuple(ys))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-3, 7], ["-4", "-2", "0", "2", "4", "6", "8"]),
        ([5, 5], ["4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"]),
        ([0, 2.5e12], ["0", "5e11", "1e12", "1.5e12", "2e12", "2.5e12"]),
        ([0, 1e-9], ["0", "2e-10", "4e-10", "6e-10", "8e-10", "1e-9"]),
        (["b", "a", "b", None], ["b", "a"]),
        ([], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([float("nan"), 0, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks(values: list[object], ticks: list[str]) -> None:
    assert [text for _, text in scale_of(values).ticks] == ticks  # type: ignore[arg-type]


@given(st.lists(value, max_size=8))
@example([1.7e308, -1.7e308])
@example([1.7e308])
@example([5e-324, 1e-320])
@example([1e300, 1.0000000000000002e300])
@example([1.0, 1.0000000000000002])
@example([-1e-290, 1e300])
def test_everything_on_a_scale_is_within_it(values: list[object]) -> None:
    scale = scale_of(values)  # type: ignore[arg-type]
    for each in values:
        place = scale.place(each)  # type: ignore[arg-type]
        assert place is None or -1e-6 <= place <= 1 + 1e-6
    assert all(-1e-6 <= place <= 1 + 1e-6 for place, _ in scale.ticks)


@given(st.sampled_from(TEMPLATES), st.lists(st.tuples(value, value), max_size=6))
def test_any_data_make_sound_svg(template: str, points: list[tuple[object, object]]) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    for _, svg in draw(chart(template, ("HEAD", line(xs, ys)), ("workspace", line(ys, xs)))):
        text = "".join(c for c in svg if c >= " " and not 0xD7FF < ord(c) < 0xE000 and ord(c) < 0xFFFE)
        root = ET.fromstring(text)
        assert root.tag.endswith("svg")
        assert "nan" not in re.sub(r"<(title|text)[^>]*>[^<]*<", "", text).lower()


def test_a_line_lies_where_its_values_are() -> None:
    ((_, svg),) = draw(chart("linear", ("w", line([2, 0, 1], [10, 0, None]))))
    path = re.search(r'class="line c0" d="([^"]*)"', svg)
    assert path is not None
    first, last = path[1].removeprefix("M").split(" M")
    assert first.startswith("62.0,")  # gaps split a line; points are drawn from left to right
    assert last.startswith(f"{WIDTH - 24:.1f},10.0")
    assert last.endswith("h0")


def test_long_lines_are_thinned_and_keep_their_extremes() -> None:
    ys: list[object] = [0.0] * 50_000
    ys[31_234] = 9.0
    ((_, svg),) = draw(chart("linear", ("w", line(list(range(50_000)), ys))))
    assert len(svg) < 60_000
    assert ",36.4" in svg


def test_marks_tell_versions_by_colour_and_fields_by_stroke() -> None:
    a, b = line([1], [1], "a"), line([1], [1], "b")
    found = marks(chart("linear", ("HEAD", a), ("HEAD", b), ("workspace", a), ("workspace", b)))
    assert [(m.color, bool(m.stroke), m.label) for m in found] == [
        *((0, False, "HEAD a"), (0, True, "HEAD b"), (1, False, "workspace a"), (1, True, "workspace b"))
    ]
    assert [(m.color, m.label) for m in marks(chart("linear", ("w", a), ("w", b)))] == [(0, "a"), (1, "b")]
    assert [m.label for m in marks(chart("linear", ("v1", a), ("v2", a)))] == ["v1", "v2"]
    other = line([1], [1], "a", "q.csv")
    assert [m.label for m in marks(chart("linear", ("w", a), ("w", other)))] == ["p.csv a", "q.csv a"]


def test_matrices_count_pairs() -> None:
    pairs = line(["cat", "cat", "dog", "cat"], ["cat", "dog", "dog", "cat"])
    ((heading, svg),) = draw(chart("confusion", ("w", pairs)))
    assert heading == "w"
    assert "<title>cat, cat: 2</title>" in svg
    assert "<title>dog, cat: 0</title>" in svg
    ((_, svg),) = draw(chart("confusion_normalized", ("w", pairs)))
    assert "<title>cat, dog: 0.50</title>" in svg


def test_bars_take_the_number_for_their_length() -> None:
    for one in (line([3, 1], ["a", "b"]), line(["a", "b"], [3, 1])):
        ((_, svg),) = draw(chart("bar_horizontal_sorted", ("w", one)))
        assert svg.index("w a: 3") < svg.index("w b: 1")


def test_the_page_stands_alone() -> None:
    evil = Chart(EVIL, EVIL, EVIL, EVIL, "linear", ((EVIL, line([EVIL, 1], [1, 2], EVIL, EVIL)), ("w", line([1], [2]))))
    matrix = chart("confusion", (EVIL, line([EVIL], [EVIL])))
    bars = chart("bar_horizontal", (EVIL, line([1], [EVIL])))
    picture = Picture(EVIL, ((EVIL, "image/svg+xml", EVIL.encode()), ("w", "image/png", b"\x89PNG")))
    page = plot_page([evil, matrix, bars, picture], [EVIL, "w"], [EVIL])
    assert "<script" not in page
    assert "default-src 'none'" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert "http" not in re.sub(r'xmlns="[^"]*"|http-equiv', "", page)
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page


def test_a_page_without_plots_says_so() -> None:
    assert "There are no plots." in plot_page([], ["workspace"])
