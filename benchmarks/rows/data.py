"""Edge. Looking at data: a directory of many files, the first hash of a large file, cutting a table by content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .. import projects
from ..bench import Bench, Line, bare, ckptflow, figures, shown
from ..cost import Cost, alternate, here, process


def tree(bench: Bench) -> Iterator[Line]:
    """A directory with many files as a dep, nothing to do, beside `find`."""
    folders, files = bench.pick((2, 50), (100, 200), (100, 1000))
    project = projects.make(
        bench.scratch / "project",
        {"count": {"call": "work:count", "deps": {"source": "data"}, "outs": {"out": "count.json"}}},
    )
    for folder in range(folders):
        (project / "data" / f"{folder:03d}").mkdir()
        for file in range(files):
            (project / "data" / f"{folder:03d}" / f"{file:05d}.txt").write_text(f"{folder} {file}")
    ckptflow(project, "repro", "-q")
    costs = alternate(
        bench.pick(1, 3, 5) * bench.rounds,
        {
            "ours": lambda: ckptflow(project, "repro", "-q"),
            "find": lambda: process(["find", "data", "-printf", "%s %T@ %i\n"], project),
        },
    )
    ours, find = costs["ours"], costs["find"]
    yield Line(
        work=f"dep directory of {folders * files:,} files, nothing to do",
        ours=shown(ours),
        beside=f"`find -printf '%s %T@ %i'` {shown(find)}",
        ratio=f"{ours.cpu / find.cpu:.2f} × CPU, {ours.wall / find.wall:.2f} × wall",
        target="at most 1.5 × find",
        met=bench.held(ours.cpu <= 1.5 * find.cpu),
        figures=figures(ours=ours, find=find),
    )


def first_hash(bench: Bench) -> Iterator[Line]:
    """The first run with a large file as a dep, less the same with a small one, beside BLAKE3 alone and `cat`."""
    size = bench.pick(4 << 20, 256 << 20, 4 << 30)
    stage = {"call": "work:count", "deps": {"source": "data/file.bin"}, "outs": {"out": "count.json"}}
    large, small = (projects.make(bench.scratch / name, {"count": stage}) for name in ("large", "small"))
    _write_noise(large / "data/file.bin", size)
    _write_noise(small / "data/file.bin", 1 << 10)

    def fresh(project: Path) -> Cost:
        projects.forget(project, "count.json")
        return ckptflow(project, "repro", "-q")

    costs = alternate(
        bench.rounds,
        {
            "large": partial(fresh, large),
            "small": partial(fresh, small),
            "blake3": lambda: bare("blake3", "data/file.bin", cwd=large),
            "nothing": lambda: bare("blake3", "data/file.bin", cwd=small),
            "cat": lambda: process(["cat", "data/file.bin"], large),
        },
    )
    ours, theirs = (_less(costs[a], costs[b]) for a, b in (("large", "small"), ("blake3", "nothing")))
    share = theirs.wall / ours.wall
    speed = {name: size / cost.wall / 1e9 for name, cost in (("ours", ours), ("blake3", theirs), ("cat", costs["cat"]))}
    yield Line(
        work=f"first hash of a file of {size / (1 << 30):.3g} GiB, warm",
        ours=f"{speed['ours']:.2f} GB/s ({shown(costs['large'])} for the whole run)",
        beside=f"BLAKE3 on all cores {speed['blake3']:.2f} GB/s, `cat` {speed['cat']:.1f} GB/s",
        ratio=f"{share:.0%} of BLAKE3",
        target="at least 90 % of BLAKE3",
        met=bench.held(share >= 0.9),
        figures={**figures(ours=ours, blake3=theirs, cat=costs["cat"], run=costs["large"]), "bytes": size},
    )


def _less(one: Cost, other: Cost) -> Cost:
    """Return what is left of `one` without what starting costs."""
    return Cost(max(one.wall - other.wall, 1e-9), max(one.cpu - other.cpu, 1e-9))


def _write_noise(path: Path, size: int) -> None:
    block = os.urandom(min(size, 16 << 20))
    with open(path, "wb") as file:
        for _ in range(0, size, len(block)):
            file.write(block)


def cut(bench: Bench) -> Iterator[Line]:
    """Cutting a table in memory by content and naming the pieces, beside one pass of a hash over the same bytes."""
    import pyarrow as pa
    import xxhash
    from blake3 import blake3

    from ckptflow.chunk.rows import RowPiece, cut_rows
    from ckptflow.spec.model import Cut

    rows = bench.pick(20_000, 1_000_000, 4_000_000)
    table = pa.Table.from_batches(list(projects.batches(rows))).combine_chunks()
    buffers = [buffer for column in table.columns for buffer in column.chunk(0).buffers() if buffer is not None]
    size = sum(buffer.size for buffer in buffers)
    pieces: list[RowPiece] = []

    def ours() -> None:
        pieces[:] = cut_rows(table.to_batches(max_chunksize=1 << 16), table.schema, 10_000, Cut.CONTENT)

    def xxh3() -> None:
        for buffer in buffers:
            xxhash.xxh3_128_digest(buffer)

    def one_thread() -> None:
        for buffer in buffers:
            blake3(buffer).digest()

    subjects = {"ours": ours, "xxh3": xxh3, "blake3": one_thread}
    costs = alternate(3 * bench.rounds, {name: partial(here, work) for name, work in subjects.items()})
    speed = {name: size / cost.cpu / 1e9 for name, cost in costs.items()}
    yield Line(
        work=f"cutting and naming {size / 1e6:.0f} MB in memory by content, {len(pieces)} pieces",
        ours=f"{speed['ours']:.2f} GB/s of one core",
        beside=f"BLAKE3, one thread {speed['blake3']:.2f}, xxh3 {speed['xxh3']:.1f} GB/s",
        ratio=f"{speed['ours'] / speed['blake3']:.2f} of BLAKE3",
        target="at least 1 GB/s",
        met=bench.held(speed["ours"] >= 1.0),
        figures={**figures(**costs), "bytes": size},
    )
