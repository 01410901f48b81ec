"""A whole chunk that fails: which calls are made to find the items to blame, and what comes of it."""

from __future__ import annotations

import math
import random

import pytest

from ckptflow.chunk.headway import Items
from ckptflow.errors import Failure, ResultError
from ckptflow.run.messages import Output
from ckptflow.run.outcome import Known

DEAD = Failure("killed", "the worker process was killed by SIGKILL")


@pytest.fixture
def calls():
    """The rows of each call."""
    return []


def failing(calls, bad, what=ValueError):
    def function(row):
        xs = row["x"].to_pylist()
        calls.append(xs)
        found = sorted(set(xs) & set(bad))
        if found:
            raise what(found[0])
        return row

    return function


def test_a_chunk_that_does_not_fail_is_one_call(desk, calls):
    outcome = desk.halves(failing(calls, []), 100)
    assert calls == [list(range(100))]
    assert desk.made(outcome) == calls[0]
    assert (outcome.items, outcome.quarantine) == (None, None)
    assert desk.trials == [None]


def test_the_calls_are_the_halves_of_what_failed_and_at_last_the_rest(desk, calls):
    outcome = desk.halves(failing(calls, [5]), 8)
    assert calls == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7], [0, 1, 2, 3, 4, 6, 7]]
    assert desk.made(outcome) == calls[-1]
    assert outcome.items == Items(7, 1, 0)
    assert [failure is None for failure in desk.trials] == [False, True, False, False, True, False, True, True]
    row = desk.bad(outcome)[5]
    assert (row["item"], row["error"], row["message"], row["attempts"]) == (
        '{"x": 5}',
        "ValueError",
        "ValueError: 5",
        1,
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_number_of_calls_grows_with_those_to_blame_and_a_logarithm(desk, calls, seed):
    chance = random.Random(seed)
    rows = chance.randint(1, 300)
    bad = chance.sample(range(rows), chance.randint(1, min(rows, 8)))
    outcome = desk.halves(failing(calls, bad), rows)
    assert sorted(desk.bad(outcome)) == sorted(bad)
    assert outcome.items == Items(rows - len(bad), len(bad), 0)
    assert len(calls) <= 2 + 2 * len(bad) * math.ceil(math.log2(rows) if rows > 1 else 0)
    if len(bad) == 1 and rows & (rows - 1) == 0:
        assert len(calls) == 2 + 2 * int(math.log2(rows))


def test_one_row_is_to_blame_by_itself(desk, calls):
    outcome = desk.halves(failing(calls, [0]), 1)
    assert calls == [[0], []], "what is left is a chunk without rows"
    assert outcome.items == Items(0, 1, 0)
    assert desk.made(outcome) == []


@pytest.mark.parametrize(("format", "kept"), [("parquet", True), ("json", False)])
def test_a_function_that_takes_no_chunk_without_rows_makes_none(desk, calls, format, kept):
    def function(row):
        calls.append(row.num_rows)
        raise ValueError(row["x"][0])

    outputs = (Output("out", f"out.{format}", format, name="out"),)
    if not kept:
        with pytest.raises(Known, match="index out of bounds"):
            desk.halves(function, 2, outputs=outputs)
        return
    outcome = desk.halves(function, 2, outputs=outputs)
    assert outcome.outs["out"].is_void
    assert outcome.items == Items(0, 2, 0)
    assert sorted(desk.bad(outcome)) == [0, 1]
    assert calls == [2, 1, 1, 0]


def test_a_function_that_fails_on_no_row_fails_the_chunk(desk, calls):
    def function(row):
        calls.append(row.num_rows)
        raise ValueError("never on rows")

    with pytest.raises(Known, match="never on rows") as caught:
        desk.halves(function, 0)
    assert caught.value.failure.error == "ValueError"
    assert calls == [0]


def test_rows_that_fail_only_together_fail_the_chunk(desk, calls):
    def function(row):
        calls.append(row["x"].to_pylist())
        if {2, 5} <= set(calls[-1]):
            raise ValueError("together")
        return row

    with pytest.raises(Known, match="together"):
        desk.halves(function, 8)
    assert calls == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7]]


def test_where_the_rest_fails_again_the_search_goes_on_in_it(desk, calls):
    found = []

    def function(row):
        xs = row["x"].to_pylist()
        calls.append(xs)
        if 1 in xs:
            found.append(1)
            raise ValueError("one")
        if found and 6 in xs and len(calls) > 7:
            raise ValueError("six, later")
        return row

    outcome = desk.halves(function, 8)
    assert sorted(desk.bad(outcome)) == [1, 6]
    assert desk.made(outcome) == [0, 2, 3, 4, 5, 7]


def test_an_item_that_fails_now_and_then_is_done_when_it_does_not(desk, calls):
    def function(row):
        calls.append(row["x"].to_pylist())
        if len(calls) == 1:
            raise ValueError("once")
        return row

    with pytest.raises(Known, match="once"):  # nobody to blame: it is the chunk's, which has its retries before
        desk.halves(function, 4)
    assert len(calls) == 3


@pytest.mark.parametrize("what", [SystemExit, MemoryError])
def test_an_exit_is_found_and_a_lack_of_memory_is_left_to_the_engine(desk, calls, what):
    function = failing(calls, [1], what)
    if what is MemoryError:
        with pytest.raises(MemoryError):
            desk.halves(function, 4)
        assert (desk.note().number, desk.note().first) == (0, True)
        return
    assert sorted(desk.bad(desk.halves(function, 4))) == [1]


def test_a_result_that_no_format_takes_is_the_function_s(desk, calls):
    with pytest.raises(ResultError):
        desk.halves(lambda row: calls.append(1) or 7, 4)
    assert calls == [1]


def test_what_is_known_of_trials_is_not_done_again(desk, calls):
    desk.halves(failing(calls, [5]), 8)
    all_calls, known = list(calls), list(desk.trials)
    for done in range(1, len(known)):
        calls.clear()
        outcome = desk.halves(failing(calls, [5]), 8, tried=tuple(known[:done]))
        assert calls == all_calls[done:]
        assert sorted(desk.bad(outcome)) == [5]


def test_a_trial_in_which_a_worker_died_has_failed(desk, calls):
    whole = Failure("killed", "at all of them")
    outcome = desk.halves(failing(calls, []), 4, tried=(whole, None, DEAD, None, DEAD))
    assert calls == [[0, 1, 2]]
    assert desk.bad(outcome)[3]["message"] == "the worker process was killed by SIGKILL while at this item"
    with pytest.raises(Known) as caught:
        desk.halves(failing(calls, []), 4, tried=(whole, None, None))
    assert caught.value.failure == whole


def test_it_is_noted_which_trial_is_at_hand(desk):
    notes = []

    def function(row):
        notes.append((desk.note().number, desk.note().first))
        if 1 in row["x"].to_pylist():
            raise ValueError
        return row

    desk.halves(function, 4)
    assert notes == [(0, True), (1, False), (2, False), (3, False), (4, False), (5, False)]
    assert desk.note().number is None
    notes.clear()
    desk.halves(function, 4, tried=tuple(desk.trials[:2]))
    assert notes == [(2, True), (3, False), (4, False), (5, False)]
