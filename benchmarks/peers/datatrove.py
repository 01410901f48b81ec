"""Pure. datatrove: a step in a pipeline, and as many tasks as there are parts; each is marked when it is done."""

from __future__ import annotations

from pathlib import Path

from .environment import same_pyarrow
from .jobs import DOUBLE
from .peer import Jobs, Peer, Work

JOBS = """\
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from work import double


class Double(PipelineStep):
    name = "double"

    def run(self, data, rank: int = 0, world_size: int = 1):
        double(f"parts/{{rank}}.parquet", f"out/{{rank}}.parquet")
        yield from ()


if __name__ == "__main__":
    LocalPipelineExecutor(pipeline=[Double()], tasks={count}, workers=2, logging_dir="logs").run()
"""


def write_jobs(directory: Path, jobs: Jobs) -> None:
    (directory / "work.py").write_text(DOUBLE)
    (directory / "run.py").write_text(JOBS.format(count=jobs.count))


PEER = Peer("datatrove", ("datatrove==0.10.1", same_pyarrow()), jobs=Work(write_jobs, ("python", "run.py"), most=200))
