"""Deps that are missing or cannot be read, places that cannot be written, disks that are full."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PIPELINE = """
    stages:
      one:
        call: work:one
        deps: {rows: DEP}
        outs: {one: out/one.parquet}
"""
WORK = """
    def one(rows):
        trace("one")
        return rows
"""


@pytest.fixture
def one(place):
    place.work(WORK)
    place.pipeline(PIPELINE.replace("DEP", "rows.csv"))
    return place


def told(place, *words, code=1):
    for command in ("repro", "status"):
        ended = place.run(command)
        assert ended.code == code, f"{command}: {ended.err}"
        for word in words:
            assert word in ended.err, f"{command}: {ended.err}"
        assert "bug in ckptflow" not in ended.err
        assert "Traceback" not in ended.err
    assert place.traces() == []


def test_a_missing_dep(one):
    told(one, "dep `rows.csv` is missing", "put the file there")


def test_a_fifo_is_not_waited_for(one):
    os.mkfifo(one.root / "rows.csv")
    told(one, "`rows.csv` is a FIFO")


def test_a_symlink_to_nothing_and_a_loop(one):
    (one.root / "rows.csv").symlink_to("nothing.csv")
    told(one, "is a symlink to nothing")
    (one.root / "rows.csv").unlink()
    (one.root / "rows.csv").symlink_to("rows.csv")
    told(one, "symlink")


def test_a_directory_with_a_loop(one):
    one.pipeline(PIPELINE.replace("DEP", "rows"))
    (one.root / "rows").mkdir()
    one.rows(3, "rows/a.csv")
    (one.root / "rows/loop").symlink_to("..")
    told(one, "symlink loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_dep_that_may_not_be_read(one):
    one.rows(3)
    (one.root / "rows.csv").chmod(0)
    told(one, "may not be read")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.parquet", b"PAR1 not really"),
        ("rows.parquet", b""),
        ("rows.csv", b'x,y\n1,2\n"open'),
        ("rows.csv", b"x,y\n1,2,3\n"),
        ("rows.csv", b"\xff\xfe\x00"),
        ("rows.csv", b""),
        ("rows.jsonl", b'{"x": 1}\nnot json\n'),
        ("rows.json", b"{"),
    ],
)
def test_a_malformed_dep_is_named(one, name, data):
    one.pipeline(PIPELINE.replace("DEP", name))
    (one.root / name).write_bytes(data)
    ended = one.run("repro")
    if ended.code == 0:
        assert data == b"" or name == "rows.csv", "this should not be readable"
        return
    assert ended.code == 1
    assert name in ended.err
    assert "bug in ckptflow" not in ended.err
    assert "ckptflow/run/" not in ended.err
    assert not one.records()


def test_an_empty_table_makes_an_empty_out(one):
    one.pipeline(PIPELINE.replace("DEP}", "rows.csv}\n        chunk: {over: rows, rows: 10}"))
    one.write("rows.csv", "x,y\n")
    ended = one.repro()
    assert ended.counts("one")[2] == 0
    out = one.root / "out/one.parquet"
    assert out.is_dir()
    import pyarrow.parquet as pq

    assert pq.read_table(out).num_rows == 0
    assert one.repro().stage("one")["state"] == "fresh"


@pytest.mark.parametrize("name", ["with space", "naïve-数据", "-quo'te;$(dollar)"])
def test_names_of_every_kind(tmp_path, place, name):
    place.root = tmp_path / f"pro {name}"
    place.root.mkdir()
    place.work(WORK)
    place.write(
        "pipeline.yaml",
        f"""
        stages:
          one:
            call: work:one
            deps: {{rows: {{path: "{name}/rows.csv"}}}}
            outs: {{one: {{path: "{name}.parquet"}}}}
          two:
            cmd: cat "./$WHERE/rows.csv" > "./$WHERE.txt"
            env: {{WHERE: "{name}"}}
            deps: ["{name}/rows.csv"]
            outs: ["{name}.txt"]
    """,
    )
    place.rows(3, f"{name}/rows.csv")
    place.repro()
    assert place.content(f"{name}.txt") == place.content(f"{name}/rows.csv")
    shutil.rmtree(place.root / ".ckptflow/logs", ignore_errors=True)
    assert {s["state"] for s in place.repro().json["stages"]} == {"fresh"}
    moved = tmp_path / "elsewhere"
    place.root.rename(moved)
    place.root = moved
    assert {s["state"] for s in place.repro().json["stages"]} == {"fresh"}, "a project may be moved"


@pytest.fixture
def disk(tmp_path):
    """A disk of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", place], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_keeps_what_is_finished(place, disk):
    place.work("""
        def big(rows):
            trace(first(rows))
            return os.urandom(1_000_000)
    """)
    place.pipeline("""
        stages:
          big:
            call: work:big
            deps: {rows: rows.csv}
            chunk: {over: rows, rows: 20, cut: fixed}
            outs: {big: big.pkl}
            on_error: continue
    """)
    place.rows(200)
    store = {"CKPTFLOW_STORE": str(disk / "store")}
    ended = place.run("repro", "--json", **store)
    assert ended.code == 6
    assert "space" in ended.err
    assert "run again" in ended.err
    assert "Traceback" not in ended.err
    done = sum(
        b'"key"' in line for p in (disk / "store/records").glob("*.jsonl") for line in p.read_bytes().splitlines()
    )
    assert 3 <= done < 10
    again = place.run("repro", **store)
    assert again.code == 6, "still full"
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    place.forget()
    ended = place.repro(**store)
    assert ended.counts("big")[1] >= done
    assert len(place.traces()) <= 10 - done


def test_a_full_disk_under_the_workspace(place, disk):
    place.root = disk / "project"
    place.root.mkdir()
    place.work("""
        def big():
            trace("big")
            return b"x" * 5_000_000
    """)
    place.pipeline("""
        stages:
          big: {call: "work:big", outs: {big: big.pkl}}
    """)
    (disk / "ballast").write_bytes(b"x" * 2_000_000)
    ended = place.run("repro", CKPTFLOW_LINK="copy")
    assert ended.code == 6
    assert "space" in ended.err
    assert not list(place.root.glob(".ckptflow-*")), "what was begun is not left lying about"
    (disk / "ballast").unlink()
    place.forget()
    subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
    place.repro(CKPTFLOW_LINK="copy")
    assert place.content("big.pkl")
    assert len(place.traces()) <= 1


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def test_a_project_on_a_read_only_disk(place, disk):
    place.root = disk / "project"
    place.root.mkdir()
    place.work(WORK)
    place.pipeline(PIPELINE.replace("DEP}", "rows.csv}\n        chunk: {over: rows, rows: 20}"))
    place.rows(100)
    read_only(disk)
    ended = place.run("repro")
    assert ended.code == 6
    assert "read-only" in ended.err
    assert "Traceback" not in ended.err
    assert place.run("status").code == 0
    assert place.run("status", "-q").code == 10
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    place.repro()
    read_only(disk)
    for command in ("status", "plan", "verify", "log", "dag"):
        assert place.run(command).code == 0, command
    ended = place.run("show", "one")
    assert ended.code == 0, ended.err
    assert place.run("repro", "-f").code == 6


def test_a_store_that_cannot_be_written(place, disk):
    place.work(WORK)
    place.pipeline(PIPELINE.replace("DEP", "rows.csv"))
    place.rows(10)
    place.env["CKPTFLOW_STORE"] = str(disk / "store")
    place.repro()
    place.rows(11)
    read_only(disk)
    ended = place.run("repro")
    assert ended.code == 6
    assert "read-only" in ended.err
    assert place.run("status", "-q").code == 10


def test_a_store_of_somebody_else(place):
    place.work(WORK)
    place.pipeline(PIPELINE.replace("DEP", "rows.csv"))
    place.rows(10)
    (place.root / "full").mkdir()
    (place.root / "full" / "precious.txt").write_text("mine")
    ended = place.run("repro", CKPTFLOW_STORE="full")
    assert ended.code == 6
    assert [p.name for p in (place.root / "full").iterdir()] == ["precious.txt"]
    assert place.run("repro", CKPTFLOW_STORE="pipeline.yaml").code == 6


def test_no_project_here(tmp_path, place):
    ended = place.run("repro", cwd=tmp_path)
    assert ended.code == 4
    assert "ckptflow init" in ended.err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"stages: [", "not valid YAML"),
        (b"\xff\xfe", "pipeline.yaml"),
        (b"", "pipeline.yaml"),
        (b"stages:\n  a:\n    cmd: x\n    dpes: [y]\n", "did you mean `deps`"),
        (b"stages:\n  a:\n    call: work:nothing\n", "nothing"),
        (b"stages:\n  a:\n    call: nowhere:one\n", "nowhere"),
        (b"stages:\n  a: {cmd: x, deps: [b], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n", "a -> b -> a"),
    ],
)
def test_mistakes_in_the_pipeline(one, data, words):
    (one.root / "pipeline.yaml").write_bytes(data)
    for command in ("repro", "status", "dag"):
        ended = one.run(command)
        if command == "dag" and ended.code == 0:
            continue  # it does not look at functions
        assert ended.code == 4, f"{command}: {ended.err}"
        assert words in ended.err
        assert "bug in ckptflow" not in ended.err


def test_a_syntax_error_in_the_code_is_placed(one):
    one.rows(3)
    one.work("def one(rows:\n    return rows\n")
    ended = one.run("repro")
    assert ended.code == 4
    assert "work.py:" in ended.err
    assert "Traceback" not in ended.err


def test_a_dep_that_changes_while_it_is_read(place, wait_until):
    place.work("""
        def one(rows):
            trace("one")
            wait_for("go")
            return rows
    """)
    place.pipeline(PIPELINE.replace("DEP", "rows.csv"))
    place.rows(10)
    process = place.start("repro", "--json")
    place.await_traces(1)
    place.rows(20)
    place.let("go")
    ended = place.finish(process)
    assert ended.code == 0, ended.err
    assert len(place.traces()) == 2, "what was made of the old rows does not count"
    import pyarrow.parquet as pq

    assert pq.read_table(place.root / "out/one.parquet").num_rows == 20
    assert place.repro().stage("one")["state"] == "fresh"


def test_code_that_changes_while_it_runs(place):
    text = """
        def one(rows):
            trace("one")
            wait_for("go")
            return rows.num_rows * FACTOR

        FACTOR = 1
    """
    place.work(text)
    place.pipeline(PIPELINE.replace("DEP", "rows.csv").replace("one.parquet", "one.json"))
    place.rows(10)
    process = place.start("repro", "--json")
    place.await_traces(1)
    place.work(text.replace("FACTOR = 1", "FACTOR = 2"))
    place.let("go")
    assert place.finish(process).code == 0
    place.repro()
    assert place.content("out/one.json")[""].strip() == b"20"
