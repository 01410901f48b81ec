"""Edge. Very many chunks: a run with nothing to do, and a plan that looks at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .. import projects
from ..bench import Bench, Line, Size, ckptflow, figures, shown
from ..cost import alternate
from .chunks import over

ROWS = 10


def million(bench: Bench) -> Iterator[Line]:
    """One stage of very many chunks. A million take half an hour to make: only at `--large`."""
    count = 1_000_000 if bench.size is Size.LARGE else bench.pick(50, 5_000, 100_000)
    project = projects.make(bench.scratch / "project", {"double": over(ROWS, "work:double", cut="fixed")})
    projects.write_table(project / "data/table.parquet", count * ROWS)
    made = ckptflow(project, "repro", "-q", watch=True)
    costs = alternate(
        bench.rounds,
        {
            "repro": partial(ckptflow, project, "repro", "-q", watch=True),
            "plan": partial(ckptflow, project, "-q", "plan", watch=True),
        },
    )
    whole = bench.size is Size.LARGE
    for name, work in (("repro", "`repro` with nothing to do"), ("plan", "`plan`, which looks at every chunk")):
        cost = costs[name]
        yield Line(
            name=f"million/{name}/{count}",
            work=f"{count:,} chunks: {work}",
            ours=f"{shown(cost)}, {cost.engine / 1e6:.0f} MB",
            beside=f"making them {shown(made)}, engine {made.engine / 1e6:.0f} MB",
            ratio="-",
            target="under 2 s, under 500 MB" if name == "repro" else "-",
            met=cost.wall < 2.0 and cost.engine < 500_000_000 if whole and name == "repro" else None,
            figures={**figures(cost=cost, made=made), "engine": cost.engine, "made_engine": made.engine},
        )
