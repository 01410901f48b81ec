"""The same steps on the same project: the same stages run, in the same order, and the same files come out."""

from __future__ import annotations

from typing import Any

import pytest
from twins_project import Twin
from twins_scenario import all_scenarios, play

FOUND = dict(all_scenarios())


@pytest.mark.parametrize("name", FOUND)
def test_both_do_the_same(name: str, twins: tuple[Twin, Twin]) -> None:
    scenario: dict[str, Any] = FOUND[name]
    play(scenario, twins)
