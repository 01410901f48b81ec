"""`each: item`: the function takes one row or file; what is finished of a chunk is kept through kills and signals."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ITEMS = 300

ONE = """
    def one(row, state=None):
        time.sleep(float(os.environ.get("PACE", "0")))
        trace(row["x"])
        if row["x"] % 7 == 3:
            return None
        if row["x"] % 7 == 4:
            return ({"x": row["x"], "part": part} for part in range(3))
        return {"x": row["x"], "half": row["x"] / 2 if row["x"] % 2 else row["x"]}

    def number(row, state):
        time.sleep(float(os.environ.get("PACE", "0")))
        trace(row["x"])
        last = state["last"] + 1
        return {"id": f"S{last}", "x": row["x"]}, {"last": last}

    def listed(row):
        time.sleep(float(os.environ.get("PACE", "0")))
        trace(row["x"])
        return {"values": {"x": row["x"], "same": ["a", "b"]}, "pickled": [row, row]}
"""
STAGE = """
    stages:
      one:
        call: work:FUNCTION
        deps: {row: rows.csv}
        chunk: {over: row, rows: ROWS, cut: fixed}
        each: item
        checkpoint: {every: 1h, items: EVERY}
        CARRY
        outs: OUTS
"""
KINDS = {
    "one": ("", "{one: data/one.parquet}"),
    "number": ("carry: {initial: {last: 0}}", "{one: data/one.parquet}"),
    "listed": ("", "{values: data/values.json, pickled: data/pickled.pkl}"),
}


@pytest.fixture
def items(place):
    """Return `items(function, rows=..., every=...)`: a stage over three hundred items; and the bytes of a run that
    nobody disturbed.
    """

    def make(function, rows=ITEMS, every=10):
        carry, outs = KINDS[function]
        text = STAGE.replace("FUNCTION", function).replace("ROWS", str(rows)).replace("EVERY", str(every))
        place.work(ONE)
        place.rows(ITEMS)
        place.pipeline(text.replace("CARRY", carry or "retries: 0").replace("OUTS", outs))
        assert place.run("repro", CKPTFLOW_STORE="elsewhere").code == 0
        made = place.content("data")
        for path in (place.root / "data").rglob("*"):
            if path.is_file():
                path.unlink()
        (place.root / "pipeline.lock").unlink()
        place.forget()
        return made

    return make


def position(place):
    """How many items of unfinished chunks are kept: what the last line of the log that tells of one says."""
    found = 0
    for path in (place.root / ".ckptflow/store/records").glob("*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.startswith(b'{"partial"') and line.endswith(b"\n"):
                found = max(found, json.loads(line)["position"] or 0)
    return found


@pytest.mark.parametrize("function", KINDS)
def test_sigkill_loses_nothing_before_the_last_commit(items, place, function, kill_all, running, wait_until):
    undisturbed = items(function)
    chance = random.Random(function)
    for goal in sorted(chance.sample(range(20, ITEMS - 40), 3)):
        kept = position(place)
        place.forget()
        process = place.start("repro", PACE="0.002", UNTIL=str(goal + 25))
        wait_until(lambda goal=goal: position(place) >= goal, "a commit")
        time.sleep(chance.random() * 0.02)
        kill_all(process)
        wait_until(lambda: not any(map(running, place.pids())), "the workers to end")
        done = [int(word) for word in place.traces()]
        assert min(done) == kept, "an item that was kept was processed again, or one was left out"
        assert done == list(range(kept, kept + len(done)))
        assert goal <= position(place) <= kept + len(done)

    kept = position(place)
    process = place.start("repro", UNTIL=str(ITEMS - 5))
    wait_until(lambda: position(place) >= (kept + (ITEMS - 5 - kept) // 10 * 10), "all that was reported to be kept")
    kill_all(process)
    wait_until(lambda: not any(map(running, place.pids())), "the workers to end")

    kept = position(place)
    place.forget()
    ended = place.repro()
    assert [int(word) for word in place.traces()] == list(range(kept, ITEMS))
    assert sum(ended.stage("one")["items"].values()) == ITEMS
    assert place.content("data") == undisturbed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_what_is_finished_and_begins_nothing(items, place, number):
    undisturbed = items("one", every=100_000)
    process = place.start("repro", "--events", "events.jsonl", PACE="0.01", UNTIL="30")
    place.await_traces(31)
    place.interrupt(process, number)
    ended = place.finish(process)
    assert ended.code == 128 + number
    done = len(place.traces())
    assert 31 <= done < ITEMS
    assert position(place) == done, "an item was finished and not kept"
    assert place.repro().counts("one") == (1, 0, 0)
    assert [int(word) for word in place.traces()] == list(range(ITEMS)), "an item was processed twice, or not at all"
    assert place.content("data") == undisturbed


def test_an_item_that_takes_too_long_to_wait_for_is_all_that_a_signal_loses(place):
    place.work("""
        def one(row):
            trace(row["x"])
            if row["x"] == 25:
                wait_for("go")
            return row
    """)
    place.pipeline(
        STAGE.replace("FUNCTION", "one").replace("ROWS", "50").replace("EVERY", "100000").replace("CARRY", "retries: 1")
        .replace("OUTS", "{one: one.parquet}")
    )  # fmt: skip
    place.rows(50)
    process = place.start("repro", CKPTFLOW_GRACE="3")
    place.await_traces(26)
    process.send_signal(signal.SIGTERM)
    assert place.finish(process).code == 143
    assert position(place) == 25
    place.let("go")
    place.repro()
    assert [int(word) for word in place.traces()] == [*range(26), *range(25, 50)]


def test_what_was_kept_counts_under_the_same_code_params_and_data_alone(items, place):
    items("one", every=100_000)

    def interrupted():
        place.forget()
        Path(f"{place.side}.go").unlink(missing_ok=True)
        process = place.start("repro", "--events", "events.jsonl", UNTIL="30")
        place.await_traces(20)
        place.interrupt(process, signal.SIGTERM)
        assert place.finish(process).code == 143
        done = len(place.traces())
        place.forget()
        return done

    interrupted()
    place.work(ONE.replace('row["x"] / 2', 'row["x"] / 4'))
    place.repro()
    assert len(place.traces()) == ITEMS, "results of other code were used"

    place.work(ONE.replace('row["x"] / 2', 'row["x"] / 8'))
    interrupted()
    place.rows(ITEMS, start=1)
    place.repro()
    assert len(place.traces()) == ITEMS, "results of other data were used"

    place.rows(ITEMS, start=2)
    done = interrupted()
    place.repro("--force")
    assert len(place.traces()) == ITEMS, "`--force` used what was kept"
    assert done < ITEMS


def test_a_failing_item_keeps_the_others_and_is_retried_alone(place):
    place.work("""
        def one(row):
            trace(row["x"])
            if row["x"] == 30 and not os.path.exists(os.environ["SIDE"] + ".mended"):
                raise ValueError("thirty")
            return row
    """)
    place.pipeline(
        STAGE.replace("FUNCTION", "one").replace("ROWS", "50").replace("EVERY", "100000")
        .replace("CARRY", "{retries: 2, backoff: 10ms}".strip("{}").replace(", ", "\n        "))
        .replace("OUTS", "{one: one.parquet}")
    )  # fmt: skip
    place.rows(50)
    ended = place.repro(code=1)
    assert place.traces().count("30") == 3
    assert len(place.traces()) == 33
    assert "ValueError: thirty" in ended.err
    assert "row 30" in ended.err
    assert position(place) == 30
    place.let("mended")
    place.forget()
    place.repro()
    assert [int(word) for word in place.traces()] == list(range(30, 50))
    assert pq.read_table(place.root / "one.parquet")["x"].to_pylist() == list(range(50))


def test_files_are_items_and_their_names_are_in_the_checkpoint(place):
    place.work("""
        def measure(clip):
            trace(clip.name)
            text = clip.read_text()
            return {"name": clip.name, "size": len(text)} if text else None
    """)
    place.pipeline("""
        stages:
          clips:
            call: work:measure
            deps: {clip: clips}
            chunk: {over: clip, files: 4}
            each: item
            checkpoint: {keep: 2}
            outs: {clips: clips.parquet}
    """)
    for n in range(10):
        place.write(f"clips/c{n}.txt", "x" * n)
    ended = place.repro()
    assert ended.stage("clips")["items"] == {"ok": 9, "failed": 0, "skipped": 1}
    assert sorted(place.traces()) == [f"c{n}.txt" for n in range(10)]
    latest = json.loads((place.root / ".ckptflow/store/checkpoints/clips/latest.json").read_text())
    assert (latest["processed_count"], latest["last_processed_id"], latest["status"]) == (
        10,
        "clips/c9.txt",
        "completed",
    )
    assert latest["processor_state"]["total_items"] == 10
    assert latest["processor_state"]["processed_files"] == [f"c{n}.txt" for n in range(10)]
    assert latest["statistics"]["success_count"] == 9
    assert latest["statistics"]["skipped_count"] == 1
    for n in range(4):
        place.write(f"clips/c{n}.txt", "y" * 20 * n)
        place.repro()
    found = list((place.root / ".ckptflow/store/checkpoints/clips").glob("clips_*.json"))
    assert len(found) == 2


def test_a_function_learns_which_file_it_has_in_hand(place):
    """The path in the dep, the same whether the file lies in the workspace or comes from the store."""
    place.work("""
        import ckptflow

        def make(made):
            (made / "deep").mkdir(parents=True)
            for n in range(5):
                (made / "deep" / f"{n}.txt").write_text("x" * n)

        def look(clip):
            return {"name": clip.name, "item": ckptflow.context().item}

        def rows(row):
            return {"item": str(ckptflow.context().item)}
    """)
    stage = """
          {name}:
            call: work:{function}
            deps: {{{dep}: "{path}"}}
            chunk: {{over: {dep}, {cut}}}
            each: item
            outs: {{out: {name}.parquet}}
    """
    files = {"directory": "clips", "glob": "clips/**/*.txt", "flat": "clips/deep/*.txt", "made_whole": "made"}
    files |= {"made_glob": "made/**/*.txt"}
    text = """
        stages:
          make:
            call: work:make
            outs: {made: {path: made, format: dir}}
    """
    for name, path in files.items():
        text += stage.format(name=name, function="look", dep="clip", path=path, cut="files: 2")
    text += stage.format(name="rows", function="rows", dep="row", path="glob.parquet", cut="rows: 2")
    place.pipeline(text)
    for n in range(5):
        place.write(f"clips/deep/{n}.txt", "y" * n)
    place.repro()
    for name in files:
        within = "" if name == "flat" else "deep/"
        wanted = [{"name": f"{n}.txt", "item": f"{within}{n}.txt"} for n in range(5)]
        assert pq.read_table(place.root / f"{name}.parquet").to_pylist() == wanted, name
    assert pq.read_table(place.root / "rows.parquet")["item"].to_pylist() == ["None"] * 5


def test_a_chunk_of_which_nothing_comes_is_no_row_and_no_obstacle(place):
    place.work("""
        def few(row):
            return row if row["x"] >= 20 else None

        def more(row):
            return {"x": row["x"] + 1}

        def count(rows):
            return {"rows": rows.num_rows, "columns": rows.column_names}
    """)
    place.pipeline("""
        stages:
          few:
            call: work:few
            deps: {row: rows.csv}
            chunk: {over: row, rows: 10, cut: fixed}
            each: item
            outs: {few: data/few.parquet}
          more:
            call: work:more
            deps: {row: data/few.parquet}
            chunk: {over: row}
            each: item
            outs: {more: data/more.parquet}
          count:
            call: work:count
            deps: {rows: data/more.parquet}
            outs: {count: data/count.json}
    """)
    place.rows(40)
    place.repro()
    assert json.loads((place.root / "data/count.json").read_text()) == {"rows": 20, "columns": ["x"]}
    assert pq.read_table(place.root / "data/few.parquet")["x"].to_pylist() == list(range(20, 40))
    place.rows(20)
    place.repro()
    assert json.loads((place.root / "data/count.json").read_text()) == {"rows": 0, "columns": []}
    assert list((place.root / "data/few.parquet").iterdir()) == []


def test_a_function_s_own_point_is_given_back(place, kill_all, running, wait_until):
    place.work("""
        import ckptflow

        def own(rows):
            context = ckptflow.context()
            start = context.state["next"] if context.state else 0
            for number in range(start, rows.num_rows):
                trace(number)
                context.checkpoint({"next": number + 1})
            return {"rows": rows.num_rows}
    """)
    place.pipeline("""
        stages:
          own:
            call: work:own
            deps: {rows: rows.csv}
            outs: {own: own.json}
    """)
    place.rows(200)

    def kept(point):
        records = (place.root / ".ckptflow/store/records").glob("*.jsonl")
        return any(f'"own":{{"next":{point}}}'.encode() in path.read_bytes() for path in records)

    process = place.start("repro", UNTIL="100")
    wait_until(lambda: kept(100), "the last point before the call that waits")
    kill_all(process)
    wait_until(lambda: not any(map(running, place.pids())), "the workers to end")
    place.forget()
    process = place.start("repro", CKPTFLOW_GRACE="3", UNTIL="150")
    place.await_traces(51)
    process.send_signal(signal.SIGTERM)
    assert place.finish(process).code == 143
    assert [int(word) for word in place.traces()] == list(range(100, 151)), "it goes on from the point"
    place.forget()
    place.repro()
    assert [int(word) for word in place.traces()] == list(range(150, 200)), "a signal keeps the last point"


def test_another_machine_goes_on_behind_what_was_kept(items, place, tmp_path):
    undisturbed = items("one", every=10)
    config = {"remote": "shared", "sync": "auto", "remotes": {"shared": {"url": (tmp_path / "remote").as_uri()}}}
    (tmp_path / "remote").mkdir()
    place.write(".ckptflow/config.yaml", json.dumps(config))
    process = place.start("repro", "--events", "events.jsonl", PACE="0.01", UNTIL="50")
    place.await_traces(51)
    place.interrupt(process, signal.SIGTERM)
    assert place.finish(process).code == 143
    done = position(place)
    assert done == len(place.traces())
    place.forget()
    shutil.rmtree(place.root / ".ckptflow/store")
    shutil.rmtree(place.root / ".ckptflow/remotes")
    (place.root / ".ckptflow/cache.db").unlink()

    place.repro()
    assert [int(word) for word in place.traces()] == list(range(done, ITEMS))
    assert place.content("data") == undisturbed
