"""Edge. Starting: the version, a run with nothing to do, the first run of many small stages."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .. import projects
from ..bench import Bench, Line, bare, ckptflow, figures, seconds, shown
from ..cost import Cost, alternate, process

DOIT_FIRST_200 = 0.75
"""CPU seconds of doit, the quickest peer at the first run of 200 stages (SPEC section 14)."""


def version(bench: Bench) -> Iterator[Line]:
    """`ckptflow --version` beside an interpreter that does nothing."""
    costs = alternate(
        bench.pick(1, 7, 15) * bench.rounds,
        {"ours": lambda: ckptflow(bench.scratch, "--version"), "python": lambda: interpreter(bench)},
    )
    yield _beside_python("`--version`", costs["ours"], costs["python"], bench, 3.0)


def noop(bench: Bench) -> Iterator[Line]:
    """`repro` with nothing to do, by number of stages."""
    for count in bench.pick((2,), (1, 20, 200), (1, 20, 200, 2000)):
        stages = {f"s{n}": _link(n) for n in range(count)}
        project = projects.make(bench.scratch / str(count), stages, modules={"plain": projects.PLAIN})
        for n in range(0, count, 10):
            (project / "data" / f"{n}.txt").write_text(f"{n}")
        ckptflow(project, "repro", "-q")
        costs = alternate(
            bench.pick(1, 5, 11) * bench.rounds,
            {"ours": partial(ckptflow, project, "repro"), "python": lambda: interpreter(bench)},
        )
        work = f"`repro`, nothing to do, {count} stages"
        yield _beside_python(work, costs["ours"], costs["python"], bench, 5.0 if count <= 200 else 8.0)


def _link(n: int) -> dict[str, Any]:
    """Return stage `n`, in a chain of ten."""
    source = f"data/{n}.txt" if n % 10 == 0 else f"data/out/{n - 1}.txt"
    out = {"path": f"data/out/{n}.txt", "format": "text"}
    return {"call": "plain:step", "deps": {"text": source}, "outs": {"out": out}}


def first(bench: Bench) -> Iterator[Line]:
    """The first `repro` of stages that copy a file, by number of stages: what one more costs must not grow.

    Every run has a project of its own, and none is deleted before the end: ext4 passes over inodes that were deleted in
    the last five seconds one by one, so that what deletes before it makes files measures its own deleting.
    """
    counts = bench.pick((2, 4, 8), (25, 50, 100), (50, 100, 200))
    serial = itertools.count()

    def ours(count: int) -> Cost:
        return ckptflow(_copying(bench.scratch / f"ours-{next(serial)}", count), "repro", "-q")

    def loop() -> Cost:
        project = _copying(bench.scratch / f"loop-{next(serial)}", counts[-1])
        (project / "bare").mkdir()
        return bare("commands", str(counts[-1]), cwd=project)

    subjects: dict[str, Callable[[], Cost]] = {str(count): partial(ours, count) for count in counts}
    subjects["loop"] = loop
    doit = shutil.which("doit")
    if doit is not None:
        subjects["doit"] = lambda: _with_doit(doit, bench.scratch / f"doit-{next(serial)}", counts[-1])
    costs = alternate(bench.rounds, subjects)
    low, middle, high = (costs[str(count)] for count in counts)
    early = (middle.cpu - low.cpu) / (counts[1] - counts[0])
    late = (high.cpu - middle.cpu) / (counts[2] - counts[1])
    whole = counts[-1] == 200
    peer = costs.get("doit")
    said = f"doit {shown(peer)}" if peer is not None else f"doit {DOIT_FIRST_200} s CPU for 200 (SPEC)"
    limit = peer.cpu if peer is not None else DOIT_FIRST_200
    yield Line(
        work=f"first `repro` of {counts[-1]} stages of `cmd`",
        ours=shown(high),
        beside=f"starting the {counts[-1]} shells {shown(costs['loop'])}; {said}",
        ratio=f"{high.cpu / costs['loop'].cpu:.1f} × the shells",
        target="ahead of all peers" if whole else "stated for 200 stages",
        met=bench.held(high.cpu <= limit) if whole else None,
        figures=figures(ours=high, shells=costs["loop"], **({"doit": peer} if peer is not None else {})),
    )
    yield Line(
        work=f"the same, cost of one more stage: up to {counts[1]}, up to {counts[2]}",
        ours=f"{early * 1000:.1f} and {late * 1000:.1f} ms CPU",
        beside="-",
        ratio=f"{late / early:.2f}" if early > 0 else "-",
        target="linear: at most 1.3",
        met=bench.held(late <= 1.3 * early),
        figures={"early": early, "late": late},
    )


def _copying(directory: Path, count: int) -> Path:
    stages = {f"s{n}": {"cmd": f"cp source.txt out/{n}.txt", "deps": ["source.txt"], "outs": [f"out/{n}.txt"]}
              for n in range(count)}  # fmt: skip
    project = projects.make(directory, stages)
    (project / "source.txt").write_text("a\n")
    return project


DODO = """\
def task_copy():
    for n in range({count}):
        out = f"out/{{n}}.txt"
        yield {{"name": str(n), "actions": [f"cp source.txt {{out}}"], "file_dep": ["source.txt"], "targets": [out]}}
"""


def _with_doit(doit: str, directory: Path, count: int) -> Cost:
    """Run the same stages for the first time with doit, which makes no directories."""
    (directory / "out").mkdir(parents=True)
    (directory / "source.txt").write_text("a\n")
    (directory / "dodo.py").write_text(DODO.format(count=count))
    return process([doit, "-v", "0"], directory)


def interpreter(bench: Bench) -> Cost:
    """Return the cost of `python -c pass`."""
    return process([sys.executable, "-c", "pass"], bench.scratch)


def _beside_python(work: str, ours: Cost, python: Cost, bench: Bench, limit: float) -> Line:
    ratio = ours.cpu / python.cpu
    return Line(
        work=work,
        ours=shown(ours),
        beside=f"`python -c pass` {seconds(python.cpu)} CPU",
        ratio=f"{ratio:.1f} ×",
        target=f"at most {limit:g} × CPU",
        met=bench.held(ratio <= limit),
        figures={**figures(ours=ours, python=python), "ratio": ratio},
    )
