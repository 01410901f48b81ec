"""Edge. Looking at data: a directory of many files, the first hash of a large file, cutting a table by content."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .. import projects
from ..bench import Bench, Line, Size, against, bare, ckptflow, figures, seconds, shown
from ..cost import Cost, WentWrong, alternate, here, process
from ..peers import Reads, Ready, Work
from .startup import wanted


def tree(bench: Bench) -> Iterator[Line]:
    """A directory with many files as a dep, nothing to do, beside `find` and DVC."""
    folders, files = bench.pick((2, 50), (100, 200), (100, 1000))
    project = projects.make(bench.scratch / "project", {"count": projects.counting("data")})
    projects.write_tree(project / "data", folders * files, a_folder=files)
    ckptflow(project, "repro", "-q")
    costs = alternate(
        bench.pick(1, 3, 5) * bench.rounds,
        {
            "ours": lambda: ckptflow(project, "repro", "-q"),
            "find": lambda: process(["find", "data", "-printf", "%s %T@ %i\n"], project),
        },
        {peer.name: partial(peer.run, work.argv, directory) for peer, work, directory in _readers(bench, project)},
    )
    ours, find = costs["ours"], costs["find"]
    ratio = ours.over(find)
    whole = bench.size >= Size.FULL  # with fewer files, starting an interpreter is most of it
    yield Line(
        name=f"tree/{folders * files}",
        work=f"dep directory of {folders * files:,} files, nothing to do",
        ours=shown(ours),
        beside=f"`find -printf '%s %T@ %i'` {shown(find)}",
        ratio=f"{ratio.median:.2f} × CPU, {ours.wall / find.wall:.2f} × wall",
        target="at most 1.5 × find" if whole else "stated for 100,000 files",
        met=ratio.median <= 1.5 if whole else None,
        limit=ratio,
        peers=against(ours, {name: cost for name, cost in costs.items() if name not in ("ours", "find")}),
        figures=figures(**costs),
    )


def _readers(bench: Bench, project: Path) -> Iterator[tuple[Ready, Work, Path]]:
    """Yield peers that have read the same directory, each a place of its own with links to the same files."""
    for peer in wanted(bench, "reads"):
        work, directory = peer.peer.reads, bench.scratch / peer.name
        assert work is not None
        shutil.copytree(project / "data", directory / "data", copy_function=os.link)
        try:
            peer.start(work, directory, Reads("data"))
            peer.run(work.argv, directory)
        except WentWrong as error:
            print(f"{peer.name}: left out: {error}", file=sys.stderr, flush=True)
            continue
        yield peer, work, directory


def first_hash(bench: Bench) -> Iterator[Line]:
    """The first run with a large file as a dep, less the same with a small one, beside BLAKE3 alone, `cat` and DVC."""
    size = bench.pick(4 << 20, 256 << 20, 4 << 30)
    stage = projects.counting("data/file.bin")
    large, small = (projects.make(bench.scratch / name, {"count": stage}) for name in ("large", "small"))
    projects.write_noise(large / "data/file.bin", size)
    projects.write_noise(small / "data/file.bin", 1 << 10)

    def fresh(project: Path) -> Cost:
        projects.forget(project, "count.json")
        return ckptflow(project, "repro", "-q")

    def theirs(peer: Ready, project: Path) -> Cost:
        work, directory = peer.peer.reads, project / peer.name
        assert work is not None
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        os.link(project / "data/file.bin", directory / "file.bin")
        peer.start(work, directory, Reads("file.bin"))
        return peer.run(work.argv, directory)

    readers = wanted(bench, "reads")
    costs = alternate(
        bench.rounds,
        {
            "large": partial(fresh, large),
            "small": partial(fresh, small),
            "blake3": lambda: bare("blake3", "data/file.bin", cwd=large),
            "nothing": lambda: bare("blake3", "data/file.bin", cwd=small),
            "cat": lambda: process(["cat", "data/file.bin"], large),
        },
        {
            f"{peer.name}{suffix}": partial(theirs, peer, project)
            for peer in readers
            for suffix, project in (("", large), ("-small", small))
        },
    )
    ours, alone = costs["large"].less(costs["small"]), costs["blake3"].less(costs["nothing"])
    others = {
        peer.name: costs[peer.name].less(costs[f"{peer.name}-small"])
        for peer in readers
        if {peer.name, f"{peer.name}-small"} <= set(costs)
    }
    speed = {name: size / cost.wall / 1e9 for name, cost in (("ours", ours), ("blake3", alone), ("cat", costs["cat"]))}
    ratio = ours.over(alone, "wall")
    whole = bench.size >= Size.FULL  # what is left of a small file without starting is within the noise of starting
    beside = against(ours, others)
    yield Line(
        name=f"hash/{size}",
        work=f"first hash of a file of {size / (1 << 30):.3g} GiB, warm",
        ours=f"{speed['ours']:.2f} GB/s, {seconds(ours.cpu)} CPU (the whole run {shown(costs['large'])})",
        beside=f"BLAKE3 on all cores {speed['blake3']:.2f} GB/s, {seconds(alone.cpu)} CPU; "
        f"`cat` {speed['cat']:.1f} GB/s",
        ratio=f"{1 / ratio.median:.0%} of BLAKE3's speed, {ours.over(alone).median:.2f} × its CPU",
        target="at least 90 % of BLAKE3, 5 × DVC" if whole else "stated for 4 GB",
        met=ratio.median <= 1 / 0.9 and all(each.ratio.median <= 0.2 for each in beside.values()) if whole else None,
        limit=ratio,
        peers=beside,
        figures={
            **figures(ours=ours, blake3=alone, cat=costs["cat"], run=costs["large"], **others),
            "bytes": size,
        },
    )


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
        name=f"cut/{rows}",
        work=f"cutting and naming {size / 1e6:.0f} MB in memory by content, {len(pieces)} pieces",
        ours=f"{speed['ours']:.2f} GB/s of one core",
        beside=f"BLAKE3, one thread {speed['blake3']:.2f}, xxh3 {speed['xxh3']:.1f} GB/s",
        ratio=f"{speed['ours'] / speed['blake3']:.2f} of BLAKE3",
        target="at least 1 GB/s",
        met=bench.held(speed["ours"] >= 1.0),
        limit=costs["ours"].over(costs["blake3"]),
        figures={**figures(**costs), "bytes": size},
    )
