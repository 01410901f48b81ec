"""Pure. doit: a `dodo.py` that yields its tasks."""

from __future__ import annotations

from pathlib import Path

from .environment import same_pyarrow
from .jobs import DOUBLE
from .peer import Copies, Jobs, Peer, Work

STAGES = """\
def source(n):
    return {source}


def task_copy():
    for n in range({count}):
        out = f"out/{{n}}.txt"
        yield {{
            "name": str(n),
            "actions": [f"cp {{source(n)}} {{out}}"],
            "file_dep": [source(n)],
            "targets": [out],
        }}
"""

JOBS = (
    DOUBLE
    + """

def task_double():
    for n in range({count}):
        source, target = f"parts/{{n}}.parquet", f"out/{{n}}.parquet"
        yield {{
            "name": str(n),
            "actions": [(double, [source, target])],
            "file_dep": [source],
            "targets": [target],
        }}
"""
)


def write_stages(directory: Path, copies: Copies) -> None:
    (directory / "dodo.py").write_text(STAGES.format(source=copies.source, count=copies.count))


def write_jobs(directory: Path, jobs: Jobs) -> None:
    (directory / "dodo.py").write_text(JOBS.format(count=jobs.count))


PEER = Peer(
    "doit",
    ("doit==0.37.0", same_pyarrow()),
    version=("doit", "--version"),
    stages=Work(write_stages, ("doit", "-v", "0")),
    jobs=Work(write_jobs, ("doit", "-v", "0")),
)
