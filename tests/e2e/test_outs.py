"""Outs in the workspace: put back, linked, never overwritten when somebody changed them."""

from __future__ import annotations

import os
import shutil

import pytest

PIPELINE = """
    stages:
      parts:
        call: work:parts
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 20, cut: fixed}
        outs: {parts: data/parts.parquet}
      one:
        call: work:one
        deps: {rows: data/parts.parquet}
        outs: {one: data/one.json}
      folder:
        call: work:folder
        outs: {folder: {path: data/folder, format: dir}}
"""


@pytest.fixture
def made(place):
    place.work("""
        def parts(rows):
            trace("parts")
            return rows

        def one(rows):
            trace("one")
            return rows.num_rows

        def folder(folder):
            trace("folder")
            (folder / "deep").mkdir()
            (folder / "deep" / "a.txt").write_text("a")
            (folder / "b.txt").write_text("b")
    """)
    place.pipeline(PIPELINE)
    place.rows(60)
    place.repro()
    place.forget()
    return place


OUTS = ("data/parts.parquet", "data/one.json", "data/folder")


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("out", OUTS)
def test_a_deleted_out_is_put_back_without_running(made, out):
    before = made.content(out)
    remove(made.root / out)
    status = made.run("status")
    assert "is missing and will be put back" in made.run("status", "--explain").out, status.out
    ended = made.repro()
    assert made.content(out) == before
    assert made.traces() == []
    assert [s["state"] for s in ended.json["stages"]].count("reused") == 1
    assert made.repro().json["stages"][0]["state"] == "fresh"


def test_a_deleted_part_is_put_back(made):
    before = made.content("data/parts.parquet")
    (made.root / "data/parts.parquet/part-000001.parquet").unlink()
    made.repro()
    assert made.content("data/parts.parquet") == before
    assert made.traces() == []


@pytest.mark.parametrize("out", ["data/parts.parquet/part-000001.parquet", "data/one.json", "data/folder/deep/a.txt"])
def test_a_replaced_file_is_somebodys_work(made, out):
    path = made.root / out
    before = path.read_bytes()
    path.unlink()
    path.write_text("mine")
    ended = made.run("repro")
    assert ended.code == 1
    assert "was changed by hand" in ended.err
    assert "--force" in ended.err
    assert path.read_text() == "mine"
    assert made.traces() == []
    assert made.run("status", "-q").code == 10
    made.repro("-f")
    assert path.read_bytes() == before
    assert made.repro().json["stages"][0]["state"] == "fresh"


def test_a_file_added_to_an_out_is_somebodys_work(made):
    for path in ("data/parts.parquet/notes.txt", "data/folder/notes.txt"):
        (made.root / path).write_text("mine")
        ended = made.run("repro")
        assert ended.code == 1
        assert (made.root / path).read_text() == "mine"
        made.repro("-f")
        assert not (made.root / path).exists()


def test_what_was_there_before_the_first_run_is_not_overwritten(place):
    place.work("""
        def one():
            return 1
    """)
    place.pipeline("""
        stages:
          one: {call: "work:one", outs: {one: one.json}}
    """)
    place.write("one.json", "precious")
    ended = place.run("repro")
    assert ended.code == 1
    assert "was not made by ckptflow" in ended.err
    assert (place.root / "one.json").read_text() == "precious"
    place.repro("-f")
    assert (place.root / "one.json").read_text().strip() == "1"


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_an_edit_through_the_link_is_found_and_its_bytes_are_kept(made, link):
    made.env["CKPTFLOW_LINK"] = link
    remove(made.root / "data/one.json")
    made.repro()
    path = made.root / "data/one.json"
    good = path.read_bytes()
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(b"9999 scribbled by hand\n")
    path.chmod(mode)
    ended = made.repro()
    assert path.read_bytes() == good
    assert made.traces() == ["one"], "the object was bad, so its chunk had to be made again"
    assert "damaged" in ended.err
    kept = [p for p in (made.root / ".ckptflow").rglob("*") if p.is_file() and p.read_bytes().startswith(b"9999 scrib")]
    assert len(kept) == 1
    made.forget()
    made.repro()
    assert made.traces() == []


@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy"])
def test_every_way_to_place_an_out(made, link):
    before = {out: made.content(out) for out in OUTS}
    for out in OUTS:
        remove(made.root / out)
    made.env["CKPTFLOW_LINK"] = link
    made.repro()
    assert {out: made.content(out) for out in OUTS} == before
    path = made.root / "data/one.json"
    assert path.is_symlink() == (link == "symlink")
    assert (path.stat().st_nlink > 1) == (link == "hardlink")
    assert made.traces() == []


def test_an_older_version_that_the_store_holds_may_be_replaced(made):
    first = made.content("data/one.json")
    made.rows(80)
    made.repro()
    assert made.content("data/one.json") != first
    (made.root / "data/one.json").unlink()
    (made.root / "data/one.json").write_bytes(first[""])
    made.forget()
    made.repro()
    assert made.content("data/one.json") != first
    assert made.traces() == []


def test_going_back_to_older_data_runs_nothing(made):
    first = {out: made.content(out) for out in OUTS}
    made.rows(80)
    made.repro()
    made.rows(60)
    made.forget()
    ended = made.repro()
    assert made.traces() == []
    assert {out: made.content(out) for out in OUTS} == first
    assert ended.stage("one")["state"] == "reused"


def test_derived_data_may_be_deleted_at_any_time(made):
    for name in ("cache.db", "cuts", "logs"):
        path = made.root / ".ckptflow" / name
        if path.exists():
            remove(path)
    for name in ("cache.db-wal", "cache.db-shm"):
        (made.root / ".ckptflow" / name).unlink(missing_ok=True)
    assert made.repro().json["stages"][0]["state"] == "fresh"
    (made.root / "pipeline.lock").unlink()
    assert made.run("repro").code == 0
    (made.root / ".ckptflow/cache.db").write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    (made.root / "pipeline.lock").unlink()
    assert made.run("repro").code == 0
    assert made.traces() == [], "records are enough"


def test_without_the_store_everything_is_made_again(made):
    remove(made.root / ".ckptflow")
    before = {out: made.content(out) for out in OUTS}
    ended = made.run("repro")
    if ended.code:  # nobody knows any more that the outs are ours
        assert "--force" in ended.err
        made.repro("-f")
    assert {out: made.content(out) for out in OUTS} == before
    assert sorted(made.traces()) == ["folder", "one", "parts", "parts", "parts"]


def test_an_out_that_lives_in_the_store_alone(place):
    place.work("""
        def parts(rows):
            return rows

        def one(rows):
            return rows.num_rows
    """)
    place.rows(60)
    hidden = PIPELINE.replace("{parts: data/parts.parquet}", "{parts: {path: data/parts.parquet, workspace: false}}")
    place.pipeline(hidden.split("      folder:")[0])
    place.repro()
    assert not (place.root / "data/parts.parquet").exists()
    assert place.content("data/one.json")[""].strip() == b"60"
    assert place.repro().stage("parts")["state"] == "fresh"


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_looking_at_a_damaged_out_does_not_get_in_the_way(made, link):
    made.env["CKPTFLOW_LINK"] = link
    for out in OUTS:
        remove(made.root / out)
    made.repro()
    before = {out: made.content(out) for out in OUTS}
    for out in ("data/parts.parquet/part-000001.parquet", "data/folder/b.txt"):
        path = made.root / out
        path.chmod(0o644)
        path.write_bytes(b"scribbled")
    made.run("status")
    assert made.run("status", "-q").code == 10
    made.repro()
    assert {out: made.content(out) for out in OUTS} == before
    assert sorted(made.traces()) == ["folder", "parts"]


def test_a_lost_object_of_a_directory_is_made_again(made):
    before = made.content("data/folder")
    lost = (made.root / "data/folder/b.txt").stat().st_ino
    for path in (made.root / ".ckptflow/store/objects").rglob("*"):
        if path.is_file() and path.stat().st_ino == lost:
            path.unlink()
    remove(made.root / "data/folder")
    made.repro()
    assert made.content("data/folder") == before
    assert made.traces() == ["folder"]


COUNTED = """
    stages:
      train:
        cmd:
          - echo train 1 >> "$SIDE"; mkdir -p plots
          - wc -c < in.txt > model; wc -l < in.txt | tee plots/a > metrics.json
        deps: [in.txt]
        outs:
          - model
          - plots: {cache: false}
        metrics:
          - metrics.json: {cache: false}
      after:
        cmd: 'echo after 1 >> "$SIDE"; cat metrics.json > after.txt'
        deps: [metrics.json]
        outs: [after.txt: {cache: false}]
"""


@pytest.fixture
def counted(place):
    place.pipeline(COUNTED)
    place.write("in.txt", "one\n")
    place.repro()
    place.forget()
    return place


def test_outs_that_are_not_cached_are_plain_files_and_come_back_all_the_same(counted):
    metrics = counted.root / "metrics.json"
    store = {p.stat().st_ino for p in (counted.root / ".ckptflow/store/objects").rglob("*") if p.is_file()}
    assert metrics.stat().st_ino not in store
    assert os.access(metrics, os.W_OK)
    counted.write("in.txt", "one\ntwo\n")
    counted.repro()
    counted.write("in.txt", "one\n")
    counted.forget()
    assert counted.repro().stage("train")["state"] == "reused"
    assert counted.traces() == []
    assert counted.content("metrics.json")[""].strip() == b"1"
    assert metrics.stat().st_mode & 0o222
    assert metrics.stat().st_ino not in store


def test_what_git_brought_is_as_good_as_made(counted):
    """A fresh clone has the lock file and the outs that git tracks, and neither the store nor other outs."""
    shutil.rmtree(counted.root / ".ckptflow")
    assert counted.run("status", "-q").code == 0
    counted.repro()
    assert counted.traces() == []
    (counted.root / "model").unlink()
    shutil.rmtree(counted.root / ".ckptflow")
    counted.repro()
    assert counted.traces() == ["train"], "one of its outs is not there; the stage after it is as it was"


def test_what_git_brought_may_be_replaced_and_what_was_edited_may_not(counted):
    shutil.rmtree(counted.root / ".ckptflow")
    counted.write("in.txt", "other\nlines\n")
    counted.repro()
    assert counted.traces() == ["train", "after"]
    counted.write("metrics.json", "mine\n")
    counted.write("in.txt", "other\n")
    assert counted.run("repro").code == 1
    assert counted.content("metrics.json")[""] == b"mine\n"
