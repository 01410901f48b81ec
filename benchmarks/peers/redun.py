"""Pure. redun: a `workflow.py` of tasks over files; a run is known by what it called with which arguments."""

from __future__ import annotations

from pathlib import Path

from .environment import same_pyarrow
from .jobs import DOUBLE
from .peer import Copies, Jobs, Peer, Work

STAGES = """\
import subprocess

from redun import File, task

redun_namespace = "bench"


@task()
def copy(source: File, out: str) -> File:
    subprocess.run(f"cp {{source.path}} {{out}}", shell=True, check=True)
    return File(out)


@task()
def main() -> list[File]:
    made = {{}}
    for n in range({count}):
        source = {source}
        out = f"out/{{n}}.txt"
        made[out] = copy(made[source] if source in made else File(source), out)
    return list(made.values())
"""

JOBS = (
    """\
from redun import File, task

redun_namespace = "bench"

"""
    + DOUBLE
    + """

@task()
def double_part(source: File, out: str) -> File:
    return File(double(source.path, out))


@task()
def main() -> list[File]:
    return [double_part(File(f"parts/{{n}}.parquet"), f"out/{{n}}.parquet") for n in range({count})]
"""
)


def write_stages(directory: Path, copies: Copies) -> None:
    (directory / "workflow.py").write_text(STAGES.format(source=copies.source, count=copies.count))


def write_jobs(directory: Path, jobs: Jobs) -> None:
    (directory / "workflow.py").write_text(JOBS.format(count=jobs.count))


PEER = Peer(
    "redun",
    ("redun==0.44.1", same_pyarrow()),
    version=("redun", "--version"),
    stages=Work(write_stages, ("redun", "run", "workflow.py", "main"), most=200, most_first=200),
    jobs=Work(write_jobs, ("redun", "run", "workflow.py", "main"), most=200),
)
