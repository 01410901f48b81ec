"""`--keep-finished` and `--refresh-mixed`: what superseded code has made stays, is counted, is made again on demand."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ckptflow.project import Project, ReproOptions

FUNCTIONS = """
    def add(rows, by=0):
        trace(first(rows))
        return rows.append_column("z", [[i + FACTOR * by for i in rows["x"].to_pylist()]])

    def count(rows):
        trace("count")
        return {"rows": rows.num_rows, "by": FACTOR}

    def ratio(row):
        trace(row["x"])
        return {"x": row["x"], "r": 1 / DIVISOR}

    def running(rows, state):
        trace(first(rows))
        return {"n": state + FACTOR * 0}, state + 1

    def rows_of(rows):
        trace(first(rows))
        return rows.num_rows * FACTOR // FACTOR

    def add_up(left, right):
        trace("merge")
        return left + right
"""
PIPELINE = """
    stages:
      add:
        call: work:add
        args: {by: 1}
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 10, cut: fixed}
        outs: {add: data/add.parquet}
      count:
        call: work:count
        deps: {rows: data/add.parquet}
        outs: {count: data/count.json}
"""
RATIO = """
    stages:
      ratio:
        call: work:ratio
        deps: {row: rows.csv}
        chunk: {over: row, rows: ROWS, cut: fixed}
        each: item
        on_error: quarantine
        CHECKPOINT
        outs: {ratio: data/ratio.parquet}
"""


@pytest.fixture
def code(place):
    """Return `code(factor, divisor)`, which writes functions that differ in that alone."""

    def code(factor=1, divisor="1"):
        place.work(FUNCTIONS.replace("FACTOR", str(factor)).replace("DIVISOR", divisor))

    code()
    return code


@pytest.fixture
def two(place, code):
    """Six chunks, and a stage that takes all of them; made by the first code. Returns `code`."""
    place.pipeline(PIPELINE)
    place.rows(60)
    place.repro()
    place.forget()
    return code


def mixed(place):
    """Stage -> chunks that superseded code has made, as `status` counts them."""
    stages = place.run("status", "--json").json["stages"]
    return {s["stage"]: s["chunks"]["superseded"] for s in stages if "superseded" in s["chunks"]}


def noted(place):
    stages = json.loads((place.root / "pipeline.lock").read_text())["stages"]
    return {name: entry["superseded"] for name, entry in stages.items() if "superseded" in entry}


def z(place):
    return pq.read_table(place.root / "data/add.parquet")["z"].to_pylist()


def test_chunks_stay_are_counted_and_are_made_again(place, two):
    lock = (place.root / "pipeline.lock").read_text()
    two(factor=100)
    place.write("rows.csv", "x,y\n" + "".join(f"{i if i != 25 else 77},{i * i}\n" for i in range(60)))

    plan = place.run("plan", "--keep-finished")
    assert "1 of 6" in plan.out
    assert "add: 5 of 6 chunks were made by superseded code; `ckptflow repro --refresh-mixed`" in plan.out
    assert place.run("repro", "--dry", "--keep-finished").out == plan.out
    assert "6 of 6" in place.run("plan").out
    assert place.traces() == []

    ended = place.repro("--keep-finished")
    assert sorted(place.traces()) == ["20", "count"], "the new row, and what is made of all"
    assert ended.stage("add")["chunks"] == {"total": 6, "ran": 1, "reused": 5, "failed": 0, "superseded": 5}
    assert "superseded" not in ended.stage("count")["chunks"]
    assert "add: 5 of 6 chunks were made by superseded code" in ended.err
    assert z(place)[:2] == [1, 2] and z(place)[20] == 120
    assert mixed(place) == noted(place) == {"add": 5}
    said = place.run("status").out.splitlines()
    assert said[0].startswith("Everything is up to date")
    assert said[1].startswith("add: 5 of 6 chunks were made by superseded code")
    told = "5 of 6 chunks were made by superseded code; `ckptflow repro --refresh-mixed` makes them again"
    assert told in place.run("why", "add").out

    place.forget()
    for _ in range(2):  # the ordinary way, then the quick one
        again = place.run("repro")
        assert "Nothing to do" in again.err and told in again.err
    assert place.traces() == []

    assert "5 of 6" in place.run("plan", "--refresh-mixed").out
    assert "5 chunks made by superseded code are made again" in place.run("plan", "--refresh-mixed").out
    assert place.run("repro", "--dry", "--refresh-mixed", "--exit-code").code == 10
    ended = place.repro("--refresh-mixed")
    assert sorted(place.traces()) == ["0", "10", "30", "40", "50", "count"]
    assert ended.counts("add") == (5, 1, 0)
    assert z(place)[:2] == [100, 101]
    assert mixed(place) == noted(place) == {}
    assert "superseded" not in place.run("status").out
    assert "superseded" not in lock
    place.forget()
    assert "Nothing to do" in place.run("repro", "--refresh-mixed").err
    assert place.traces() == []


def test_they_stay_in_plain_runs_until_the_code_changes_again(place, two):
    two(factor=100)
    place.repro("--keep-finished")
    place.rows(70)
    place.forget()
    ended = place.repro()
    assert sorted(place.traces()) == ["60", "count"]
    assert ended.stage("add")["chunks"]["superseded"] == 6
    place.forget()
    two(factor=1000)
    place.repro()
    assert len(place.traces()) == 8
    assert noted(place) == {}


def test_other_parameters_run_all(place, two):
    two(factor=100)
    place.pipeline(PIPELINE.replace("by: 1", "by: 2"))
    place.repro("--keep-finished")
    assert len(place.traces()) == 7
    assert mixed(place) == {}


def test_nothing_that_superseded_code_has_made_is_recorded_for_the_new_code(place, two):
    two(factor=100)
    place.repro("--keep-finished")
    (place.root / "pipeline.lock").unlink()
    place.run("repro")
    assert len(place.traces()) == 7, "without the lock file nothing tells of what was to stay"
    assert z(place)[0] == 100


def test_a_stage_without_chunks_is_one_chunk(place, two):
    place.pipeline(PIPELINE.replace("chunk:", "meta:"))
    place.repro()
    two(factor=100)
    place.forget()
    ended = place.repro("--keep-finished")
    assert place.traces() == []
    assert ended.stage("add")["state"] == "reused"
    assert mixed(place) == {"add": 1, "count": 1}
    assert "count: 1 chunk was made by superseded code; `ckptflow repro --refresh-mixed` makes it again" in ended.err
    assert json.loads((place.root / "data/count.json").read_text())["by"] == 1


def test_outs_that_only_the_workspace_has_left_are_not_taken_for_the_work_of_the_new_code(place, two):
    place.pipeline(PIPELINE.replace("chunk:", "meta:"))
    place.repro()
    two(factor=100)
    place.repro("--keep-finished")
    for path in (place.root / ".ckptflow/store/objects").rglob("*"):
        if path.is_file():
            path.unlink()
    place.forget()
    place.repro()
    assert place.traces() == []
    assert mixed(place) == {"add": 1, "count": 1}
    (place.root / "pipeline.lock").unlink()
    place.repro()
    assert sorted(place.traces()) == ["0", "count"]
    assert mixed(place) == {}


def test_both_flags_are_refused(place, two):
    for command in (["repro"], ["plan"], ["repro", "--dry"]):
        ended = place.run(*command, "--keep-finished", "--refresh-mixed")
        assert ended.code == 2
        assert "--keep-finished and --refresh-mixed exclude each other" in ended.err


def test_from_python(place, two, monkeypatch):
    two(factor=100)
    monkeypatch.setenv("SIDE", str(place.side))
    project = Project(place.root)
    plan = project.plan(options=ReproOptions(keep_finished=True))
    assert [(s.stage, s.stale, s.superseded) for s in plan.stages] == [("add", 0, 6), ("count", 0, 1)]
    result = project.repro(options=ReproOptions(keep_finished=True))
    assert [(s.stage, s.ran, s.superseded) for s in result.stages] == [("add", 0, 6), ("count", 0, 1)]
    result = project.repro(options=ReproOptions(refresh_mixed=True))
    assert [(s.stage, s.ran, s.superseded) for s in result.stages] == [("add", 6, 0), ("count", 1, 0)]


def test_force_runs_all_the_same(place, two):
    two(factor=100)
    place.repro("--keep-finished", "--force")
    assert len(place.traces()) == 7
    assert mixed(place) == {}


def test_a_command_that_changed_is_run(place):
    place.pipeline("stages: {c: {cmd: 'echo one > out.txt', outs: [out.txt]}}")
    place.repro()
    place.pipeline("stages: {c: {cmd: 'echo two > out.txt', outs: [out.txt]}}")
    assert place.repro("--keep-finished").counts("c") == (1, 0, 0)
    assert (place.root / "out.txt").read_text() == "two\n"


def test_with_a_state_that_is_handed_on(place, code):
    place.pipeline(
        """
        stages:
          running:
            call: work:running
            deps: {rows: rows.csv}
            chunk: {over: rows, rows: 10, cut: fixed}
            carry: {initial: 0}
            outs: {n: data/n.json}
        """
    )
    place.rows(60)
    place.repro()
    place.forget()
    code(factor=100)
    place.rows(80)
    assert place.repro("--keep-finished").counts("running") == (2, 6, 0)
    assert place.traces() == ["60", "70"]
    assert mixed(place) == {"running": 6}


def test_results_are_merged_by_the_code_of_now(place, code):
    place.pipeline(
        """
        stages:
          rows_of:
            call: work:rows_of
            combine: work:add_up
            deps: {rows: rows.csv}
            chunk: {over: rows, rows: 10, cut: fixed}
            outs: {n: data/n.json}
        """
    )
    place.rows(60)
    place.repro()
    place.forget()
    code(factor=100)
    place.repro("--keep-finished")
    assert place.traces() == [], "chunks of superseded code come to what they came to, and so do their merges"
    work = (place.root / "work.py").read_text()
    (place.root / "work.py").write_text(work.replace("return left + right", "return left + right + 0"))
    place.repro("--keep-finished")
    assert set(place.traces()) == {"merge"}
    assert json.loads((place.root / "data/n.json").read_text()) == 60
    assert mixed(place) == {"rows_of": 6}
    place.forget()
    place.repro("--refresh-mixed")
    assert [word for word in place.traces() if word != "merge"] == ["0", "10", "20", "30", "40", "50"]


def test_garbage_collection_leaves_them(place, two):
    two(factor=100)
    place.repro("--keep-finished")
    assert place.run("gc", "--grace", "0s", "--keep-runs", "0", "--yes").code == 0
    place.forget()
    place.rows(70)
    place.repro()
    assert sorted(place.traces()) == ["60", "count"]


# ---- items


def rows_made(place):
    return pq.read_table(place.root / "data/ratio.parquet")["x"].to_pylist()


def ratio(place, rows, checkpoint="retries: 0"):
    place.pipeline(RATIO.replace("ROWS", str(rows)).replace("CHECKPOINT", checkpoint))


def test_a_bad_row_in_many(place, code):
    """The code is mended: just that row runs, and the chunks of all others stay as they are."""
    code(divisor="(row['x'] - 7777)")
    ratio(place, 1000)
    place.rows(20_000)
    ended = place.repro(code=3)
    assert len(place.traces()) == 20_000
    assert ended.stage("ratio")["quarantined"] == 1
    place.forget()
    code(divisor="(row['x'] - 7777.5)")

    ended = place.repro("--keep-finished")
    assert place.traces() == ["7777"]
    assert ended.counts("ratio") == (1, 19, 0)
    assert ended.stage("ratio")["chunks"]["superseded"] == 20
    assert "quarantined" not in ended.stage("ratio")
    assert rows_made(place) == list(range(20_000))
    assert not (place.root / ".ckptflow/quarantine/ratio.parquet").exists()

    place.forget()
    place.repro()
    place.rows(20_500)
    assert place.repro().counts("ratio") == (1, 20, 0)
    assert len(place.traces()) == 500, "what was mended stays"
    place.repro("--refresh-mixed")
    assert len(place.traces()) == 500 + 20_000
    assert mixed(place) == {}


def test_items_that_fail_with_the_new_code_too_wait_for_another(place, code):
    code(divisor="(row['x'] % 50)")
    ratio(place, 50)
    place.rows(200)
    place.repro(code=3)
    place.forget()
    code(divisor="(row['x'] % 100)")
    ended = place.repro("--keep-finished", code=3)
    assert sorted(place.traces()) == ["0", "100", "150", "50"]
    assert ended.stage("ratio")["quarantined"] == 2
    assert rows_made(place) == [x for x in range(200) if x % 100]
    place.forget()
    place.repro("--keep-finished", code=3)
    place.repro(code=3)
    assert place.traces() == [], "they were tried with this code"
    code(divisor="1")
    place.repro("--keep-finished")
    assert sorted(place.traces()) == ["0", "100"]
    assert rows_made(place) == list(range(200))


def test_killed_and_gone_on_with_the_same_flag(place, code, kill_all, wait_until, running):
    code(factor=2)
    place.work(
        """
        def slow(rows):
            trace(first(rows))
            return rows
        """
    )
    stage = PIPELINE.replace("work:add", "work:slow").replace("args: {by: 1}", "args: {}").split("      count:")[0]
    place.pipeline(stage)
    place.rows(400)
    place.repro()
    work = (place.root / "work.py").read_text().replace("return rows\n", "return rows.slice(0)\n")
    (place.root / "work.py").write_text(work)
    place.rows(600, start=200)
    place.forget()
    process = place.start("repro", "--keep-finished", UNTIL="440")
    place.await_traces(5)
    kill_all(process)
    wait_until(lambda: not any(map(running, place.pids())), "the workers to end")
    ended = place.repro("--keep-finished")
    done = [int(word) for word in place.traces()]
    assert set(done) == set(range(400, 800, 10)), "new rows alone"
    assert len(done) == 41, "and none twice but the one in flight"
    assert ended.stage("add")["chunks"]["superseded"] == 20


def test_what_an_unfinished_chunk_has_kept_is_not_gone_on_with(place, code, kill_all, wait_until, running):
    code(divisor="(row['x'] - 400) if row['x'] < 400 else wait_for('never')")
    ratio(place, 300, "checkpoint: {every: 1h, items: 10}")
    place.rows(600)
    process = place.start("repro")
    place.await_traces(401)
    store = place.root / ".ckptflow/store/records"
    wait_until(lambda: any(b'"position":100,' in path.read_bytes() for path in store.iterdir()), "a hundred items")
    kill_all(process)
    wait_until(lambda: not any(map(running, place.pids())), "the worker to end")
    place.forget()
    code(divisor="1")
    ended = place.repro("--keep-finished")
    assert place.traces() == [str(i) for i in range(300, 600)], "from the beginning of the chunk"
    assert ended.stage("ratio")["chunks"]["superseded"] == 1


def test_one_in_a_million(place):
    """A million rows, taken one by one, of which one fails: it is set aside with its traceback, the others are done;
    and when the code is mended, which tells of each call from then on, there is one call.
    """
    place.env["CKPTFLOW_JOBS"] = "2"
    pq.write_table(pa.table({"x": range(1_000_000)}), place.root / "rows.parquet")
    ratio(place, 10_000)
    place.pipeline((place.root / "pipeline.yaml").read_text().replace("rows.csv", "rows.parquet"))
    place.work('def ratio(row):\n    return {"x": row["x"], "r": 1 / (row["x"] - 777_777)}\n')
    ended = place.repro(code=3)
    assert ended.stage("ratio")["items"] == {"ok": 999_999, "failed": 1, "skipped": 0}
    assert rows_made(place) == [x for x in range(1_000_000) if x != 777_777]
    (bad,) = pq.read_table(place.root / ".ckptflow/quarantine/ratio.parquet").to_pylist()
    assert (json.loads(bad["item"]), bad["error"]) == ({"x": 777_777}, "ZeroDivisionError")
    assert 'return {"x": row["x"], "r": 1 / (row["x"] - 777_777)}' in bad["traceback"]

    place.work('def ratio(row):\n    trace(row["x"])\n    return {"x": row["x"], "r": 1 / (row["x"] - 777_777.5)}\n')
    ended = place.repro("--keep-finished")
    assert place.traces() == ["777777"]
    assert ended.stage("ratio")["chunks"]["ran"] == 1
    assert rows_made(place) == list(range(1_000_000))
    assert "quarantined" not in ended.stage("ratio")
