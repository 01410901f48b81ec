"""Items that fail: set aside with their traceback, while the rest is done; and tried again when that may help."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

FUNCTIONS = """
    def ratio(row):
        trace(row["x"])
        return {"x": row["x"], "r": 100 / (row["x"] % 25)}

    def ratios(rows):
        found = rows.to_pylist()
        trace(len(found))
        return {"x": [r["x"] for r in found], "r": [100 / (r["x"] % 25) for r in found]}

    def read(files):
        trace(len(files))
        return {"name": [f.name for f in files], "size": [len(f.read_text(encoding="utf-8")) for f in files]}

    def numbered(row, state):
        if row["x"] == 3:
            state["last"] = 1000
            raise ValueError("three")
        last = state["last"] + 1
        return {"x": row["x"], "id": last}, {"last": last}
"""
STAGE = """
    stages:
      s:
        call: work:FUNCTION
        deps: {DEP: SOURCE}
        chunk: {over: DEP, CUT}
        on_error: quarantine
        outs: {out: data/out.parquet}
        MORE
"""


@pytest.fixture
def stage(place):
    """Return `stage(function, ...)`, which writes a pipeline of one stage; a hundred rows, of which four fail."""

    def make(function="ratio", dep="row", source="rows.csv", cut="rows: 40, cut: fixed", more="each: item"):
        text = STAGE
        for word, value in (("FUNCTION", function), ("DEP", dep), ("SOURCE", source), ("CUT", cut), ("MORE", more)):
            text = text.replace(word, value)
        place.pipeline(text)

    place.work(FUNCTIONS)
    place.rows(100)
    stage.place = place
    return make


def quarantine(place, name="s"):
    path = place.root / f".ckptflow/quarantine/{name}.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []


def made(place, column="x"):
    return pq.read_table(place.root / "data/out.parquet")[column].to_pylist()


GOOD = [x for x in range(100) if x % 25]


def test_an_item_that_fails_is_set_aside_and_the_rest_is_done(place, stage):
    stage(more="each: item\n        retries: 1\n        backoff: 10ms")
    ended = place.repro(code=3)
    assert ended.json["ok"] is True
    assert ended.stage("s")["items"] == {"ok": 96, "failed": 4, "skipped": 0}
    assert ended.stage("s")["quarantined"] == 4
    assert "s: 4 items are in quarantine" in ended.err
    assert "s#quarantine" in ended.err
    assert made(place) == GOOD
    found = quarantine(place)
    assert [(r["chunk"], r["index"], json.loads(r["item"])["x"]) for r in found] == [
        (0, 0, 0),
        (0, 25, 25),
        (1, 10, 50),
        (1, 35, 75),
    ]
    assert {r["error"] for r in found} == {"ZeroDivisionError"}
    assert {r["attempts"] for r in found} == {2}
    assert 'File "work.py"' in found[0]["traceback"]
    assert "ckptflow" not in found[0]["traceback"]
    latest = json.loads((place.root / ".ckptflow/store/checkpoints/s/latest.json").read_text())
    assert (latest["statistics"]["success_count"], latest["statistics"]["error_count"]) == (96, 4)

    shown = place.run("show", "s#quarantine")
    assert shown.code == 0
    assert "ZeroDivisionError" in shown.out
    place.forget()
    assert place.repro(code=3).counts("s") == (0, 3, 0), "what is in quarantine is told of until it is mended"
    assert place.traces() == []


def test_another_item_or_other_code_is_another_try(place, stage):
    stage()
    place.repro(code=3)
    place.forget()
    place.write("rows.csv", "x,y\n" + "".join(f"{i if i != 25 else 26},{i * i}\n" for i in range(100)))
    ended = place.repro(code=3)
    assert len(place.traces()) == 40
    assert ended.stage("s")["quarantined"] == 3
    place.work(FUNCTIONS.replace("% 25)", "% 25 + 1)"))
    place.repro()
    assert quarantine(place) == []
    assert not (place.root / ".ckptflow/quarantine/s.parquet").exists()
    assert len(made(place)) == 100


def test_retry_failed_runs_the_failed_items_alone_and_puts_them_in_their_places(place, stage):
    mended = "if row['x'] in (25, 75) and os.path.exists(os.environ['SIDE'] + '.m'):\n            return "
    mended += "[{'x': row['x'], 'r': 0.5}, {'x': -1, 'r': 0.25}]\n        trace(row"
    place.work(FUNCTIONS.replace("trace(row", mended))
    stage()
    place.repro(code=3)
    place.forget()
    place.let("m")
    assert place.repro(code=3).counts("s") == (0, 3, 0)
    ended = place.repro("--retry-failed", code=3)
    assert ended.counts("s") == (2, 1, 0)
    assert place.traces() == ["0", "50"]
    expected = [y for x in range(100) for y in ([x] if x % 25 else [x, -1] if x in (25, 75) else [])]
    assert made(place) == expected
    assert [json.loads(r["item"])["x"] for r in quarantine(place)] == [0, 50]
    bytes_ = place.content("data/out.parquet")
    place.run("repro", "--force")
    assert place.content("data/out.parquet") == bytes_, "put together otherwise than in one go"


def test_whole_chunks_are_halved_until_the_rows_to_blame_are_found(place, stage):
    stage("ratios", "rows", more="")
    ended = place.repro(code=3)
    assert made(place) == GOOD
    assert [(r["chunk"], r["index"]) for r in quarantine(place)] == [(0, 0), (0, 25), (1, 10), (1, 35)]
    assert ended.stage("s")["items"] == {"ok": 96, "failed": 4, "skipped": 0}
    assert len(place.traces()) < 60
    assert place.traces()[-1] == "20"


def test_files_that_cannot_be_read_are_found_too(place, stage):
    for n in range(20):
        place.write(f"clips/c{n:02}.txt", f"clip {n}")
    (place.root / "clips/c07.txt").write_bytes(b"\xff\xfe")
    stage("read", "files", "clips", "files: 30", more="")
    ended = place.repro(code=3)
    assert made(place, "name") == [f"c{n:02}.txt" for n in range(20) if n != 7]
    (row,) = quarantine(place)
    assert (row["item"], row["error"]) == ("clips/c07.txt", "UnicodeDecodeError")
    assert ended.stage("s")["quarantined"] == 1


def test_a_chunk_that_fails_without_an_item_to_blame_has_failed(place, stage):
    place.work("""
        def few(rows):
            if rows.num_rows > 5:
                raise ValueError("too many at once")
            return rows
    """)
    stage("few", "rows", more="")
    ended = place.repro(code=1)
    assert ended.counts("s") == (0, 0, 3)
    assert "too many at once" in ended.err


@pytest.mark.parametrize(("most", "code"), [("4", 3), ("3", 1), ("4%", 3), ("3.9%", 1), ("0", 1)])
def test_more_failures_than_are_borne_fail_the_stage(place, stage, most, code):
    stage(more=f"each: item\n        max_errors: {most}")
    ended = place.repro(code=code)
    if code == 1:
        assert ended.stage("s")["state"] == "failed"
        assert f"max_errors: {most}" in ended.err
        assert "items failed" in ended.err
        assert not (place.root / "data/out.parquet").exists()


@pytest.mark.parametrize(("most", "code"), [("4%", 3), ("3.9%", 1)])
def test_what_is_borne_is_a_share_of_all_rows_where_chunks_are_halved(place, stage, most, code):
    stage("ratios", "rows", more=f"max_errors: {most}")
    place.repro(code=code)


def test_a_failing_item_leaves_the_state_as_it_was(place, stage):
    stage("numbered", more="each: item\n        carry: {initial: {last: 0}}")
    place.repro(code=3)
    assert made(place, "id") == list(range(1, 100))
    assert 3 not in made(place)


def test_all_items_of_all_chunks_may_fail(place, stage):
    place.work("""
        def never(row):
            raise ValueError(row["x"])
    """)
    stage("never")
    ended = place.repro(code=3)
    assert ended.stage("s")["items"] == {"ok": 0, "failed": 100, "skipped": 0}
    assert len(quarantine(place)) == 100


def test_the_events_carry_items_in_quarantine_while_the_run_goes_on(place, stage):
    """Of chunks that are done, of those in work, of reused ones in the next run, and of the stage."""
    stage()
    place.repro("--events", "events.jsonl", code=3)
    events = [json.loads(line) for line in (place.root / "events.jsonl").read_text().splitlines()]
    done = {e["index"]: e["items"] for e in events if e["type"] == "chunk.done"}
    assert [done[i]["failed"] for i in range(3)] == [2, 2, 0] and done[0]["ok"] == 38
    last = {e["index"]: e["failed"] for e in events if e["type"] == "chunk.progress"}
    assert last == {0: 2, 1: 2, 2: 0}
    assert [e["quarantined"] for e in events if e["type"] == "stage.done"] == [4]
    place.rows(101)
    place.repro("--events", "events.jsonl", code=3)
    events = [json.loads(line) for line in (place.root / "events.jsonl").read_text().splitlines()]
    planned = [e for e in events if e["type"] == "stage.planned"]
    assert planned[-1]["reused"] == 2 and planned[-1]["quarantined"] == 4
