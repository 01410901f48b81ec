"""`ckptflow checkpoints`: what is kept of stages is listed, reported, checked, put away and had back."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ckptflow.cli.main import main

from .place import Ended, until

FUNCTIONS = """
    def item(row):
        trace(row["x"])
        if os.environ.get("WAIT") == str(row["x"]):
            wait_for("go")
        if os.environ.get("FAIL") == str(row["x"]):
            raise RuntimeError("broken on purpose")
        if row["x"] % 25 == 24:
            raise ValueError("no good")
        return None if row["x"] % 25 == 3 else {"x": row["x"]}

    def part(rows):
        trace("part")
        return rows

    def whole(rows):
        trace("whole")
        return rows.slice(0, 1)
"""
PIPELINE = """
    stages:
      items:
        call: work:item
        deps: {row: rows.csv}
        chunk: {over: row, rows: 20, cut: fixed}
        each: item
        on_error: quarantine
        checkpoint: {every: 1h, items: 10, keep: 10}
        outs: {one: data/one.parquet}
      parts:
        call: work:part
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 25, cut: fixed}
        outs: {part: data/part.parquet}
      whole:
        call: work:whole
        deps: {rows: data/part.parquet}
        outs: {whole: data/whole.parquet}
"""


@pytest.fixture
def made(place):
    """Three stages over a hundred rows: of items of which four fail and four are skipped, of chunks, of the whole."""
    place.work(FUNCTIONS)
    place.rows(100)
    place.pipeline(PIPELINE)
    return place


def checkpoints(place, *args, code=0):
    """Run `ckptflow checkpoints` in this process, which is ten times as quick, and demand an exit code."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(place.root)
        for name, value in place.env.items():
            patch.setenv(name, value)
        ended = Ended(main(["checkpoints", *args]), out.getvalue(), err.getvalue())
    assert ended.code == code, f"exit code {ended.code}, not {code}:\n{ended.out}\n{ended.err}"
    return ended


def listed(place, *args):
    return checkpoints(place, "list", "--json", *args).json["checkpoints"]


def chunks(place, *args):
    return checkpoints(place, "list", "--chunks", "--json", *args).json["chunks"]


def folder(place, stage="items") -> Path:
    return place.root / ".ckptflow/store/checkpoints" / stage


def latest(place, stage="items") -> str:
    return os.readlink(folder(place, stage) / "latest.json")


def shown(place, word, stage="items") -> str:
    """Return the report on a stage once it says so: a run writes down what it did a moment after it."""
    until(lambda: word in checkpoints(place, "show", stage).out, word)
    return checkpoints(place, "show", stage).out


def kept(place) -> int:
    """How often what an unfinished chunk has kept was recorded."""
    return sum(
        path.read_bytes().count(b'{"partial"') for path in (folder(place).parents[1] / "records").glob("*.jsonl")
    )


def age(place, days=40, stage="items") -> None:
    """Let the checkpoints that are there be so many days older: names and texts."""
    for path in sorted(folder(place, stage).glob(f"{stage}_*.json")):
        doc = json.loads(path.read_text())
        before = doc["checkpoint_id"].rpartition("_")[2]
        when = datetime.strptime(before, "%Y%m%d%H%M%S") - timedelta(days=days)
        after = when.strftime("%Y%m%d%H%M%S")
        doc["checkpoint_id"] = f"{stage}_{after}"
        doc["last_update"] = (datetime.fromisoformat(doc["last_update"]) - timedelta(days=days)).isoformat()
        path.unlink()
        path.with_name(path.name.replace(before, after)).write_text(json.dumps(doc))
        if latest(place, stage) == path.name:
            (folder(place, stage) / "latest.json").unlink()
            (folder(place, stage) / "latest.json").symlink_to(path.name.replace(before, after))


def test_before_anything_ran(made) -> None:
    assert checkpoints(made, "list").out == "No checkpoints.\n"
    assert checkpoints(made, "list", "--chunks").out == "No stored chunks.\n"
    assert checkpoints(made, "list", "--trash").out == "The trash is empty.\n"
    assert checkpoints(made, "prune", "--yes").out == "Nothing to put away.\n"
    assert "all are sound" in checkpoints(made, "verify", "--deep").out
    assert "it has not run here yet" in checkpoints(made, "show", "items", code=1).err
    ended = checkpoints(made, "show", "nobody", code=5)
    assert ended.err.startswith("error[CF019]: no checkpoint or stage matches `nobody`")
    assert "nothing was put away" in checkpoints(made, "restore", code=5).err


def test_the_documents_are_listed_newest_first(made) -> None:
    made.repro(code=3)
    docs = listed(made)
    assert {d["stage"] for d in docs} == {"items", "parts", "whole"}
    items = [d for d in docs if d["stage"] == "items"]
    assert items[0]["latest"] and items[0]["status"] == "completed"
    assert [d["latest"] for d in items[1:]] == [False] * (len(items) - 1)
    newest = items[0]
    assert (newest["processed"], newest["total"], newest["errors"], newest["skipped"]) == (100, 100, 4, 4)
    assert newest["valid"] and newest["problem"] is None and newest["file"].endswith("_completed.json")
    assert newest["run"] == made.run("log", "--json").json["runs"][0]["run"]
    assert listed(made, "whole") == [d for d in docs if d["stage"] == "whole"] == listed(made, "--stage", "whole")
    assert listed(made, newest["id"], "--run", newest["run"])[0] == newest
    assert listed(made, "--run", "another") == listed(made, "--older-than", "1d") == []
    age(made)
    assert {d["stage"] for d in listed(made, "--older-than", "30d")} == {"items"}
    text = checkpoints(made, "list").out
    assert "100/100" in text and "*  items  " in text


def test_a_report_says_what_a_person_asks(made) -> None:
    made.repro(code=3)
    text = checkpoints(made, "show", "items").out
    assert "100 of 100 items (100%): 92 ok, 4 failed, 4 skipped" in text
    assert "completed" in text and "(latest)" in text and "work:item" in text
    file = listed(made, "items")[0]["file"]
    for name in (file, Path(file).name, listed(made, "items")[0]["id"], f".ckptflow/store/{file}"):
        assert checkpoints(made, "show", name).out.splitlines()[2] == text.splitlines()[2]
    path = made.root / ".ckptflow/store" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mine": {"a": 1}}))
    assert checkpoints(made, "show", "items", "--json").json["mine"] == {"a": 1}
    assert "4 of 4 chunks" in checkpoints(made, "show", "parts").out


def test_a_report_while_the_run_goes_on(made, kill_all) -> None:
    """Exact at any moment: what was recorded since the checkpoint is added. Nobody waits for anybody."""
    process = made.start("repro", "items", "-q", WAIT="57")
    made.await_traces(58)
    # 40 items are in records of chunks; of the third chunk ten are kept: the checkpoint of the 50th item tells of them.
    text = shown(made, "50 of 100 items (50%)")
    assert f"in_progress, by pid {process.pid} on " in text and "about" in text
    document = checkpoints(made, "show", "items", "--json").json
    assert document["processed_count"] == 50 and document["progress"]["counts"] == "items"
    assert list(document["progress"]["unfinished"].values()) == [[9, 1, 0]]
    assert "valid" in checkpoints(made, "list", "--chunks", "items").out
    states = [(c["chunk"], c["state"]) for c in chunks(made, "items")]
    assert states == [(0, "valid"), (1, "valid"), (2, "unfinished")]
    made.let("go")
    assert made.finish(process).code == 3
    assert "completed" in checkpoints(made, "show", "items").out


def test_a_report_before_the_first_checkpoint_of_a_run(made) -> None:
    """A run that has written none yet is told of by what it has recorded, whatever an earlier one came to."""
    made.pipeline(PIPELINE.replace("items: 10, keep", "items: 1000, keep"))
    for wait, rows, begun, records, done in ((43, 100, 44, 2, 40), (125, 150, 26, 6, 20)):
        made.rows(rows)
        made.forget()
        process = made.start("repro", "items", "-q", WAIT=str(wait))
        made.await_traces(begun)
        until(lambda wanted=records: made.records() == wanted, "the records")
        text = checkpoints(made, "show", "items").out
        assert f"in_progress, by pid {process.pid}" in text and "none of this run yet" in text
        assert f"{done} items: " in text and f"{done} items recorded by this run" in text
        made.let("go")
        assert made.finish(process).code == 3
        Path(f"{made.side}.go").unlink()
    assert "150 of 150 items" in checkpoints(made, "show", "items").out


@pytest.mark.parametrize("items", [7, 30, 1000])
def test_a_killed_run_is_reported_up_to_its_last_record(made, kill_all, items) -> None:
    """However seldom checkpoints are written: chunks that were recorded since are counted, and none twice."""
    made.pipeline(PIPELINE.replace("items: 10, keep", f"items: {items}, keep"))
    process = made.start("repro", "items", "-q", WAIT="89")
    made.await_traces(90)
    until(lambda: made.records() == 4 and kept(made) == {7: 9, 30: 0, 1000: 0}[items], "what was done to be recorded")
    kill_all(process)
    if items == 1000:  # no checkpoint was written
        checkpoints(made, "show", "items", code=1)
        return
    text = checkpoints(made, "show", "items").out
    assert f"{87 if items == 7 else 80} of 100 items" in text and "nobody here is at work on it" in text
    made.repro("items", code=3)
    assert "100 of 100 items (100%): 92 ok, 4 failed, 4 skipped" in checkpoints(made, "show", "items").out


def test_stored_chunks_and_what_they_are_worth(made) -> None:
    made.repro(code=3)
    stored = chunks(made)
    assert [(c["stage"], c["chunk"]) for c in stored] == [
        *(("items", i) for i in range(5)),
        *(("parts", i) for i in range(4)),
        ("whole", None),
    ]
    assert {c["state"] for c in stored} == {"valid"} and {c["format"] for c in stored} == {"parquet"}
    assert stored[0]["items"] == {"ok": 19, "failed": 0, "skipped": 1} and stored[0]["rows"] == 19
    assert stored[5]["label"] and stored[5]["rows"] == 25
    assert [c["chunk"] for c in chunks(made, "parts#1..2", "items#4")] == [4, 1, 2]
    assert checkpoints(made, "list", "--json", "parts#1..2").json["chunks"] == chunks(made, "parts#1..2")
    checkpoints(made, "list", "parts#9", code=5)
    text = (made.root / "rows.csv").read_text()
    (made.root / "rows.csv").write_text(text.replace("30,900", "30,901"))
    states = {(c["chunk"], c["state"]) for c in chunks(made, "--stage", "parts")}
    assert states == {(0, "valid"), (1, "stale"), (2, "valid"), (3, "valid")}
    assert [(c["stage"], c["state"]) for c in chunks(made, "whole")] == [("whole", "maybe")]
    assert {c["stage"] for c in chunks(made, "--state", "stale")} == {"items", "parts"}
    made.repro(code=3)
    states = [(c["chunk"], c["state"]) for c in chunks(made, "parts")]
    assert states.count((1, "valid")) == 1 and len(states) == 5
    assert sum(c["state"] == "stale" for c in chunks(made, "parts")) == 1
    assert chunks(made, "--run", "another") == []


def test_what_is_frozen_or_has_no_lock_entry_is_listed_all_the_same(made) -> None:
    made.repro(code=3)
    made.run("freeze", "parts")
    (made.root / "pipeline.lock").unlink()
    assert [c["state"] for c in chunks(made, "parts")] == ["valid"] * 4


def test_old_checkpoints_go_and_come_back(made) -> None:
    made.repro(code=3)
    age(made)
    made.rows(120)
    made.repro(code=3)
    before = {d["file"]: d["status"] for d in listed(made, "items")}
    newest = listed(made, "items")[0]["file"]
    dry = checkpoints(made, "prune", "items", "--older-than", "30d", "--json").json
    assert not dry["done"] and {d["why"] for d in dry["checkpoints"]} == {"older than asked"}
    assert {d["file"] for d in listed(made, "items")} == set(before)
    going = [d["file"] for d in dry["checkpoints"]]
    stamps = [re.search(r"_(\d{14})_", file)[1] for file in going]
    assert stamps == sorted(stamps) and newest not in going
    done = checkpoints(made, "prune", "items", "--older-than", "30d", "--yes", "-v")
    assert f"info: checkpoint {going[0]} put away: older than asked" in done.err
    assert "Undo within 7 days: `ckptflow checkpoints restore --from-trash`" in done.out
    assert {d["file"] for d in listed(made, "items")} == set(before) - set(going)
    trash = checkpoints(made, "list", "--trash", "--json").json["checkpoints"]
    assert {d["file"] for d in trash} == set(going) and all(d["trashed"] for d in trash)
    back = checkpoints(made, "restore", "--from-trash", "--json").json
    assert {d["file"] for d in back["checkpoints"]} == set(going)
    assert back["latest"] == [going[-1]] and latest(made) == Path(going[-1]).name
    assert {d["file"]: d["status"] for d in listed(made, "items")} == before
    checkpoints(made, "restore", newest)
    assert latest(made) == Path(newest).name


def test_keep_leaves_the_newest_and_the_newest_valid_one(made) -> None:
    made.repro(code=3)
    age(made)
    newest = listed(made, "items")[0]
    assert newest["status"] == "completed"
    bad = folder(made) / f"items_{datetime.now(UTC):%Y%m%d%H%M%S}_failed.json"
    bad.write_text("{")
    found = checkpoints(made, "prune", "--keep", "1", "--older-than", "1d", "--yes", "--json").json
    assert newest["file"] not in {d["file"] for d in found["checkpoints"]}
    left = listed(made, "items")
    assert [d["file"] for d in left] == [f"checkpoints/items/{bad.name}", newest["file"]]
    assert checkpoints(made, "prune", "--keep", "1").out == "Nothing to put away.\n"


def test_a_removed_checkpoint_is_not_pointed_to(made) -> None:
    made.repro(code=3)
    first, second, *_ = listed(made, "items")
    checkpoints(made, "remove", first["file"], "--yes")
    assert latest(made) == Path(second["file"]).name
    checkpoints(made, "remove", *(d["file"] for d in listed(made, "items")), "--yes")
    assert not os.path.lexists(folder(made) / "latest.json") and listed(made, "items") == []
    back = checkpoints(made, "restore", first["id"])
    assert f"latest    {first['file']}" in back.out and latest(made) == Path(first["file"]).name
    ended = checkpoints(made, "remove", "items", code=2)
    assert "`items` is a stage, and no checkpoint" in ended.err


def test_forgotten_chunks_are_made_again(made) -> None:
    made.repro(code=3)
    before = made.content("data")
    lock = (made.root / "pipeline.lock").read_bytes()
    made.forget()
    assert "would forget  parts  parts#1" in checkpoints(made, "remove", "parts#1..2").out
    assert made.repro(code=3) and made.traces() == []
    checkpoints(made, "remove", "parts#1..2", "whole#0", "--yes")
    why = made.run("why", "parts", "--json").json["stages"][0]
    assert why["causes"][0]["cause"] == "forgotten" and why["chunks"]["stale"] == 2
    assert [c["chunk"] for c in chunks(made, "parts")] == [0, 3]
    ended = made.repro(code=3)
    assert ended.counts("parts") == (2, 2, 0) and ended.counts("whole") == (1, 0, 0)
    assert sorted(made.traces()) == ["part", "part", "whole"]
    assert made.content("data") == before and (made.root / "pipeline.lock").read_bytes() == lock
    note = checkpoints(made, "restore", "--json").json["notes"]
    assert any("made again since" in text for text in note)


def test_forgotten_chunks_count_again_when_they_are_restored(made) -> None:
    made.repro(code=3)
    lock = (made.root / "pipeline.lock").read_bytes()
    checkpoints(made, "remove", "items#0..9", "parts#0", "--yes")
    assert made.run("status", "-q").code == 10
    rows = checkpoints(made, "list", "--trash", "--json").json["records"]
    assert {(row["stage"], row["records"]) for row in rows} == {("items", 5), ("parts", 1)}
    assert checkpoints(made, "restore", "parts#0", "--json").json["records"] == {"parts": 1}
    assert checkpoints(made, "restore", "items", "--json").json["records"] == {"items": 5}
    made.forget()
    made.repro(code=3)
    assert made.traces() == [] and (made.root / "pipeline.lock").read_bytes() == lock
    assert checkpoints(made, "list", "--trash").out == "The trash is empty.\n"


def test_a_chunk_whose_objects_are_gone_cannot_be_restored(made) -> None:
    made.repro(code=3)
    checkpoints(made, "remove", "parts#3", "--yes")
    shutil.rmtree(made.root / "data")
    (made.root / "pipeline.lock").unlink()
    for path in (made.root / ".ckptflow/store/objects").rglob("*"):
        if path.is_file():
            path.unlink()
    notes = checkpoints(made, "restore", "--json").json
    assert notes["records"] == {} and "the objects are gone; a run makes them again" in notes["notes"][0]


def test_what_was_kept_of_an_unfinished_chunk_can_be_forgotten(made, kill_all) -> None:
    process = made.start("repro", "items", "-q", WAIT="15")
    made.await_traces(16)
    until(lambda: kept(made) == 1, "what is kept")
    kill_all(process)
    assert [(c["state"], c["items"]["ok"]) for c in chunks(made)] == [("unfinished", 9)]
    checkpoints(made, "remove", "items#0", "--yes")
    assert chunks(made) == []
    made.forget()
    made.repro("items", code=3)
    assert made.traces().count("0") == 1, "the chunk began anew"


def test_gc_keeps_what_can_be_had_back_and_sweeps_it_in_the_end(made) -> None:
    made.repro(code=3)
    checkpoints(made, "remove", "parts#0..3", listed(made, "items")[0]["file"], "--yes")
    made.run("repro", "-f", "parts")
    assert made.run("gc", "--yes").code == 0
    assert len(checkpoints(made, "list", "--trash", "--json").json["checkpoints"]) == 1
    text = made.run("gc", "--grace", "0").out
    assert "would delete  trash" in text
    assert made.run("gc", "--grace", "0", "--yes").code == 0
    assert checkpoints(made, "list", "--trash").out == "The trash is empty.\n"
    assert not list((made.root / ".ckptflow/store/trash").iterdir())


def test_a_living_run_keeps_others_from_changing_anything(made) -> None:
    made.repro("parts", "whole")
    checkpoints(made, "remove", "whole#0", "--yes")
    process = made.start("repro", "items", "-q", WAIT="5")
    made.await_traces(len(made.traces()) + 1)
    for args in (("prune", "--keep", "1", "--yes"), ("remove", "parts#0", "--yes"), ("restore",)):
        ended = checkpoints(made, *args, code=11)
        assert f"pid {process.pid}" in ended.err
    for args in (("list",), ("list", "--chunks"), ("show", "parts"), ("verify", "--deep"), ("prune", "--keep", "1")):
        checkpoints(made, *args)
    made.let("go")
    assert made.finish(process).code == 3
    assert checkpoints(made, "restore", "--json").json["records"] == {"whole": 1}


def test_what_happens_to_checkpoints_is_logged(made) -> None:
    """Written, removed because enough are kept, passed over: told with -v, in the events, by `log RUN`."""
    made.pipeline(PIPELINE.replace("keep: 10", "keep: 2"))
    assert made.run("repro", "items", FAIL="70").code == 3
    age(made, days=1)
    bad = folder(made) / f"items_{datetime.now(UTC):%Y%m%d%H%M%S}_failed.json"
    bad.write_text("")
    made.rows(130)
    ended = made.run("repro", "items", "-v", "--events", "events.jsonl")
    assert ended.code == 3
    texts = [
        f"checkpoint checkpoints/items/{bad.name} passed over: corrupt",
        "removed: 2 are kept",
        "written (completed, 130 of 130 done); latest.json points to it",
    ]
    assert all(text in ended.err for text in texts)
    events = [json.loads(line) for line in (made.root / "events.jsonl").read_text().splitlines()]
    noted = [e for e in events if e["type"] == "note"]
    assert {e["level"] for e in noted} == {"info", "warning"}
    run = made.run("log", "--json").json["runs"][0]["run"]
    shown = made.run("log", run, "--json").json
    assert [(o["level"], o["text"]) for o in shown["checkpoints"]] == [(e["level"], e["message"]) for e in noted]
    text = made.run("log", run[:-2]).out
    assert "warning: checkpoint" in text and "QUARANTINED" in text
    assert made.run("log", "nonsense").code == 5
    quiet = made.run("repro", "items")
    assert "written (" not in quiet.err


def test_a_run_goes_on_from_what_was_interrupted_and_says_so(made, kill_all) -> None:
    process = made.start("repro", "items", "-q", WAIT="45")
    made.await_traces(46)
    until(lambda: any(d["processed"] == 40 for d in listed(made, "items")), "the checkpoint")
    kill_all(process)
    run = sorted(path.name for path in (made.root / ".ckptflow/logs").iterdir())[-1]
    killed = made.run("log", run).out
    assert "going on, or was killed" in killed and "written (in_progress" in killed
    ended = made.run("repro", "items", "-v")
    assert "items goes on from checkpoint items_" in ended.err and "(in_progress, 40 of 100 done)" in ended.err


# ---- checkpoints that cannot be used


def kinds(newest: Path):
    """Return by kind: what is done to the newest checkpoint, and a word of how it is told."""
    text = newest.read_text()
    doc = json.loads(text)

    def link():
        newest.unlink()
        newest.symlink_to("gone.json")

    def loop():
        newest.unlink()
        newest.symlink_to(newest.name)

    def unreadable():
        if os.geteuid():
            newest.chmod(0)
        else:  # root reads everything but what is no file
            newest.unlink()
            newest.mkdir()
            (newest / "file").touch()

    def future():
        newest.unlink()
        ahead = doc | {"checkpoint_id": "items_20991231235959"}
        newest.with_name(f"items_20991231235959_{doc['status']}.json").write_text(json.dumps(ahead))

    def twins():
        newest.write_text(text[:-20])
        newest.with_name(newest.name.replace(f"_{doc['status']}.", "_resuming.")).write_text("[]")

    def moved():
        half = datetime.now(UTC) - timedelta(minutes=30)  # not a name that the next run could give
        newest.rename(newest.with_name(f"items_{half:%Y%m%d%H%M%S}_failed.json"))

    return {
        "truncated": (lambda: newest.write_text(text[: len(text) // 2]), "corrupt"),
        "empty": (lambda: newest.write_text(""), "corrupt"),
        "wrong JSON": (lambda: newest.write_text('["a", "list"]'), "not a JSON object"),
        "wrong version": (lambda: newest.write_text(json.dumps(doc | {"version": "7.0"})), "version '7.0'"),
        "wrong dataset": (lambda: newest.write_text(text.replace('"items', '"other')), "of other, not of items"),
        "binary noise": (lambda: newest.write_bytes(bytes(range(256)) * 9), "corrupt"),
        "dangling symlink": (link, "link to nowhere"),
        "a loop of links": (loop, "link to nowhere"),
        "permission denied": (unreadable, "permission denied" if os.geteuid() else "not a file"),
        "future date": (future, "in the future"),
        "two of one timestamp": (twins, "corrupt"),
        "another's name": (moved, "under another name"),
    }


KINDS = [
    *("truncated", "empty", "wrong JSON", "wrong version", "wrong dataset", "binary noise", "dangling symlink"),
    *("a loop of links", "permission denied", "future date", "two of one timestamp", "another's name"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_cannot_be_used(made, kill_all, kind) -> None:
    """It is named by `list` and `verify`, the run goes on from the newest valid one, and `prune` takes it away."""
    made.pipeline(PIPELINE.replace("on_error: quarantine", "on_error: fail").replace("items: 10", "items: 20"))
    made.work(FUNCTIONS.replace('raise ValueError("no good")', "return None"))
    assert made.run("repro", "items", FAIL="50").code == 1
    files = [d["file"] for d in listed(made, "items")]
    newest = made.root / ".ckptflow/store" / files[0]
    older = folder(made) / f"items_{datetime.now(UTC) - timedelta(hours=1):%Y%m%d%H%M%S}_in_progress.json"
    doc = json.loads(newest.read_text())
    doc |= {"checkpoint_id": older.name.removesuffix("_in_progress.json"), "status": "in_progress", "error": None}
    older.write_text(json.dumps(doc))
    for file in files[1:]:
        (made.root / ".ckptflow/store" / file).unlink()
    damage, word = kinds(newest)[kind]
    damage()

    found = [d for d in listed(made, "items") if not d["valid"]]
    assert len(found) == (2 if kind == "two of one timestamp" else 1)
    assert word in found[0]["problem"] and "damaged" in checkpoints(made, "list").out
    ended = checkpoints(made, "verify", code=6)
    assert all(Path(d["file"]).name in ended.out for d in found) and word in ended.out
    assert "checkpoints prune --state corrupt" in ended.out
    assert len([f for f in made.run("verify", "--json").json["findings"] if f["name"] == found[0]["file"]]) == 1
    assert f"checkpoint  {older.relative_to(made.root / '.ckptflow/store')}" in checkpoints(made, "show", "items").out

    made.forget()
    ended = made.run("repro", "items", "-v")
    assert ended.code == 0
    assert f"items goes on from checkpoint {older.name.removesuffix('_in_progress.json')}" in ended.err
    assert all(f"{d['file']} passed over" in ended.err for d in found)
    assert sorted(map(int, made.traces())) == list(range(50, 100)), "what was recorded, and kept, is not made again"
    assert pq.read_table(made.root / "data/one.parquet").num_rows == 92

    checkpoints(made, "prune", "--state", "corrupt")
    assert not all(d["valid"] for d in listed(made, "items"))
    checkpoints(made, "prune", "--state", "corrupt", "--yes")
    assert all(d["valid"] for d in listed(made, "items"))
    assert "all are sound" in checkpoints(made, "verify").out


def test_a_pointer_that_leads_nowhere_is_found_and_set_right(made) -> None:
    made.repro(code=3)
    pointer = folder(made) / "latest.json"
    right = latest(made)
    for text in (None, "{"):
        pointer.unlink()
        if text is None:
            pointer.symlink_to("gone.json")
        else:
            pointer.write_text(text)
        assert "latest.json" in checkpoints(made, "verify", code=6).out
        checkpoints(made, "prune", "--state", "corrupt", "--yes")
        assert latest(made) == right
        checkpoints(made, "verify")


def test_objects_of_chunks_that_are_bad_or_missing(made) -> None:
    made.repro(code=3)
    before = made.content("data")
    objects = {}
    for path in (made.root / ".ckptflow/store/objects").rglob("*"):
        if path.is_file():
            objects[path.parent.name + path.name] = path
    log = next((made.root / ".ckptflow/store/records").glob("*.jsonl"))
    records = [json.loads(line) for line in log.read_text().splitlines()]
    first, second = [r["outs"]["part"][0] for r in records if r.get("stage") == "parts" and "outs" in r][:2]
    data = objects[first].read_bytes()
    objects[first].chmod(0o644)
    objects[first].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    objects[second].unlink()
    shutil.rmtree(made.root / "data/part.parquet")
    assert sum(c["state"] == "corrupt" for c in chunks(made, "parts")) == 1
    assert sum(c["state"] == "corrupt" for c in chunks(made, "parts", "--deep")) == 2
    assert checkpoints(made, "verify").out.endswith("all are sound.\n")
    ended = checkpoints(made, "verify", "--deep", "--json", code=6).json
    assert sorted(f["what"] for f in ended["findings"]) == ["object", "record", "record"]
    checkpoints(made, "verify", "items", "--deep")
    dry = checkpoints(made, "prune", "--state", "corrupt", "--json").json
    assert len(dry["chunks"]) == 2 and objects[first].exists()
    checkpoints(made, "prune", "--state", "corrupt", "--yes")
    assert not objects[first].exists() and list((made.root / ".ckptflow/store/quarantine").iterdir())
    checkpoints(made, "verify", "--deep")
    made.forget()
    assert made.repro(code=3).counts("parts") == (2, 2, 0)
    assert made.content("data") == before


def test_checkpoints_of_a_stage_that_is_no_more(made) -> None:
    made.repro(code=3)
    made.pipeline(PIPELINE.split("      whole:")[0])
    assert [d["stage"] for d in listed(made, "whole")] == ["whole"]
    assert "completed" in checkpoints(made, "show", "whole").out
    made.write("pipeline.yaml", "stages: [")
    assert len(listed(made)) >= 3 and checkpoints(made, "verify")
    assert "completed" in checkpoints(made, "show", "whole").out
    assert made.run("checkpoints", "list", "--chunks").code == 4


def test_wrong_command_lines(made) -> None:
    assert checkpoints(made, "prune", "--state", "corrupt", "--keep", "3", code=2).err.startswith("error[CF003]")
    checkpoints(made, "list", "--trash", "--chunks", code=2)
    checkpoints(made, "prune", "--keep", "0", code=2)
    made.repro("whole")
    ended = checkpoints(made, "prune", listed(made, "whole")[0]["id"], code=2)
    assert "is one checkpoint, and no stage" in ended.err
    checkpoints(made, "remove", code=2)
    assert "did you mean `ckptflow checkpoints remove`?" in checkpoints(made, "rm", "x", code=2).err
    assert "did you mean `ckptflow checkpoints prune`?" in made.run("prune").err
    assert made.run("log", "x", "-n", "2").code == 2


def test_reading_writes_nothing_into_the_store(made) -> None:
    made.repro(code=3)
    store = made.root / ".ckptflow/store"

    def seen():
        return {p: p.lstat().st_mtime_ns for p in store.rglob("*") if "locks" not in p.parts}

    before = seen()
    time.sleep(0.01)
    for args in (("list",), ("list", "--state", "all"), ("show", "items"), ("verify", "--deep"), ("list", "--trash")):
        checkpoints(made, *args)
    checkpoints(made, "prune", "--keep", "1")
    checkpoints(made, "remove", "items#1")
    assert seen() == before
