"""Edge. Many small chunks beside a bare loop, and one row put into a large table."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import projects
from ..bench import Bench, Line, Size, bare, ckptflow, figures, shown
from ..cost import Cost, WentWrong, alternate, median

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
    _same_files(project / "data/out.parquet", project / "loop", count)
    one, two, beside = costs["one"], costs["two"], costs["loop"]
    ratio = min(one.wall, two.wall) / beside.wall
    yield Line(
        work=f"{count:,} trivial chunks of {ROWS_A_CHUNK} rows",
        ours=f"{shown(one)} with one worker; {shown(two)} with two",
        beside=f"bare loop, the same files, one sync a second: {shown(beside)}",
        ratio=f"{one.cpu / beside.cpu:.1f} × CPU; {one.wall / beside.wall:.1f} ×, {two.wall / beside.wall:.1f} × wall",
        target="at most 2 × the loop",
        met=bench.held(ratio <= 2.0),
        figures={**figures(one=one, two=two, loop=beside), "chunks": count},
    )
    yield Line(
        work="the same, a chunk",
        ours=f"{one.cpu / count * 1e6:.0f} µs CPU",
        beside=f"{beside.cpu / count * 1e6:.0f} µs CPU",
        ratio=f"{(one.cpu - beside.cpu) / count * 1e6:+.0f} µs",
        target="-",
        met=None,
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
        work=f"{count:,} rows, each by one call (`each: item`), {ITEMS_A_CHUNK:,} a chunk",
        ours=f"{shown(mine)}; {mine.cpu / count * 1e6:.1f} µs CPU an item",
        beside=f"bare loop over the same rows as dicts, the same files: {shown(beside)}; "
        f"{beside.cpu / count * 1e6:.1f} µs CPU an item",
        ratio=f"{extra * 1e6:+.1f} µs CPU an item",
        target="at most 20 µs an item more",
        met=bench.held(extra <= 20e-6),
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
        before, after = median(clean), median(again)
        whole = bench.size >= Size.FULL
        yield Line(
            work=f"one row inserted into {rows:,}, {rows // size} chunks, {words}",
            ours=shown(after),
            beside=f"clean run {shown(before)}",
            ratio=f"{after.cpu / before.cpu:.1%} CPU, {after.wall / before.wall:.1%} wall",
            target="at most 3 % of the clean run" if whole else "stated for 10 million rows",
            met=after.cpu <= 0.03 * before.cpu if whole else None,
            figures=figures(clean=before, inserted=after),
        )
