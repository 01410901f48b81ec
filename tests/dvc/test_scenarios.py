"""The same steps on the same project: the same stages run, in the same order, and the same files come out."""

from __future__ import annotations

import pytest
from twins_project import Twin
from twins_random import random_scenario
from twins_scenario import all_scenarios, play

FOUND = dict(all_scenarios())
SEEDS = range(20)


@pytest.mark.parametrize("name", FOUND)
def test_both_do_the_same(name: str, twins: tuple[Twin, Twin]) -> None:
    play(FOUND[name], twins)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_do_the_same_at_random(seed: int, twins: tuple[Twin, Twin]) -> None:
    play(random_scenario(seed), twins)
