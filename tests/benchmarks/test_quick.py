"""The benchmarks run: every row measures something and fills its lines. What they measure is not looked at."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.bench import Line
from benchmarks.cost import Cost, alternate, median
from benchmarks.rows import ROWS
from benchmarks.table import markdown


@pytest.mark.parametrize("name", list(ROWS))
def test_every_row_measures(name: str, tmp_path: Path) -> None:
    argv = ["--tiny", "--rounds", "1", "--rows", name, "--out", str(tmp_path), "--scratch", str(tmp_path)]
    if name == "remotes":
        argv += ["--only", "rclone"]  # DVC without S3 is what the tests have, and ckptflow has no `push` yet
    assert main(argv) == 0
    lines = json.loads((tmp_path / "measured.json").read_text())["rows"][name]
    assert lines
    assert all(line["figures"] for line in lines if line["target"] != "-")
    assert lines[0]["work"] in (tmp_path / "measured.md").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["measured.json", "measured.md"]


def test_subjects_take_turns() -> None:
    order: list[str] = []

    def subject(name: str) -> Cost:
        order.append(name)
        return Cost(float(len(order)), 1.0, engine=len(order))

    costs = alternate(3, {"a": lambda: subject("a"), "b": lambda: subject("b")})
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert costs["a"] == Cost(3.0, 1.0, engine=5)


def test_median_takes_each_figure_for_itself() -> None:
    assert median([Cost(1, 9), Cost(2, 1), Cost(9, 2)]) == Cost(2, 2)


def test_the_table_keeps_bars_in_cells() -> None:
    text = markdown([Line("a|b", "1", "2", "3", "4", None), Line("c", "1", "2", "3", "4", met=False)], ["note"])
    assert "| a\\|b | 1 | 2 | 3 | 4 | - |" in text
    assert "| c | 1 | 2 | 3 | 4 | **no** |" in text
