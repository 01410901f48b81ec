"""What lines become: Markdown, JSON, a picture; and what two documents say of each other."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks.bench import Beside, Line
from benchmarks.compare import compare
from benchmarks.cost import Ratio
from benchmarks.growth import Growth, exponent, statement
from benchmarks.picture import picture
from benchmarks.table import document, markdown


def _line(name: str, limit: Ratio | None = None, **peers: Ratio) -> Line:
    beside = {peer: Beside("1 s CPU", ratio) for peer, ratio in peers.items()}
    return Line(name, f"work of {name}", "1", "2", "3", "4", met=None, limit=limit, peers=beside)


def test_the_table_keeps_bars_in_cells() -> None:
    text = markdown([Line("a", "a|b", "1", "2", "3", "4", None), Line("c", "c", "1", "2", "3", "4", met=False)], ["n"])
    assert "| a\\|b | 1 | 2 | 3 | - | 4 | - |" in text
    assert "| c | 1 | 2 | 3 | - | 4 | **no** |" in text


def test_a_peer_is_told_as_how_many_times_ckptflow() -> None:
    text = markdown([_line("a", doit=Ratio(0.25, 0.2, 0.3), xvc=Ratio(2.0, 1, 3))], [])
    assert "| doit 1 s CPU: 4.0 ×<br>xvc 1 s CPU: 0.5 × |" in text


def test_the_picture_shows_what_stands_beside() -> None:
    lines = [_line("a & b", Ratio(2.0, 2, 2), doit=Ratio(0.1, 0.1, 0.1)), _line("nothing beside")]
    drawn = ElementTree.fromstring(picture(document({"row": lines}, [])))
    texts = ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "doit" in texts and "work of a & bwork of a & b" in texts and "work of nothing beside" not in "".join(texts)
    style = drawn.findtext("{http://www.w3.org/2000/svg}style") or ""
    assert "prefers-color-scheme:dark" in style
    (limit,) = [each for each in drawn.iter("{http://www.w3.org/2000/svg}rect") if len(each)]
    (peer,) = [each for each in drawn.iter("{http://www.w3.org/2000/svg}circle") if len(each)]
    own = next(each for each in drawn.iter("{http://www.w3.org/2000/svg}line") if each.get("class") == "own")
    assert float(limit.get("x", "")) < float(own.get("x1", "")) < float(peer.get("cx", ""))


def test_a_picture_of_nothing_is_a_picture() -> None:
    assert ElementTree.fromstring(picture({"rows": {}})).tag.endswith("svg")


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (Ratio(2.0, 1.9, 2.1), Ratio(2.5, 2.4, 2.6), True),
        (Ratio(2.5, 2.4, 2.6), Ratio(2.0, 1.9, 2.1), True),
        (Ratio(2.0, 1.9, 2.4), Ratio(2.5, 2.3, 2.6), False),  # they spread into each other
        (Ratio(2.0, 2.0, 2.0), Ratio(2.08, 2.08, 2.08), False),  # too little to be called moved
    ],
)
def test_a_ratio_moved_if_it_left_its_spread(before: Ratio, after: Ratio, moved: bool) -> None:
    old, new = (document({"row": [_line("a", doit=ratio)]}, []) for ratio in (before, after))
    (found,) = compare(old, new)
    assert (found.moved, found.worse) == (moved, moved and after.median > before.median)


def test_only_what_is_in_both_is_compared() -> None:
    one = document({"row": [_line("a", Ratio(1, 1, 1), doit=Ratio(1, 1, 1)), _line("b", Ratio(1, 1, 1))]}, [])
    two = document({"row": [_line("a", Ratio(1, 1, 1), dvc=Ratio(1, 1, 1))]}, [])
    assert [(each.line, each.beside) for each in compare(one, two)] == [("a", "limit")]
    unnamed = {"rows": {"row": [{"work": "of long ago"}]}}
    assert compare(unnamed, two) == []


def test_compare_tells_what_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, ratio in (("old", Ratio(2, 2, 2)), ("new", Ratio(3, 3, 3))):
        (tmp_path / f"{name}.json").write_text(json.dumps(document({"row": [_line("a", ratio)]}, [])))
    old, new = str(tmp_path / "old.json"), str(tmp_path / "new.json")
    assert main(["compare", old, new]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "worse: a beside limit: 2 → 3 (+50%)",
        "0 of 1 ratios did not move by more than they spread.",
    ]
    assert main(["compare", new, old]) == 0
    assert main(["picture", new, str(tmp_path / "new.svg")]) == 0
    assert "work of a" in (tmp_path / "new.svg").read_text()


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power(power: float) -> None:
    sizes = (10, 100, 1_000, 10_000)
    assert exponent({size: 3.0 + 0.1 * (size - 10) ** power for size in sizes}) == pytest.approx(power)


def test_what_does_not_grow_has_no_exponent() -> None:
    assert exponent({1: 1.0, 10: 1.1, 100: 1.05, 1000: 1.2}) is None
    assert exponent({1: 1.0, 10: 5.0}) is None  # a line can be laid through any two points


def test_the_statement_names_what_grows_too_fast() -> None:
    def growth(work: str, power: float) -> Growth:
        cost = {size: 1.0 + size**power for size in (1, 10, 100, 1000)}
        return Growth("kind", work, "things", cost, cost)

    assert statement([growth("a", 1.0)]).startswith("Nothing grows faster than linearly")
    assert statement([growth("a", 1.0), growth("b", 2.0)]).startswith("Grows faster than linearly: b (1.9")
    assert "to tell" in statement([growth("a", 0.0)])
