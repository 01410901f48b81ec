"""What can be asked for: stages, outs, chunks, and everything before or after them."""

from __future__ import annotations

import pytest

PIPELINE = """
    stages:
      a:
        call: work:a
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 20, cut: fixed}
        outs: {a: data/a.parquet}
      b:
        call: work:b
        deps: {rows: data/a.parquet}
        outs: {b: data/b.json}
      c:
        call: work:c
        deps: {number: data/b.json}
        outs: {c: data/c.json}
      other:
        call: work:other
        outs: {other: other.json}
"""


@pytest.fixture
def four(place):
    place.work("""
        def a(rows):
            trace(f"a{first(rows) // 20}")
            return rows

        def b(rows):
            trace("b")
            return rows.num_rows

        def c(number):
            trace("c")
            return number * 2

        def other():
            trace("other")
            return 1
    """)
    place.pipeline(PIPELINE)
    place.rows(100)
    return place


@pytest.fixture
def done(four):
    four.repro()
    four.forget()
    return four


def ran(place, *args, code=0):
    place.forget()
    ended = place.repro(*args, code=code)
    return sorted(place.traces()), ended


def test_downstream_leaves_what_is_before_as_it_is(four):
    found, ended = ran(four, "b", "--downstream", code=1)
    assert found == []
    assert "ckptflow repro a" in ended.err
    ran(four, "a")
    four.rows(120)
    assert ran(four, "b", "--downstream")[0] == ["b", "c"]


A = ["a0", "a1", "a2", "a3", "a4"]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["b"], [*A, "b"]),
        (["data/b.json"], [*A, "b"]),
        (["./data/a.parquet/"], A),
        (["other", "a"], [*A, "other"]),
        (["?"], [*A, "b", "c"]),
        (["pipeline.yaml"], [*A, "b", "c", "other"]),
        (["a#3"], ["a3"]),
        (["a#1..2"], ["a1", "a2"]),
        (["a#1", "a#4"], ["a1", "a4"]),
        (["a#3", "a"], A),
        (["a#stale"], A),
        (["-s", "other"], ["other"]),
        (["--limit-chunks", "2"], ["a0", "a1", "other"]),
    ],
)
def test_from_nothing(four, targets, expected):
    assert ran(four, *targets)[0] == expected


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["-f"], [*A, "b", "c", "other"]),
        (["-f", "b"], [*A, "b"]),
        (["-f", "-s", "b"], ["b"]),
        (["-f", "-s", "a#2"], ["a2"]),
        (["--from", "b"], ["b", "c"]),
        (["--from", "b", "-s", "b"], ["b", "c"]),
        (["--from", "data/b.json"], ["b", "c"]),
        (["a#2"], []),
        (["--retry-failed"], []),
    ],
)
def test_when_all_is_done(done, targets, expected):
    assert ran(done, *targets)[0] == expected
    assert ran(done)[0] == []


def test_a_single_item_takes_what_is_before_it_as_it_is(done):
    done.rows(120)
    assert ran(done, "-s", "b")[0] == [], "its dep in the workspace has not changed"
    done.repro("a")
    assert ran(done, "-s", "b")[0] == ["b"]
    assert ran(done, "-s", "c")[0] == ["c"]


def test_chunks_one_by_one_add_up(four):
    for index in range(5):
        ran(four, f"a#{index}")
    assert ran(four)[0] == ["b", "c", "other"]


def test_a_limit_takes_the_next_ones(four):
    ended = ran(four, "a", "--limit-chunks", "2")[1]
    assert "not finished" in ended.err
    assert ended.stage("a")["chunks"]["total"] == 5
    assert ran(four, "a", "--limit-chunks", "2")[0] == ["a2", "a3"]
    assert ran(four, "a", "--limit-chunks", "2")[0] == ["a4"]
    assert (four.root / "data/a.parquet").exists()


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("bb", "did you mean `b`"),
        ("data/b.jsn", "did you mean `data/b.json`"),
        ("zzzzzz", "stages are a, b, c, other"),
        ("a#9", "`a#0` to `a#4`"),
        ("a#3..1", "a#1..3"),
        ("nothing#1", "stages are"),
        ("*.nothing", "stages are"),
        ("", "stages are"),
    ],
)
def test_a_target_that_is_nothing(four, target, hint):
    for command in ("repro", "status", "plan"):
        ended = four.run(command, target)
        assert ended.code == 5, ended.err
        assert hint in ended.err
        assert ended.out == ""


def test_chunks_of_a_stage_without_chunks(four):
    ended = four.run("repro", "b#1")
    assert ended.code == 2
    assert "has no chunks" in ended.err


def test_a_frozen_stage_is_taken_as_it_is(done):
    done.pipeline(PIPELINE.replace("call: work:a\n", "call: work:a\n        frozen: true\n"))
    done.rows(120)
    traces, ended = ran(done)
    assert traces == []
    assert ended.stage("a")["state"] == "frozen"
    assert ran(done, "-f")[0] == ["b", "c", "other"]


def test_always_changed_runs_each_time_and_stops_nothing_else(done):
    done.pipeline(PIPELINE.replace("call: work:b\n", "call: work:b\n        always_changed: true\n"))
    assert ran(done)[0] == ["b"]
    assert ran(done)[0] == ["b"], "its out is as before, so c is fresh"


def test_no_commit_leaves_the_lock_file(four):
    four.repro("--no-commit")
    assert not (four.root / "pipeline.lock").exists()
    assert ran(four)[0] == []
    assert (four.root / "pipeline.lock").exists()


def test_dry_runs_write_nothing(four):
    before = sorted(p for p in four.root.rglob("*") if "__pycache__" not in p.parts)
    assert four.run("repro", "--dry").code == 0
    assert four.run("plan", "--exit-code").code == 10
    assert four.run("status", "--json").code == 0
    assert four.traces() == []
    assert sorted(p for p in four.root.rglob("*") if "__pycache__" not in p.parts) == before


def test_from_a_directory_below(done):
    sub = done.root / "data"
    assert done.run("repro", cwd=sub).code == 0
    assert done.run("repro", "b", cwd=sub).code == 0
    assert done.run("-C", "data", "repro").code == 0
    for target in ("b.json", "./b.json", "../other.json", "a.parquet#2", "data/b.json"):
        assert done.run("repro", target, cwd=sub).code == 0, target
        assert done.run("status", target, cwd=sub).code == 0, target
    assert "data/b.json" in done.run("show", "b.json", cwd=sub).out
    assert done.run("why", "b.json", cwd=sub).code == 0
    assert done.run("repro", "c.jsn", cwd=sub).code == 5
    assert done.traces() == []
