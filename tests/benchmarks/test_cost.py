"""Costs: taken in turn, compared round by round."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.cost import Cost, Ratio, Series, WentWrong, alternate, process


def test_subjects_take_turns() -> None:
    order: list[str] = []

    def subject(name: str) -> Cost:
        order.append(name)
        return Cost(float(len(order)), 1.0, engine=len(order))

    costs = alternate(3, {"a": lambda: subject("a"), "b": lambda: subject("b")})
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (costs["a"].wall, costs["a"].cpu, costs["a"].engine) == (3.0, 1.0, 5)


def test_peers_take_part_in_a_few_rounds() -> None:
    order: list[str] = []

    def subject(name: str) -> Cost:
        order.append(name)
        return Cost(1.0, 1.0)

    costs = alternate(6, {"a": lambda: subject("a")}, {"p": lambda: subject("p")}, few=2)
    assert order == ["a", "p", "a", "a", "a", "p", "a", "a"]
    assert len(costs["p"].seen) == 2 and len(costs["p"].rounds) == 6


def test_a_peer_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tries: list[int] = []

    def failing() -> Cost:
        tries.append(1)
        raise WentWrong("it broke")

    assert set(alternate(3, {"a": lambda: Cost(1, 1)}, {"p": failing})) == {"a"}
    assert len(tries) == 1 and capsys.readouterr().err == "p: left out: it broke\n"


def test_a_subject_that_fails_fails_the_row() -> None:
    def failing() -> Cost:
        raise WentWrong("it broke")

    with pytest.raises(WentWrong):
        alternate(1, {"a": failing})


def test_medians_are_of_each_figure_for_itself() -> None:
    series = Series((Cost(1, 9), Cost(2, 1), None, Cost(9, 2)))
    assert (series.wall, series.cpu) == (2, 2)


def test_a_ratio_is_of_medians_and_spreads_over_rounds() -> None:
    ours = Series((Cost(1, 2), Cost(1, 4), Cost(1, 9)))
    other = Series((Cost(1, 4), None, Cost(4, 3)))
    assert ours.over(other) == Ratio(4 / 3.5, 0.5, 3.0)
    assert ours.over(other, "wall") == Ratio(1 / 2.5, 0.25, 1.0)


def test_what_is_left_without_starting() -> None:
    left = Series((Cost(5, 4), None, Cost(2, 1))).less(Series((Cost(1, 1), Cost(1, 1), Cost(3, 0.25))))
    assert left.rounds == (Cost(4, 3), None, Cost(0.02, 0.75))
    assert left.divided(2).rounds[0] == Cost(2, 1.5)


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(WentWrong, match="exit code -9"):
        process(["sh", "-c", "sleep 1000 & echo $! > child; wait"], tmp_path, within=3.0)
    child = int((tmp_path / "child").read_text())
    while _lives(child):  # it is killed with its parent, but nobody waits for it
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_not_there_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(WentWrong, match="missing cannot be started: No such file"):
        process([str(tmp_path / "missing")], tmp_path)
