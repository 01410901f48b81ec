from __future__ import annotations

from ckptflow.report.tables import table


def test_columns_are_aligned_and_lines_have_no_tail() -> None:
    assert table(("NAME", "N", "WHY"), [("load", "1", ""), ("日本", "12", "data")], right="lr") == [
        "NAME   N  WHY",
        "load   1",
        "日本  12  data",
    ]


def test_last_column_is_cut_to_the_width() -> None:
    lines = table(("A", "B"), [("x", "word " * 20)], width=20)
    assert lines == ["A  B", "x  word word word..."]


def test_no_headings_no_line_of_headings() -> None:
    assert table(("", ""), [("a", "b")]) == ["a  b"]
    assert table(("", ""), []) == []


def test_cells_are_cleaned() -> None:
    assert table(("A",), [("x\ny\x1b[31m",)]) == ["A", "x y"]
