"""One chunk, item by item: what is called, in what order, what is kept when, and what comes of it."""

from __future__ import annotations

import pytest

from ckptflow.chunk.headway import Items
from ckptflow.errors import CkptflowError, Failure, ResultError
from ckptflow.run.messages import Fallen, Output
from ckptflow.run.outcome import Stopped

DEAD = Failure("killed", "the worker process was killed by SIGSEGV")


@pytest.fixture
def calls():
    """The numbers of the rows in the order of the calls."""
    return []


def counting(calls, bad=None, what=ValueError):
    """Return a function that fails on some rows: so many times each, or always where that is None."""
    left = dict(bad or {})

    def function(row):
        x = row["x"]
        calls.append(x)
        if x in left and left[x] != 0:
            left[x] = left[x] - 1 if left[x] is not None else None
            raise what(x)
        return {"x": x}

    return function


def test_items_are_called_in_order_each_once(desk, calls):
    outcome = desk.items(counting(calls), 5)
    assert calls == [0, 1, 2, 3, 4]
    assert desk.made(outcome) == calls
    assert outcome.items == Items(5, 0, 0)
    assert outcome.last == 104, "people count the rows of the dep"
    assert desk.kept_ == [], "a chunk that is finished at once needs no commit"


@pytest.mark.parametrize(
    ("every", "positions"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (4, [4]), (6, []), (1000, [])]
)
def test_it_is_kept_every_so_many_items_and_not_at_the_end(desk, calls, every, positions):
    desk.items(counting(calls), 6, keep_items=every)
    assert desk.positions == positions
    assert [report.last for report in desk.kept_] == [99 + position for position in positions]


@pytest.mark.parametrize("at", range(1, 6))
def test_an_attempt_goes_on_behind_what_is_kept_and_comes_to_the_same_bytes(desk, calls, at):
    whole = desk.items(counting(calls), 6, keep_items=1)
    calls.clear()
    outcome = desk.items(counting(calls), 6, headway=desk.kept_[at - 1].headway)
    assert calls == list(range(at, 6))
    assert outcome == whole


def test_what_is_kept_counts_what_failed_and_what_gave_nothing(desk, calls):
    def function(row):
        if row["x"] == 1:
            raise ValueError
        return None if row["x"] == 2 else {"x": row["x"]}

    desk.items(function, 5, quarantine=True, keep_items=4)
    assert desk.headway.items == Items(2, 1, 1)
    assert desk.kept_bad() == [1]


def test_many_commits_leave_few_parts_and_the_same_bytes(desk, calls):
    whole = desk.items(counting(calls), 200)
    outcome = desk.items(counting(calls), 200, keep_items=1)
    assert outcome == whole
    assert max(len(report.headway.outs["out"]) for report in desk.kept_) < 24


def test_a_failing_item_has_its_retries_and_the_pauses_between_them_double(desk, calls, monkeypatch):
    pauses = []
    monkeypatch.setattr("ckptflow.run.minding.Minder.pause", lambda _, seconds: pauses.append(seconds))
    outcome = desk.items(counting(calls, {2: 3}), 4, retries=3, backoff=0.5)
    assert calls == [0, 1, 2, 2, 2, 2, 3]
    assert pauses == [0.5, 1.0, 2.0]
    assert outcome.items == Items(4, 0, 0)


def test_what_fails_beyond_them_fails_the_chunk_and_the_items_before_are_kept(desk, calls):
    with pytest.raises(ValueError, match="2") as caught:
        desk.items(counting(calls, {2: None}), 4, retries=1, backoff=0.0)
    assert calls == [0, 1, 2, 2]
    assert desk.positions == [2]
    assert caught.value.__notes__ == ['at row 2 ({"x": 2}) of the chunk']


def test_or_goes_to_quarantine_with_what_came_before_it(desk, calls):
    outcome = desk.items(counting(calls, {0: None, 2: None}), 4, retries=1, backoff=0.0, quarantine=True)
    assert calls == [0, 0, 1, 2, 2, 3]
    assert desk.made(outcome) == [1, 3]
    found = desk.bad(outcome)
    assert {n: (row["item"], row["error"], row["message"], row["attempts"]) for n, row in found.items()} == {
        0: ('{"x": 0}', "ValueError", "ValueError: 0", 2),
        2: ('{"x": 2}', "ValueError", "ValueError: 2", 2),
    }
    assert found[2]["before"] == [{"out": "out", "length": 1}]


@pytest.mark.parametrize("what", [SystemExit, StopIteration, RecursionError])
def test_whatever_an_item_raises_is_its_own(desk, calls, what):
    outcome = desk.items(counting(calls, {1: None}, what), 3, quarantine=True)
    assert desk.made(outcome) == [0, 2]
    assert desk.bad(outcome)[1]["error"] == what.__name__


@pytest.mark.parametrize("what", [MemoryError, KeyboardInterrupt, CkptflowError])
def test_what_tells_of_the_machine_or_the_run_is_nobody_s(desk, calls, what):
    with pytest.raises(what):
        desk.items(counting(calls, {1: None}, what), 3, quarantine=True, retries=5)
    assert calls == [0, 1]
    assert desk.positions == [1]


def test_an_item_may_be_changed_by_its_function_and_is_whole_again_when_retried(desk):
    seen = []

    def function(row):
        seen.append(dict(row))
        row["x"] += 100
        if len(seen) == 1:
            raise ValueError
        return row

    outcome = desk.items(function, 1, retries=1, backoff=0.0)
    assert seen == [{"x": 0}, {"x": 0}]
    assert desk.made(outcome) == [100]


@pytest.mark.parametrize(
    ("function", "rows"),
    [
        (lambda row: ({"x": row["x"] * 10 + n} for n in range(row["x"])), [10, 20, 21]),
        (lambda row: [{"x": row["x"]}] * row["x"], [1, 2, 2]),
        (lambda row: iter([]) if row["x"] == 1 else {"x": row["x"]}, [0, 2]),
        (lambda row: None if row["x"] == 1 else {"x": row["x"]}, [0, 2]),
    ],
)
def test_an_item_gives_any_number_of_rows(desk, function, rows):
    assert desk.made(desk.items(function, 3)) == rows


def test_a_generator_that_fails_half_way_gives_nothing(desk):
    def function(row):
        yield {"x": row["x"]}
        if row["x"] == 1:
            raise ValueError
        yield {"x": row["x"]}

    outcome = desk.items(function, 3, quarantine=True)
    assert desk.made(outcome) == [0, 0, 2, 2]
    assert list(desk.bad(outcome)) == [1]


@pytest.mark.parametrize(
    ("output", "result", "said"),
    [
        (Output("out", "o.parquet", "parquet"), 7, "return a dict"),
        (Output("out", "o.parquet", "parquet"), [{"x": 1}, 7], "return a dict"),
        (Output("out", "o.json", "json"), {1, 2}, "cannot hold a set"),
        (Output("out", "o.json", "json"), float("nan"), "cannot hold a float"),
        (Output("out", "o.pkl", "pickle"), lambda: 0, "cannot hold a function"),
    ],
)
def test_a_result_that_the_out_cannot_hold_is_the_item_s_and_not_tried_again(desk, calls, output, result, said):
    def function(row):
        calls.append(row["x"])
        return result if row["x"] == 1 else {"x": row["x"]}

    with pytest.raises(ResultError) as caught:
        desk.items(function, 3, outputs=(output,), retries=3)
    assert calls == [0, 1]
    assert said in f"{caught.value.message} {caught.value.hint}"
    outcome = desk.items(function, 3, outputs=(output,), retries=3, quarantine=True)
    assert outcome.items == Items(2, 1, 0)
    assert desk.bad(outcome)[1]["error"] == "ResultError"


def test_a_chunk_without_items_is_a_chunk(desk, calls):
    outcome = desk.items(counting(calls), 0)
    assert calls == []
    assert outcome.outs["out"].is_void
    assert (outcome.items, outcome.last, outcome.quarantine) == (Items(), None, None)


def test_a_state_goes_from_item_to_item_and_is_kept_with_them(desk):
    def function(row, state):
        if row["x"] == 2:
            state["n"] = 1000
            raise ValueError
        return {"x": state["n"]}, {"n": state["n"] + 1}

    outcome = desk.items(function, 4, state=({"n": 0},), quarantine=True, keep_items=1)
    assert desk.made(outcome) == [0, 1, 2]
    assert outcome.state == ({"n": 3},)
    assert [report.headway.state for report in desk.kept_] == [({"n": 1},), ({"n": 2},), ({"n": 2},)]


def test_told_to_stop_it_ends_the_item_at_hand_and_keeps_it(desk, calls, until):
    function = counting(calls)

    def stopping(row):
        if row["x"] == 3:
            desk.engine.send(None)
            until(lambda: desk.heard == [None])
            until(lambda: desk.positions == [3])  # what was finished is kept beside the item that may take long
        return function(row)

    with pytest.raises(Stopped):
        desk.items(stopping, 10)
    assert calls == [0, 1, 2, 3]
    assert desk.positions == [3, 4]
    again = desk.items(function, 10, headway=desk.headway)
    assert calls == list(range(10))
    assert again.items == Items(10, 0, 0)


def test_a_pause_before_a_retry_ends_when_it_is_told_to_stop(desk, calls):
    def function(row):
        calls.append(row["x"])
        desk.engine.send(None)
        raise ValueError

    with pytest.raises(Stopped):
        desk.items(function, 3, retries=5, backoff=3600.0)
    assert calls == [0]


def test_it_is_noted_which_item_is_at_hand_at_which_attempt(desk):
    notes = []

    def function(row):
        notes.append(desk.note())
        if row["x"] == 1 and len(notes) < 4:
            raise ValueError
        return row

    desk.items(function, 3, retries=2, backoff=0.0)
    assert [(n.number, n.attempt, n.first) for n in notes] == [
        (0, 1, True),
        (1, 1, False),
        (1, 2, False),
        (1, 3, False),
        (2, 1, False),
    ]
    assert [n.began for n in notes] == sorted(n.began for n in notes)
    assert desk.note().number is None, "the chunk is being finished"
    assert desk.note(2) is None, "that is another task"


def test_behind_a_death_each_item_is_kept_up_to_where_it_happened(desk, calls):
    desk.items(counting(calls), 8, quarantine=True, fallen=(Fallen(3, 0, DEAD),))
    assert calls == list(range(8))
    assert desk.positions == [1, 2, 3, 4]


def test_an_item_whose_attempts_are_used_up_by_deaths_is_not_called(desk, calls):
    outcome = desk.items(counting(calls), 5, quarantine=True, fallen=(Fallen(3, 1, DEAD), Fallen(1, 1, DEAD)))
    assert calls == [0, 2, 4]
    assert desk.made(outcome) == calls
    assert desk.bad(outcome)[3]["message"] == "the worker process was killed by SIGSEGV while at this item"
    assert (desk.bad(outcome)[3]["error"], desk.bad(outcome)[3]["attempts"]) == ("killed", 1)


def test_deaths_and_errors_share_an_item_s_attempts(desk, calls):
    function = counting(calls, {1: None})
    outcome = desk.items(function, 3, quarantine=True, retries=2, backoff=0.0, fallen=(Fallen(1, 2, DEAD),))
    assert calls == [0, 1, 2]
    assert (desk.bad(outcome)[1]["error"], desk.bad(outcome)[1]["attempts"]) == ("ValueError", 3)
