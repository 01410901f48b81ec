"""Edge. Memory: peaks of the engine and of its workers for a table much larger than a chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import projects
from ..bench import Bench, Line, Size, ckptflow
from ..cost import Cost
from .chunks import over

LIMIT = 500_000_000
BYTES_A_ROW = 38


def memory(bench: Bench) -> Iterator[Line]:
    """Chunks by rows and by key, over a table and over one four times as large: the peaks must hardly differ."""
    large = 10_000_000_000 if bench.size is Size.LARGE else bench.pick(1 << 20, 200_000_000, 2_000_000_000)
    size = bench.pick(1_000, 20_000, 50_000)
    forms = {"rows": over(size, "work:features"), "by": _by(size)}
    for form, stage in forms.items():
        small_run, _ = _run(bench.scratch / f"{form}-small", stage, large // 4)
        run, held = _run(bench.scratch / f"{form}-large", stage, large)
        known = f"worker {small_run.worker / 1e6:.0f} MB, engine {small_run.engine / 1e6:.0f} MB"
        yield Line(
            name=f"memory/{form}/{large}",
            work=f"memory, chunks `{form}` of {size:,} rows, table of {held / 1e9:.2g} GB in memory",
            ours=f"worker {run.worker / 1e6:.0f} MB, engine {run.engine / 1e6:.0f} MB",
            beside=f"a quarter of the table: {known}",
            ratio=f"{run.worker / max(1, small_run.worker):.2f} × for 4 × the data",
            target="under 500 MB a worker at 10 GB; in proportion to a chunk",
            met=bench.held(max(run.worker, run.engine) < LIMIT),
            figures={"worker": run.worker, "engine": run.engine, "small_worker": small_run.worker, "bytes": held},
        )


def _by(size: int) -> dict[str, Any]:
    return {
        "call": "work:features",
        "deps": {"rows": "data/table.parquet"},
        "chunk": {"by": {"rows": "key"}, "rows": size},
        "outs": {"out": "data/out.parquet"},
    }


def _run(directory: Path, stage: dict[str, Any], size: int) -> tuple[Cost, int]:
    """Run the stage over a table of about `size` bytes in memory; return its cost and the table's true size."""
    project = projects.make(directory, {"features": stage})
    held = projects.write_table(project / "data/table.parquet", size // BYTES_A_ROW)
    cost = ckptflow(project, "repro", "-q", watch=True)
    projects.forget(project, "data")
    return cost, held
