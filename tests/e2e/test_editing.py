"""Stages edited by command in a project that works: what was finished stays finished, and nobody is disturbed."""

from __future__ import annotations

from typing import Any

PIPELINE = """\
    stages:
      # cuts the rows
      square:   # in chunks
        call: work:square
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 10}
        outs: {squares: squares.parquet}

      total:
        call: work:total
        deps: {squares: squares.parquet}
        outs: {total: total.json}
    """
WORK = """\
    import pyarrow as pa
    import pyarrow.compute as pc

    def square(rows):
        trace("square")
        return pa.table({"z": pc.multiply(rows["x"], rows["x"])})

    def total(squares):
        trace("total")
        return pc.sum(squares["z"]).as_py()
    """


def test_a_renamed_stage_runs_nothing_and_its_code_is_still_compared(place: Any) -> None:
    place.pipeline(PIPELINE)
    place.work(WORK)
    place.rows(100)
    place.repro()
    place.forget()
    before = (place.root / "pipeline.yaml").read_text()
    ran = place.run("stage", "rename", "square", "squares")
    assert (ran.code, ran.out, ran.err) == (0, "Renamed `square` to `squares` in pipeline.yaml.\n", "")
    assert (place.root / "pipeline.yaml").read_text() == before.replace("square:   #", "squares:   #")
    assert [s["state"] for s in place.repro().json["stages"]] == ["fresh", "fresh"]
    assert place.traces() == []
    place.work(
        WORK.replace('trace("total")', 'trace("again")').replace('rows["x"])})', 'rows["x"]).combine_chunks()})')
    )
    why = place.run("why", "squares").out
    assert "combine_chunks" in why


def test_an_added_stage_runs_and_a_frozen_one_does_not(place: Any) -> None:
    place.pipeline(PIPELINE)
    place.work(WORK + "\n    def double(total):\n        trace('double')\n        return total * 2\n")
    place.rows(20)
    args = ("double", "--call", "work:double", "-d", "total=total.json", "-o", "double=double.json")
    assert place.run("stage", "add", *args).code == 0
    place.repro()
    assert place.traces()[-1] == "double"
    place.forget()
    assert place.run("freeze", "square").code == 0
    place.rows(30)
    assert place.repro().stage("square")["state"] == "frozen"
    assert place.traces() == []
    assert place.run("unfreeze", "square").code == 0
    place.repro()
    assert {"square", "total", "double"} == set(place.traces())


def test_an_edit_beside_a_run_disturbs_neither(place: Any) -> None:
    place.pipeline(
        """\
        stages:
          slow:
            call: work:slow
            deps: {rows: rows.csv}
            outs: {x: x.json}
        """
    )
    place.work("def slow(rows):\n    trace('slow')\n    wait_for('go')\n    return 1\n")
    place.rows(3)
    running = place.start("repro", "--json")
    place.await_traces(1)
    assert place.run("stage", "set", "slow", "desc=It waits").code == 0
    assert place.run("stage", "rename", "slow", "patient").code == 0
    place.let("go")
    assert place.finish(running).code == 0
    place.forget()
    assert place.repro().stage("patient")["chunks"]["ran"] == 0
    assert place.traces() == []


def test_stages_added_at_once_are_all_there(place: Any) -> None:
    started = [place.start("stage", "add", f"s{n}", "echo", str(n)) for n in range(4)]
    assert [place.finish(process).code for process in started] == [0, 0, 0, 0]
    listed = place.run("stage", "list", "--name-only").out.split()
    assert sorted(listed) == ["s0", "s1", "s2", "s3"]
    assert (place.root / "pipeline.yaml").read_text().count("stages:") == 1
