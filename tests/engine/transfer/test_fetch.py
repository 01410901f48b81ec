from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ckptflow.project import Project
from ckptflow.store import layout
from ckptflow.store.bucket import Unavailable
from tests.engine.transfer.world import PAGES, PIPELINE, Counted, Made, clone, content, filled, states


def test_a_clone_gets_everything(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make("first")
    first.repro()
    pushed = first.push()
    assert (pushed.records, pushed.missing, pushed.left_out) == (6, (), {})
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull()
    assert pulled.missing == ()
    assert [o.state for o in pulled.placed.outs] == ["added", "added"]
    assert pulled.fetched.records == 6
    for out in ("data/squares.parquet", "data/total.json"):
        assert content(second, out) == content(first, out) != {}
    bucket.fail = lambda kind, name: True
    assert {state for state, _, _ in states(second).values()} == {"fresh"}
    (second.root / "rows.csv").write_text("x\n" + "".join(f"{i}\n" for i in range(40)) + "7\n")
    assert states(second)["squares"] == ("ran", 1, 4), "the chunks are known here without the remote"


def test_fetched_records_are_as_they_were(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first")
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    second.fetch()

    def lines(project: Project) -> list[dict[str, Any]]:
        files = (project.root / ".ckptflow/store/records").glob("*.jsonl")
        docs = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        return sorted(({k: v for k, v in d.items() if k not in ("x", "from")} for d in docs), key=lambda d: d["key"])

    assert lines(second) == lines(first)


@pytest.mark.parametrize("records", [10, 3000])
def test_nothing_to_fetch_costs_two_requests(make: Made, bucket: Counted, records: int) -> None:
    project = make("first")
    project.repro()
    filled(project, records)
    project.push()
    bucket.asked.clear()
    again = project.pull()
    assert (again.fetched.objects, again.fetched.records, again.missing) == (0, 0, ())
    assert bucket.asked == {"get": 1, "list": 1}


def test_dry_moves_nothing(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make("first")
    first.repro()
    would = first.push(dry=True)
    assert (would.records, would.dry) == (6, True)
    assert would.objects > 6
    assert bucket.names("") == []
    did = first.push()
    assert (did.records, did.objects) == (would.records, would.objects)
    second = clone(first, tmp_path / "second", open_project)
    looked = second.fetch(dry=True)
    assert (looked.records, looked.outs, looked.complete, looked.missing) == (6, 2, 2, ())
    assert not (second.root / ".ckptflow/store/objects").exists()
    fetched = second.fetch()
    assert (fetched.objects, fetched.bytes > 0) == (looked.objects, True)


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted
) -> None:
    first = make("first", rows=200)
    first.repro()
    for target in ("squares", "total"):  # two packs
        first.push([target])
    second = clone(first, tmp_path / "second", open_project)
    bucket.fail = lambda kind, name: kind == "get" and name.startswith(("packs/", "objects/")) and bucket.asked["x"] > 0
    got = second.fetch()
    assert got.missing == ()
    third = clone(first, tmp_path / "third", open_project)
    bucket.asked.clear()
    bucket.fail = lambda kind, name: name.startswith("packs/") and bucket.asked["get"] > 5
    with pytest.raises(Unavailable):
        third.fetch(jobs=1)
    before = sum(len(files) for _, _, files in os.walk(third.root / ".ckptflow/store/objects"))
    bucket.fail = lambda kind, name: False
    rest = third.fetch()
    assert before > 0
    assert rest.objects == got.objects - before
    assert rest.records == got.records


def test_directories_travel_whole(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first", PIPELINE + PAGES)
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.pull(["data/pages"]).missing == ()
    assert sorted(content(second, "data/pages")) == ["data/pages/0.txt", "data/pages/1.txt", "data/pages/4.txt"]


def test_other_revisions_count_when_asked(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first")

    def git(*args: str) -> None:
        command = ["git", "-C", str(first.root), "-c", "user.name=x", "-c", "user.email=x@example.org", *args]
        subprocess.run(command, check=True, capture_output=True)

    git("init", "-b", "main")
    first.repro()
    git("add", "pipeline.yaml", "pipeline.lock", "work.py", "rows.csv")
    git("commit", "-m", "one")
    git("branch", "old")
    (first.root / "rows.csv").write_text("x\n5\n")
    first.repro()
    git("add", "pipeline.lock", "rows.csv")
    git("commit", "-m", "two")
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.fetch().outs == 2
    lacking = second.fetch(branches=True)
    assert (lacking.outs, len(lacking.missing)) == (4, 2), "the trees of the other branch were not sent"
    first.push(branches=True)
    both = second.fetch(branches=True)
    assert (both.outs, both.complete, both.missing) == (4, 4, ())


def test_a_damaged_object_is_told_and_the_rest_is_brought(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted
) -> None:
    first = make("first")
    first.repro()
    first.push(["squares"])
    first.push(["total"])
    (last,) = (name for name in bucket.names("records/") if b'"stage":"total"' in bucket.get(name))
    line = next(json.loads(x) for x in bucket.get(last).splitlines() if b'"held"' in x)
    name = layout.pack_name(line["pack"]) if "pack" in line else layout.object_name(line["held"][0][0])
    bucket.put(name, b"\0" * len(bucket.get(name)))
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull()
    assert [(m.out, m.damaged) for m in pulled.missing] == [("data/total.json", True)]
    assert content(second, "data/squares.parquet") == content(first, "data/squares.parquet")
