"""Pure. pytask: a `task_*.py` with a loop that defines its tasks."""

from __future__ import annotations

from pathlib import Path

from .environment import same_pyarrow
from .jobs import DOUBLE
from .peer import Copies, Jobs, Peer, Work

STAGES = """\
import subprocess
from pathlib import Path
from typing import Annotated

from pytask import Product, task


def source(n):
    return {source}


for n in range({count}):

    @task(id=str(n))
    def copy(
        source: Path = Path(source(n)),
        out: Annotated[Path, Product] = Path(f"out/{{n}}.txt"),
    ) -> None:
        subprocess.run(f"cp {{source}} {{out}}", shell=True, check=True)
"""

JOBS = (
    """\
from pathlib import Path
from typing import Annotated

from pytask import Product, task

"""
    + DOUBLE
    + """

for n in range({count}):

    @task(id=str(n))
    def double_part(
        source: Path = Path(f"parts/{{n}}.parquet"),
        out: Annotated[Path, Product] = Path(f"out/{{n}}.parquet"),
    ) -> None:
        double(source, out)
"""
)


def write_stages(directory: Path, copies: Copies) -> None:
    (directory / "task_copy.py").write_text(STAGES.format(source=copies.source, count=copies.count))


def write_jobs(directory: Path, jobs: Jobs) -> None:
    (directory / "task_double.py").write_text(JOBS.format(count=jobs.count))


PEER = Peer(
    "pytask",
    ("pytask==0.6.0", same_pyarrow()),
    version=("pytask", "--version"),
    stages=Work(write_stages, ("pytask", "--verbose", "0"), most=200, most_first=200),
    jobs=Work(write_jobs, ("pytask", "--verbose", "0"), most=200),
)
