"""Only what changed is run: code by symbols, tables by rows, params by value."""

from __future__ import annotations

import pytest

PIPELINE = """
    stages:
      first:
        call: steps.first:first
        deps: {rows: rows.csv}
        outs: {first: first.json}
      second:
        call: steps.second:second
        deps: {rows: rows.csv}
        params: [factor]
        outs: {second: second.json}
"""
FIRST = '''
    """The first step."""
    import os

    from lib.far import scaled


    def trace(word):
        with open(os.environ["SIDE"], "a") as file:
            file.write(f"{word} {os.getpid()}\\n")


    def first(rows):
        """Count, in a way."""
        trace("first")
        return scaled(rows.num_rows)


    def unrelated():
        return 1
'''
SECOND = """
    from steps.first import trace

    UNUSED = 1


    def second(rows, factor):
        trace("second")  # leaves a trace
        return rows.num_rows * factor
"""
NEAR = """
    from lib.near import SCALE, OTHER


    def scaled(number):
        return number * SCALE


    def other(number):
        return number * OTHER
"""


@pytest.fixture
def steps(place):
    place.pipeline(PIPELINE)
    place.write("params.yaml", "factor: 3\nunused: 1\n")
    place.write("steps/first.py", FIRST)
    place.write("steps/second.py", SECOND)
    place.write("lib/far.py", NEAR)
    place.write("lib/near.py", "SCALE = 10\nOTHER = 20\n")
    place.rows(10)
    place.repro()
    assert sorted(place.traces()) == ["first", "second"]
    place.forget()
    return place


def ran(place):
    place.forget()
    ended = place.repro()
    return sorted(place.traces()), ended


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("steps/first.py", '"""Count, in a way."""', '"""Count, in another way."""'),
        ("steps/first.py", '"""The first step."""', "# the first step"),
        ("steps/first.py", "return scaled(rows.num_rows)", "return scaled(\n            rows.num_rows,\n        )"),
        ("steps/first.py", "return 1", "return 2"),
        ("steps/second.py", "# leaves a trace", "# leaves no trace"),
        ("steps/second.py", "UNUSED = 1", "UNUSED = 2"),
        ("lib/far.py", "return number * OTHER", "return number + OTHER"),
        ("lib/near.py", "OTHER = 20", "OTHER = 21"),
        ("params.yaml", "unused: 1", "unused: 2"),
        ("params.yaml", "factor: 3", "factor:   3   # three"),
        ("pipeline.yaml", "[factor]", "[factor]\n    desc: words\n    retries: 2\n    timeout: 1h"),
    ],
)
def test_what_does_not_count(steps, file, old, new):
    path = steps.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    traces, ended = ran(steps)
    assert traces == []
    assert {s["state"] for s in ended.json["stages"]} == {"fresh"}
    assert "Nothing to do" in ended.err


@pytest.mark.parametrize(
    ("file", "old", "new", "expected", "reason"),
    [
        ("lib/near.py", "SCALE = 10", "SCALE = 11", ["first"], "SCALE"),
        ("lib/far.py", "return number * SCALE", "return number + SCALE", ["first"], "scaled"),
        ("steps/second.py", "* factor", "+ factor", ["second"], "second"),
        ("steps/first.py", 'f"{word} {', 'f"{word}  {', ["first", "second"], "trace"),
        ("params.yaml", "factor: 3", "factor: 4", ["second"], "parameter factor changed: 3 -> 4"),
        ("pipeline.yaml", "params: [factor]", "params: [factor]\n    version: 2", ["second"], "version"),
        ("pipeline.yaml", "params: [factor]", "params: [factor]\n    env: {A: b}", ["second"], "environment"),
        ("rows.csv", "3,9", "3,10", ["first", "second"], "rows (rows.csv) changed"),
    ],
)
def test_what_counts_and_what_is_said_of_it(steps, file, old, new, expected, reason):
    path = steps.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for name in expected:
        assert reason in steps.run("why", name).out
    assert ran(steps)[0] == expected
    path.write_text(text)
    assert ran(steps)[0] == [], "going back is found in the records"


def test_touching_and_rewriting_the_same_bytes_runs_nothing(steps):
    for path in (steps.root / "rows.csv", steps.root / "steps/first.py", steps.root / "pipeline.yaml"):
        path.write_bytes(path.read_bytes())
    assert ran(steps)[0] == []
    (steps.root / "rows.csv").write_text((steps.root / "rows.csv").read_text().replace("\n", "\r\n"))
    assert ran(steps)[0] == [], "a table is its values"


def test_a_dep_that_is_no_more_declared_makes_the_stage_stale(steps):
    path = steps.root / "pipeline.yaml"
    steps.write("more.csv", "a\n1\n")
    path.write_text(path.read_text().replace("deps: {rows: rows.csv}", "deps: [rows.csv, more.csv]", 1))
    assert steps.run("repro").code == 4, "the function needs `rows` by its name"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_one_row_at_the_top_of_200_000(place, suffix):
    rows = [(i, (i * 7919) % 100_003) for i in range(200_000)]

    def write(rows):
        if suffix == "csv":
            place.write("rows.csv", "x,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"x": [x for x, _ in rows], "y": [y for _, y in rows]}), place.root / "rows.parquet")

    place.work("""
        def part(rows):
            return rows

        def each(rows):
            return rows.select(["y"])

        def total(rows):
            trace("total")
            return rows.num_rows
    """)
    place.pipeline(f"""
        stages:
          part:
            call: work:part
            deps: {{rows: rows.{suffix}}}
            chunk: {{over: rows, rows: 1000}}
            outs: {{part: part.parquet}}
          each:
            call: work:each
            deps: {{rows: part.parquet}}
            chunk: {{over: rows}}
            outs: {{each: each.parquet}}
          total:
            call: work:total
            deps: {{rows: each.parquet}}
            outs: {{total: total.json}}
    """)
    write(rows)
    total = place.repro().counts("part")[0]
    assert 120 <= total <= 400
    write([(-1, -1), *rows])
    ended = place.repro()
    assert 1 <= ended.counts("part")[0] <= 3
    assert 1 <= ended.counts("each")[0] <= 3
    assert ended.counts("total") == (1, 0, 0)
    assert place.content("total.json")[""].strip() == b"200001"
    assert "chunk" in " ".join(ended.stage("part")["reasons"])


def test_a_chunk_that_comes_out_the_same_stops_there(place):
    place.work("""
        def part(rows):
            return rows.select(["x"])

        def each(rows):
            trace("each")
            return rows

        def total(rows):
            trace("total")
            return rows.num_rows
    """)
    place.pipeline("""
        stages:
          part:
            call: work:part
            deps: {rows: rows.csv}
            chunk: {over: rows, rows: 20, cut: fixed}
            outs: {part: part.parquet}
          each:
            call: work:each
            deps: {rows: part.parquet}
            chunk: {over: rows}
            outs: {each: each.parquet}
          total:
            call: work:total
            deps: {rows: each.parquet}
            outs: {total: total.json}
    """)
    place.rows(100)
    place.repro()
    place.forget()
    path = place.root / "rows.csv"
    path.write_text(path.read_text().replace("30,900", "30,901"))
    assert "each" in place.run("plan").out
    ended = place.repro()
    assert ended.counts("part") == (1, 4, 0)
    assert place.traces() == []
    assert ended.stage("total")["state"] == "fresh"
