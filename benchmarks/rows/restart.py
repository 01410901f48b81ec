"""Edge. Killed in the middle: how soon the next run begins its first new chunk, and what is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .. import projects
from ..bench import COMMAND, Bench, Line, seconds
from ..cost import WentWrong, clean_environment, cpu_of
from .chunks import ROWS_A_CHUNK, over

WORKERS = 2


def restart(bench: Bench) -> Iterator[Line]:
    """SIGKILL when half of the chunks are recorded, then run again."""
    count = bench.pick(40, 2_000, 10_000)
    project = projects.make(bench.scratch / "project", {"traced": over(ROWS_A_CHUNK, "work:traced", cut="fixed")})
    projects.write_table(project / "data/table.parquet", count * ROWS_A_CHUNK)
    costs, twice, lost = [], [], []
    for _ in range(bench.rounds):
        projects.forget(project, "data/out.parquet", "trace")
        with _Run(project) as run:
            run.wait_for("chunk.done", count // 2)
            os.kill(run.pid, signal.SIGKILL)
        with _Run(project) as run:
            costs.append(run.wait_for("chunk.started", 1))
            run.end()
        done = Counter((project / "trace").read_text().split())
        if len(done) != count:
            raise WentWrong(f"{len(done)} of {count} chunks were run in all")
        twice.append(sum(done.values()) - count)
        lost.append(count // 2)
    cpu, wall = sorted(c for c, _ in costs)[len(costs) // 2], sorted(w for _, w in costs)[len(costs) // 2]
    yield Line(
        name=f"restart/{count}",
        work=f"restart after SIGKILL at half of {count:,} chunks: until the first new chunk starts",
        ours=f"{seconds(cpu)} CPU of all processes, {seconds(wall)} wall",
        beside="-",
        ratio="-",
        target="at most 0.5 s CPU",
        met=bench.held(cpu <= 0.5),
        figures={"cpu": cpu, "wall": wall},
    )
    yield Line(
        name=f"restart/twice/{count}",
        work="the same, chunks run twice",
        ours=f"{max(twice)}",
        beside=f"in flight: {WORKERS}, one a worker",
        ratio="-",
        target="those in flight",
        met=max(twice) <= WORKERS,
        figures={"twice": max(twice)},
    )


class _Run:
    """A run in the background whose events are followed. On leaving, it is waited for."""

    def __init__(self, project: Path) -> None:
        self._events = project / "events.jsonl"
        self._events.unlink(missing_ok=True)
        self._seen: Counter[str] = Counter()
        self._at = 0
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [*COMMAND, "-q", "repro", "-j", str(WORKERS), "--events", str(self._events)],
            cwd=project,
            env=clean_environment({"TRACE": str(project / "trace")}),
        )
        self.pid = self._process.pid

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.wait()

    def wait_for(self, kind: str, times: int) -> tuple[float, float]:
        """Wait until so many events of a kind were told; return CPU and wall seconds spent since the start."""
        while self._seen[kind] < times:
            if self._process.poll() is not None:
                raise WentWrong(f"the run ended with {self._process.returncode} before {times} {kind}")
            self._read()
            time.sleep(0.001)
        return cpu_of(self.pid), time.perf_counter() - self._began

    def end(self) -> None:
        """Wait for the end. Raises WentWrong unless all went well."""
        if self._process.wait() != 0:
            raise WentWrong(f"the run ended with {self._process.returncode}")

    def _read(self) -> None:
        if not self._events.exists():
            return
        with self._events.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._at += len(line)
                self._seen[json.loads(line)["type"]] += 1
