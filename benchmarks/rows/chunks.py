"""Edge. Many small chunks beside a bare loop and beside jobs of the peers, and one row put into a large table."""

from __future__ import annotations

import filecmp
import itertools
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .. import projects
from ..bench import Bench, Line, Size, against, bare, ckptflow, figures, shown
from ..cost import Cost, Series, WentWrong, alternate
from ..peers import Jobs, Ready
from .startup import wanted

ROWS_A_CHUNK = 100
ITEMS_A_CHUNK = 10_000


def tiny(bench: Bench) -> Iterator[Line]:
    """Chunks of a hundred rows, whose function does next to nothing, beside the loop that makes the same files."""
    count = bench.pick(20, 2_000, 10_000)
    project = projects.make(bench.scratch / "project", {"double": over(ROWS_A_CHUNK, "work:double", cut="fixed")})
    projects.write_table(project / "data/table.parquet", count * ROWS_A_CHUNK)

    def ours(jobs: int) -> Cost:
        projects.forget(project, "data/out.parquet")
        return ckptflow(project, "repro", "-q", "-j", str(jobs))

    def loop() -> Cost:
        shutil.rmtree(project / "loop", ignore_errors=True)
        return bare("chunks", "data/table.parquet", "loop", str(ROWS_A_CHUNK), cwd=project)

    costs = alternate(bench.rounds, {"one": lambda: ours(1), "loop": loop, "two": lambda: ours(2)})
    again = alternate(bench.rounds, {"again": lambda: ckptflow(project, "repro", "-q")})["again"]
    _same_files(project / "data/out.parquet", project / "loop", count)
    one, two, beside = costs["one"], costs["two"], costs["loop"]
    ratio = one.over(beside)
    yield Line(
        name=f"chunks/{count}",
        work=f"{count:,} trivial chunks of {ROWS_A_CHUNK} rows",
        ours=f"{shown(one)} with one worker; {shown(two)} with two",
        beside=f"bare loop, the same files, one sync a second: {shown(beside)}",
        ratio=f"{ratio.median:.2f} × CPU; {one.wall / beside.wall:.1f} ×, {two.wall / beside.wall:.1f} × wall",
        target="at most 2 × the loop",
        met=bench.held(ratio.median <= 2.0),
        limit=ratio,
        figures={**figures(one=one, two=two, loop=beside), "chunks": count},
    )
    yield Line(
        name=f"chunks/again/{count}",
        work="the same again, nothing to do",
        ours=shown(again),
        beside="-",
        ratio="-",
        target="-",
        met=None,
        figures=figures(again=again),
    )
    yield _a_job(bench)


def _a_job(bench: Bench) -> Line:
    """What one more chunk costs, beside one more job of the peers: between few and many of them, so that starting does
    not count. Theirs read a file each, that was split off for them; ours are cut from the table.
    """
    counts = bench.pick((5, 10), (20, 100), (50, 200))
    serial = itertools.count()

    def ours(count: int) -> Cost:
        stage = over(ROWS_A_CHUNK, "work:double", cut="fixed")
        project = projects.make(bench.scratch / f"ours-{next(serial)}", {"double": stage})
        projects.write_table(project / "data/table.parquet", count * ROWS_A_CHUNK)
        return ckptflow(project, "repro", "-q")

    def loop(count: int) -> Cost:
        project = bench.scratch / f"loop-{next(serial)}"
        project.mkdir()
        projects.write_table(project / "table.parquet", count * ROWS_A_CHUNK)
        return bare("chunks", "table.parquet", "loop", str(ROWS_A_CHUNK), cwd=project)

    def theirs(peer: Ready, count: int) -> Cost:
        work, directory = peer.peer.jobs, bench.scratch / f"{peer.name}-{next(serial)}"
        assert work is not None
        projects.write_parts(directory, count, ROWS_A_CHUNK)
        peer.start(work, directory, Jobs(count))
        cost = peer.run(work.argv, directory)
        made = len(list((directory / "out").iterdir()))
        if made != count:
            raise WentWrong(f"{peer.name} made {made} parts of {count}")
        return cost

    able = wanted(bench, "jobs")
    costs = alternate(
        bench.rounds,
        {f"{name} {count}": partial(run, count) for name, run in (("ours", ours), ("loop", loop)) for count in counts},
        {f"{peer.name} {count}": partial(theirs, peer, count) for peer in able for count in counts},
    )
    few, many = counts
    more = {
        name: costs[f"{name} {many}"].less(costs[f"{name} {few}"]).divided(many - few)
        for name in ("ours", "loop", *(peer.name for peer in able))
        if {f"{name} {few}", f"{name} {many}"} <= set(costs)
    }
    own, beside = more.pop("ours"), more.pop("loop")
    return Line(
        name="chunks/more",
        work="one more chunk, one more job",
        ours=shown(own),
        beside=f"bare loop {shown(beside)}",
        ratio=f"{own.over(beside).median:.1f} × CPU",
        target="-",
        met=None,
        limit=own.over(beside),
        peers=against(own, more),
        figures=figures(ours=own, loop=beside, **more),
    )


def each_item(bench: Bench) -> Iterator[Line]:
    """A function that takes one row and does next to nothing, beside a loop over the same rows: the same files."""
    count = bench.pick(2_000, 200_000, 1_000_000)
    stage = over(ITEMS_A_CHUNK, "work:double_one", cut="fixed", each="item")
    project = projects.make(bench.scratch / "project", {"double": stage})
    projects.write_table(project / "data/table.parquet", count)

    def ours() -> Cost:
        projects.forget(project, "data/out.parquet")
        return ckptflow(project, "repro", "-q", "-j", "1")

    def loop() -> Cost:
        shutil.rmtree(project / "loop", ignore_errors=True)
        return bare("items", "data/table.parquet", "loop", str(ITEMS_A_CHUNK), cwd=project)

    costs = alternate(bench.rounds, {"ours": ours, "loop": loop})
    _same_files(project / "data/out.parquet", project / "loop", -(-count // ITEMS_A_CHUNK))
    mine, beside = costs["ours"], costs["loop"]
    extra = (mine.cpu - beside.cpu) / count
    yield Line(
        name=f"items/{count}",
        work=f"{count:,} rows, each by one call (`each: item`), {ITEMS_A_CHUNK:,} a chunk",
        ours=f"{shown(mine)}; {mine.cpu / count * 1e6:.1f} µs CPU an item",
        beside=f"bare loop over the same rows as dicts, the same files: {shown(beside)}; "
        f"{beside.cpu / count * 1e6:.1f} µs CPU an item",
        ratio=f"{extra * 1e6:+.1f} µs CPU an item",
        target="at most 20 µs an item more",
        met=bench.held(extra <= 20e-6),
        limit=mine.over(beside),
        figures={**figures(ours=mine, loop=beside), "items": count},
    )


def over(rows: int, call: str, *, cut: str = "content", **more: Any) -> dict[str, Any]:
    """Return a stage that cuts `data/table.parquet` by rows."""
    return {
        "call": call,
        "deps": {"rows": "data/table.parquet"},
        "chunk": {"over": "rows", "rows": rows, "cut": cut},
        "outs": {"out": "data/out.parquet"},
        **more,
    }


def _same_files(ours: Path, loop: Path, count: int) -> None:
    """Both must have made the same bytes, or they did not do the same work."""
    names = sorted(p.name for p in loop.iterdir())
    wrong = [n for n in names if not (ours / n).is_file() or not filecmp.cmp(ours / n, loop / n, shallow=False)]
    if wrong or len(names) != count:
        raise WentWrong(f"ckptflow and the bare loop made different parts: {wrong[:3]}, {len(names)} of {count}")


def insert(bench: Bench) -> Iterator[Line]:
    """One row put into the middle of a large table: what runs again, and what that costs beside the clean run.

    Looking at the table costs the same whatever the function does, so there are two functions: one that costs less than
    that look, and one that a pipeline would be made for.
    """
    rows = bench.pick(20_000, 1_000_000, 10_000_000)
    size = bench.pick(1_000, 5_000, 10_000)
    for call, words in (("work:features", "a light function"), ("work:each_row", "a function that loops over rows")):
        project = projects.make(bench.scratch / call.partition(":")[2], {"features": over(size, call)})
        clean, again = [], []
        for _ in range(bench.rounds):
            projects.forget(project, "data/out.parquet")
            projects.write_table(project / "data/table.parquet", rows)
            clean.append(ckptflow(project, "repro", "-q"))
            projects.write_table(project / "data/other.parquet", rows, insert_at=rows // 2)
            (project / "data/other.parquet").replace(project / "data/table.parquet")
            again.append(ckptflow(project, "repro", "-q"))
        before, after = Series(tuple(clean)), Series(tuple(again))
        ratio = after.over(before)
        whole = bench.size >= Size.FULL
        yield Line(
            name=f"insert/{call.partition(':')[2]}/{rows}",
            work=f"one row inserted into {rows:,}, {rows // size} chunks, {words}",
            ours=shown(after),
            beside=f"clean run {shown(before)}",
            ratio=f"{ratio.median:.1%} CPU, {after.wall / before.wall:.1%} wall",
            target="at most 3 % of the clean run" if whole else "stated for 10 million rows",
            met=ratio.median <= 0.03 if whole else None,
            limit=ratio,
            figures=figures(clean=before, inserted=after),
        )
