"""Items that take the worker with them: found, set aside, and the rest is done."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

FUNCTIONS = """
    import ctypes
    import signal
    import sys

    NUMBERS = []

    def crash(x):
        ctypes.string_at(0)

    def leave(x):
        os._exit(7)

    def killed(x):
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(x):
        time.sleep(600)

    def raised(x):
        raise ValueError(x)

    def starved(x):
        raise MemoryError

    def quit(x):
        sys.exit("bye")

    def leaking(x):  # the tenth call in one process is the last
        NUMBERS.append(x)
        if len(NUMBERS) == 10:
            os.kill(os.getpid(), signal.SIGKILL)

    def starving(x):
        NUMBERS.append(x)
        if len(NUMBERS) == 10:
            NUMBERS.clear()
            raise MemoryError

    BAD = {}

    def touch(x):
        mended = os.path.exists(os.environ["SIDE"] + f".mended{x}")
        if x in BAD and not mended:
            BAD[x](x)

    def one(row):
        trace(row["x"])
        touch(row["x"])
        return {"x": row["x"]}

    def many(rows):
        trace(rows.num_rows)
        for x in rows["x"].to_pylist():
            touch(x)
        return rows.select(["x"])
"""
STAGE = """
    stages:
      s:
        call: work:FUNCTION
        deps: {DEP: rows.csv}
        chunk: {over: DEP, rows: ROWS, cut: fixed}
        on_error: quarantine
        outs: {out: data/out.parquet}
        MORE
"""


@pytest.fixture
def stage(place):
    """Return `stage(function, bad, ...)`: a pipeline of one stage over forty rows; `bad` says what some of them do."""

    def make(function="one", bad="", *, rows=20, more="retries: 0", count=40, aside=True):
        text = STAGE if aside else STAGE.replace("on_error: quarantine", "on_error: fail")
        dep = "row" if function == "one" else "rows"
        each = "each: item\n        " if function == "one" else ""
        for word, value in (("FUNCTION", function), ("DEP", dep), ("ROWS", str(rows)), ("MORE", each + more)):
            text = text.replace(word, value)
        place.pipeline(text)
        place.work(FUNCTIONS.replace("BAD = {}", f"BAD = {{{bad}}}"))
        place.rows(count)

    return make


def quarantine(place):
    """Number -> row of the table."""
    path = place.root / ".ckptflow/quarantine/s.parquet"
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    return {json.loads(row["item"])["x"]: row for row in rows}


def made(place):
    return pq.read_table(place.root / "data/out.parquet")["x"].to_pylist()


def test_items_that_kill_their_worker_are_set_aside_and_the_rest_is_done(place, stage):
    stage("one", "3: crash, 11: leave, 12: raised, 25: killed, 33: starved, 34: quit")
    ended = place.repro(code=3)
    assert made(place) == [x for x in range(40) if x not in (3, 11, 12, 25, 33, 34)]
    assert ended.stage("s")["items"] == {"ok": 34, "failed": 6, "skipped": 0}
    assert ended.counts("s") == (2, 0, 0)
    found = quarantine(place)
    assert {x: row["error"] for x, row in found.items()} == {
        3: "killed",
        11: "killed",
        12: "ValueError",
        25: "killed",
        33: "MemoryError",
        34: "SystemExit",
    }
    assert {row["attempts"] for row in found.values()} == {1}
    assert found[3]["message"] == "the worker process was killed by SIGSEGV while at this item"
    assert found[11]["message"] == "the worker process ended with status 7 (os._exit?) while at this item"
    assert found[25]["message"] == "the worker process was killed by SIGKILL while at this item"
    assert found[25]["traceback"] == ""
    lines = found[3]["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "Fatal Python error: Segmentation fault"
    assert 'File "work.py"' in lines[1] and "in one" in lines[1]
    assert not any("ckptflow" in line or "<string>" in line for line in lines)
    place.forget()
    assert place.repro(code=3).counts("s") == (0, 2, 0)
    assert place.traces() == []


def test_made_anew_they_come_to_the_same_bytes(place, stage):
    stage("one", "1: crash, 2: killed", rows=4, count=4)
    place.repro(code=3)
    made_, table = place.content("data/out.parquet"), quarantine(place)
    place.repro("--force", code=3)
    assert place.content("data/out.parquet") == made_
    assert quarantine(place) == table


def test_whole_chunks_are_halved_though_workers_die_of_it(place, stage):
    stage("many", "1: crash, 2: raised, 6: killed, 7: quit", rows=4, count=8)
    ended = place.repro(code=3)
    assert made(place) == [0, 3, 4, 5]
    assert ended.stage("s")["items"] == {"ok": 4, "failed": 4, "skipped": 0}
    found = quarantine(place)
    assert {x: row["error"] for x, row in found.items()} == {
        1: "killed",
        2: "ValueError",
        6: "killed",
        7: "SystemExit",
    }
    assert "Segmentation fault" in found[1]["traceback"]


def test_a_crash_costs_the_items_before_it_one_more_call_at_most(place, stage):
    stage("one", "30: crash", rows=40, more="checkpoint: {items: 8}")
    place.repro(code=3)
    assert [int(word) for word in place.traces()] == [*range(31), *range(24, 30), *range(31, 40)]
    assert len(place.pids()) == 2


def test_a_kill_counts_where_a_fresh_worker_begins_with_the_item(place, stage):
    stage("one", "30: killed", rows=40, more="checkpoint: {items: 8}")
    place.repro(code=3)
    assert [int(word) for word in place.traces()] == [*range(31), *range(24, 31), 30, *range(31, 40)]
    assert len(place.pids()) == 4


@pytest.mark.parametrize("kind", ["leaking", "starving"])
def test_a_worker_that_runs_out_of_memory_by_and_by_costs_nobody_anything(place, stage, kind):
    stage("one", "**dict.fromkeys(range(40), " + kind + ")")
    place.repro()
    assert made(place) == list(range(40))
    assert quarantine(place) == {}


def test_nor_do_trials_that_come_after_others_in_one_process(place, stage):
    stage("many", "**dict.fromkeys(range(8), leaking), 1: killed", rows=8, count=8)
    place.repro(code=3)
    assert list(quarantine(place)) == [1]
    assert made(place) == [0, 2, 3, 4, 5, 6, 7]
    assert place.traces()[-2:] == ["7", "7"], "the last call was in a process that had done too much before"


def test_a_dying_item_has_its_attempts_and_one_that_lives_then_is_done(place, stage):
    stage("one", "5: crash, 6: crash", more="retries: 2\n        backoff: 10ms")
    place.work(
        FUNCTIONS.replace("BAD = {}", "BAD = {5: crash, 6: crash}").replace(
            'trace(row["x"])\n',
            'trace(row["x"])\n'
            '        with open(os.environ["SIDE"]) as file:\n'
            '            if file.read().count("\\n6 ") == 3:\n'
            "                BAD.pop(6, None)\n",
        )
    )
    place.repro(code=3)
    assert place.traces().count("5") == 3
    assert place.traces().count("6") == 3
    assert {x: row["attempts"] for x, row in quarantine(place).items()} == {5: 3}
    assert made(place) == [x for x in range(40) if x != 5]


@pytest.mark.parametrize("function", ["one", "many"])
def test_an_item_that_takes_too_long_is_set_aside(place, stage, function):
    stage(function, "3: hang", rows=4, count=4, more="timeout: 3s")
    place.repro(code=3)
    assert made(place) == [0, 1, 2]
    assert quarantine(place)[3]["error"] == "timeout"
    assert quarantine(place)[3]["message"] == "took longer than 3 s"


def test_the_timeout_is_an_item_s_and_not_the_chunk_s(place, stage):
    stage("one", "**dict.fromkeys(range(5), lambda x: time.sleep(1))", rows=5, count=5, more="timeout: 4s")
    place.repro()
    assert made(place) == list(range(5))


def test_halving_goes_on_behind_the_trial_in_which_a_worker_died(place, stage):
    stage("many", "3: crash", rows=16, count=16)
    place.repro(code=3)
    # All; 0-7, 0-3, 0-1 passes, 2-3, 2 passes, 3; 4-7 passes; 8-15 passes; all but 3: none of them twice.
    assert place.traces() == ["16", "8", "4", "2", "2", "1", "1", "4", "8", "15"]


def test_whole_chunks_may_be_too_much_at_once_and_no_item_is_to_blame(place, stage):
    stage("many")
    place.work(FUNCTIONS.replace("touch(x)\n        return", "rows.num_rows < 20 or leave(x)\n        return"))
    ended = place.repro(code=1)
    assert ended.counts("s") == (0, 0, 2)
    assert "ended with status 7" in ended.err
    assert quarantine(place) == {}


@pytest.mark.parametrize(("most", "code"), [(2, 3), (1, 1)])
def test_items_that_died_count_among_those_that_failed(place, stage, most, code):
    stage("one", "3: crash, 4: raised", more=f"max_errors: {most}")
    ended = place.repro(code=code)
    assert code == 3 or f"max_errors: {most}" in ended.err


@pytest.mark.parametrize("function", ["one", "many"])
def test_retry_failed_tries_them_again(place, stage, function):
    stage(function, "0: crash, 1: killed, 2: crash", rows=4, count=4)
    place.repro(code=3)
    place.forget()
    for x in (1, 2):
        place.let(f"mended{x}")
    assert place.repro(code=3).counts("s") == (0, 1, 0)
    assert place.repro("--retry-failed", code=3).counts("s") == (1, 0, 0)
    assert made(place) == [1, 2, 3]
    assert sorted(quarantine(place)) == [0]
    if function == "one":
        assert set(place.traces()) == {"0", "1", "2"}


def test_a_death_outside_of_any_item_is_the_chunk_s(place, stage):
    stage("one")
    place.work("os._exit(9)\n\ndef one(row):\n    return row\n")
    ended = place.repro(code=1)
    assert "ended with status 9" in ended.err
    assert quarantine(place) == {}


def test_without_quarantine_it_is_said_at_which_item_the_worker_died(place, stage):
    stage("one", "23: crash", aside=False)
    ended = place.repro(code=1)
    assert "killed by SIGSEGV, at item 3 of the chunk" in ended.err
    assert ended.counts("s") == (1, 0, 1)
