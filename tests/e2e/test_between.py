"""What goes from chunk to chunk: a state that is carried, results that are combined."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

COMBINED = """
    stages:
      total:
        call: work:count
        combine: work:add
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: ROWS, cut: fixed}
        outs: {total: total.json}
"""
COUNT = """
    def count(rows):
        trace("count")
        return {"rows": rows.num_rows, "sum": sum(rows["x"].to_pylist())}

    def add(left, right):
        trace("add")
        if open(os.environ["SIDE"]).read().count("add") > int(os.environ.get("MERGES", "1000")):
            wait_for("go")
        return {name: left[name] + right[name] for name in left}
"""
CARRIED = """
    stages:
      ids:
        call: work:number
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 10, cut: fixed}
        carry: {initial: {last: 0}}
        outs: {ids: ids.parquet}
"""
NUMBER = """
    def number(rows, state):
        trace(first(rows))
        kept = [x for x in rows["x"].to_pylist() if x % 4]
        last = state["last"]
        return {"id": [f"S{last + 1 + i}" for i in range(len(kept))], "x": kept}, {"last": last + len(kept)}
"""


def change(place, number, text):
    lines = (place.root / "rows.csv").read_text().splitlines(keepends=True)
    lines[number + 1] = f"{text}\n"
    (place.root / "rows.csv").write_text("".join(lines))


def test_one_changed_chunk_of_a_thousand_costs_a_logarithm_of_merges(place):
    place.work(COUNT)
    place.pipeline(COMBINED.replace("ROWS", "1"))
    place.rows(1000)
    ended = place.repro()
    assert ended.counts("total") == (1000, 0, 0)
    total = json.loads((place.root / "total.json").read_text())
    assert total == {"rows": 1000, "sum": sum(range(1000))}

    before = place.records()
    place.forget()
    change(place, 500, "7,7")
    assert place.repro().counts("total") == (1, 999, 0)
    assert place.records() - before <= 1 + 24
    assert place.traces().count("count") == 1
    assert json.loads((place.root / "total.json").read_text())["sum"] == total["sum"] - 500 + 7

    before = place.records()
    place.work(COUNT.replace("def add(", "def add_up(").replace('"add"', '"other"'))
    place.pipeline(COMBINED.replace("ROWS", "1").replace("work:add", "work:add_up"))
    shown = place.run("status", "--json").json["stages"][0]
    assert shown["causes"][0]["cause"] == "combine"
    assert shown["chunks"]["stale"] == 0
    assert shown["merges"] is True
    assert place.repro().counts("total") == (0, 1000, 0)


def test_killed_in_the_middle_of_merging_it_goes_on(place, kill_all, running, wait_until):
    place.work(COUNT)
    place.pipeline(COMBINED.replace("ROWS", "10"))
    place.rows(400)
    process = place.start("repro", MERGES="8")
    wait_until(lambda: place.traces().count("add") > 8, "merges")
    kill_all(process)
    wait_until(lambda: not any(map(running, place.pids())), "the workers to end")
    assert place.records() - 40 >= 8 // 3, "finished merges were not kept"
    assert "still to be combined" in place.run("why", "total").out
    place.forget()
    place.repro()
    assert "count" not in place.traces()
    assert len(place.traces()) < 40
    assert json.loads((place.root / "total.json").read_text()) == {"rows": 400, "sum": sum(range(400))}


def test_ids_go_on_where_they_stopped_and_chunks_after_an_equal_state_stay(place):
    place.work(NUMBER)
    place.pipeline(CARRIED)
    place.rows(50)
    place.repro()
    ids = pq.read_table(place.root / "ids.parquet")["id"].to_pylist()
    assert ids == [f"S{n + 1}" for n in range(len(ids))]
    assert place.traces() == ["0", "10", "20", "30", "40"]

    place.forget()
    change(place, 21, "23,0")  # as many rows are kept as before
    assert place.repro().counts("ids") == (1, 4, 0)
    assert place.traces() == ["20"]

    place.forget()
    change(place, 21, "24,0")  # one less is kept
    assert place.repro().counts("ids") == (3, 2, 0)
    ids = pq.read_table(place.root / "ids.parquet")["id"].to_pylist()
    assert ids == [f"S{n + 1}" for n in range(len(ids))]

    place.forget()
    with (place.root / "rows.csv").open("a") as file:
        file.write("61,1\n62,1\n")
    assert place.repro().counts("ids") == (1, 5, 0)
    assert place.traces() == ["61"]

    place.pipeline(CARRIED.replace("last: 0", "last: 100"))
    assert "initial state changed" in place.run("status", "--explain").out
    place.repro()
    assert pq.read_table(place.root / "ids.parquet")["id"][0].as_py() == "S101"


def test_chunks_of_which_nothing_comes_are_no_obstacle_to_merging(place):
    place.work("""
        import pyarrow as pa

        def few(row):
            return row if row["x"] % 20 == 5 else None

        def join(left, right):
            return pa.concat_tables([left, right])
    """)
    place.pipeline("""
        stages:
          few:
            call: work:few
            combine: work:join
            deps: {row: rows.csv}
            chunk: {over: row, rows: 10, cut: fixed}
            each: item
            outs: {few: few.parquet}
    """)
    place.rows(100)
    place.repro()
    assert pq.read_table(place.root / "few.parquet")["x"].to_pylist() == [5, 25, 45, 65, 85]
