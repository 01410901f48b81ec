"""The benchmarks run: every row measures something and fills its lines. What they measure is not looked at."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.rows import ROWS


@pytest.mark.parametrize("name", list(ROWS))
def test_every_row_measures(name: str, tmp_path: Path) -> None:
    argv = ["--tiny", "--rounds", "1", "--rows", name, "--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main(argv) == 0
    lines = json.loads((tmp_path / "measured.json").read_text())["rows"][name]
    assert lines
    assert all(line["figures"] for line in lines if line["target"] != "-")
    assert len({line["name"] for line in lines}) == len(lines)
    assert lines[0]["work"] in (tmp_path / "measured.md").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["measured.json", "measured.md", "measured.svg"]


def test_growth_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["growth", "--tiny", "--rounds", "1", "--out", str(tmp_path), "--scratch", str(tmp_path)]
    assert main([*argv, "--kinds", "stages", "objects"]) == 0
    found = json.loads((tmp_path / "growth.json").read_text())["growth"]
    assert [(each["kind"], list(each["cpu"])) for each in found] == [("stages", ["1", "2"])] * 3 + [
        ("objects", ["5", "10"])
    ] * 2
    assert "| CPU by stages | 1 | 2 | exponent |" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["growth.json", "growth.md"]
