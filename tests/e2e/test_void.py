"""Chunks of which nothing comes, and what those make of them that read the chunks one by one."""

from __future__ import annotations

import json
import sys

import pyarrow.parquet as pq
import pytest

STAGES = """
    stages:
      few:
        call: work:few
        deps: {row: rows.csv}
        chunk: {over: row, rows: 10, cut: fixed}
        each: item
        on_error: quarantine
        outs: {few: data/few.parquet}
      more:
        DO
        deps: {rows: DEP}
        chunk: {over: rows}
        outs: {more: data/more.parquet}
"""
FUNCTIONS = """
    import pyarrow.compute as pc

    def few(row):
        if row["x"] < LEAST:
            raise ValueError(row["x"])
        return {"x": row["x"], "name": str(row["x"])}

    def more(rows):
        trace(rows.num_rows)
        return rows.select(["x"]).append_column("double", pc.multiply(rows["x"], 2))
"""


@pytest.fixture
def stages(place):
    def make(least=20, dep="data/few.parquet", do="call: work:more"):
        place.pipeline(STAGES.replace("DEP", dep).replace("DO", do))
        place.work(FUNCTIONS.replace("LEAST", str(least)))
        place.rows(40)

    return make


def made(place):
    return pq.read_table(place.root / "data/more.parquet").to_pydict()


@pytest.mark.parametrize("dep", ["data/few.parquet", "{path: data/few.parquet, columns: [x]}"])
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_it_is_an_empty_table_with_the_columns_of_the_others(place, stages, dep, jobs):
    stages(dep=dep)
    ended = place.repro("-j", jobs, code=3)
    assert ended.counts("more") == (4, 0, 0)
    assert made(place) == {"x": list(range(20, 40)), "double": [2 * x for x in range(20, 40)]}
    assert sorted(place.traces()) == ["0", "0", "10", "10"]
    (place.root / "pipeline.lock").unlink()
    assert place.repro(code=3).counts("more") == (0, 4, 0), "another key where the table is there already"


def test_it_is_so_though_the_others_come_later_or_change(place, stages):
    stages(20)
    place.repro(code=3)
    stages(0)
    place.forget()
    place.repro()
    assert made(place)["x"] == list(range(40))
    stages(35)
    place.repro(code=3)
    changed = place.content("data/more.parquet")
    assert made(place)["x"] == list(range(35, 40))
    place.run("repro", "--force")
    assert place.content("data/more.parquet") == changed


def test_where_all_chunks_are_so_no_columns_are_known(place, stages):
    stages(100)
    place.work(FUNCTIONS.replace("LEAST", "100").replace("rows.select", "trace(rows.column_names) or rows.select"))
    ended = place.repro(code=1)
    assert ended.counts("more")[2] >= 1
    assert place.traces()[:2] == ["0", "[]"]


def test_a_command_gets_a_file_with_the_columns(place, stages):
    stages(do=f"cmd: {sys.executable} pick.py ${{chunk.in}} ${{chunk.out}}")
    place.write(
        "pick.py",
        """
        import sys
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(sys.argv[1], columns=["name"]), sys.argv[2])
        """,
    )
    place.repro(code=3)
    assert made(place)["name"] == [str(x) for x in range(20, 40)]


def test_a_whole_table_is_that_of_the_chunks_with_rows(place, stages):
    stages()
    place.work(
        FUNCTIONS.replace("LEAST", "20") + "\n    def whole(rows):\n        return {'columns': rows.column_names}\n"
    )
    place.pipeline(
        STAGES.replace("DEP", "data/few.parquet")
        .replace("DO", "call: work:whole")
        .replace("chunk: {over: rows}", "")
        .replace("more.parquet", "more.json")
    )
    place.repro(code=3)
    assert json.loads((place.root / "data/more.json").read_text()) == {"columns": ["x", "name"]}
