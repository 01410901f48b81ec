"""The recipe without the code: the same whatever the function says, and another with everything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ckptflow.fingerprint.recipe import DepForm, Recipe, chunk_key
from ckptflow.ids import digest

CALL = "m:f"
RECIPE = Recipe(
    code=digest(b"code"),
    args={"a": 1},
    params={"p": 1},
    env={"E": "1"},
    packages={"numpy": "1"},
    version=1,
    combine=digest(b"combine"),
    deps={"rows": DepForm("table", "parquet")},
    outs={"out": "parquet"},
)


def test_the_code_does_not_count_nor_what_merges_the_results() -> None:
    other = replace(RECIPE, code=digest(b"other"), combine=None)
    assert other.loose(CALL) == RECIPE.loose(CALL)
    assert other.digest() != RECIPE.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"args": {"a": 2}},
        {"params": {}},
        {"env": {"E": "2"}},
        {"packages": {"numpy": "2"}},
        {"version": 2},
        {"carries": True},
        {"each": True},
        {"deps": {"rows": DepForm("pandas", "parquet")}},
        {"outs": {"out": "arrow"}},
    ],
)
def test_all_else_counts(change) -> None:
    assert replace(RECIPE, **change).loose(CALL) != RECIPE.loose(CALL)


def test_so_does_the_name_of_the_function() -> None:
    """Functions of two stages that read the same and have no parameters differ in their code alone."""
    assert RECIPE.loose("m:g") != RECIPE.loose(CALL)


def test_a_command_has_none() -> None:
    assert replace(RECIPE, code=None, cmd=("sort rows",)).loose(None) is None


def test_no_loose_key_is_a_key() -> None:
    loose = RECIPE.loose(CALL)
    assert loose is not None
    pieces = [("rows", digest(b"rows"))]
    assert chunk_key(loose, pieces) != chunk_key(RECIPE.digest(), pieces)
