"""Pure. joblib: a script whose calls are remembered on disk and spread over two workers."""

from __future__ import annotations

from pathlib import Path

from .environment import same_pyarrow
from .jobs import DOUBLE
from .peer import Jobs, Peer, Work

JOBS = """\
from joblib import Memory, Parallel, delayed

from work import double

once = Memory(".joblib", verbose=0).cache(double)
Parallel(n_jobs=2)(delayed(once)(f"parts/{{n}}.parquet", f"out/{{n}}.parquet") for n in range({count}))
"""


def write_jobs(directory: Path, jobs: Jobs) -> None:
    (directory / "work.py").write_text(DOUBLE)
    (directory / "run.py").write_text(JOBS.format(count=jobs.count))


PEER = Peer("joblib", ("joblib==1.6.0", same_pyarrow()), jobs=Work(write_jobs, ("python", "run.py"), most=1_000))
