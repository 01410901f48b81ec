"""Edge. What a piece of work costs: wall seconds, CPU seconds of the whole process tree, the memory of its processes.

CPU seconds come from `wait4`: user and system time of the process and of all descendants that were waited for. They are
the figure to trust on a machine that others use as well. Peaks of memory are read from /proc while the processes live
(`VmHWM`), one by one: what `wait4` says of memory includes the process that started them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class WentWrong(Exception):
    """What was to be measured failed, or did not do what it was measured for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; and peaks of resident memory in bytes, of the first process and of the largest other."""

    wall: float
    cpu: float
    engine: int = 0
    worker: int = 0


def process(
    argv: Sequence[str], cwd: Path, *, env: Mapping[str, str] | None = None, watch: bool = False, code: int = 0
) -> Cost:
    """Run a command and return its cost; `watch` follows memory too. Raises WentWrong on another exit code."""
    with open(cwd / "benchmark.err", "wb") as words:
        began = time.perf_counter()
        running = subprocess.Popen(argv, cwd=cwd, env=clean_environment(env), stdout=subprocess.DEVNULL, stderr=words)
        with Peaks(running.pid) if watch else _nobody() as peaks:
            _, status, used = os.wait4(running.pid, 0)
        wall = time.perf_counter() - began
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != code:
        said = (cwd / "benchmark.err").read_text(errors="replace")[-2000:]
        raise WentWrong(f"{' '.join(argv)}: exit code {running.returncode}\n{said}")
    return Cost(wall, used.ru_utime + used.ru_stime, peaks.engine, peaks.worker)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of measured processes: with bytecode caches, and without settings of the caller's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_") and k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **(more or {})}


def here(work: Callable[[], object]) -> Cost:
    """Return the cost of a call in this process, of all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def alternate(rounds: int, subjects: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Measure all subjects in turn, `rounds` times over, and return the median of each; peaks are the largest seen."""
    seen: dict[str, list[Cost]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            seen[name].append(subject())
    return {name: median(costs) for name, costs in seen.items()}


def median(costs: Iterable[Cost]) -> Cost:
    """Return the median of wall and of CPU seconds, each for itself, and the largest peaks."""
    all_ = list(costs)
    return Cost(
        statistics.median(c.wall for c in all_),
        statistics.median(c.cpu for c in all_),
        max(c.engine for c in all_),
        max(c.worker for c in all_),
    )


class Peaks:
    """Follows the resident memory of a process and its descendants while the `with` lasts."""

    EVERY_SECONDS = 0.02

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.engine = self.worker = 0

    def __enter__(self) -> Peaks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(self.EVERY_SECONDS):
            self.engine = max(self.engine, peak_of(self._pid))
            for child in descendants(self._pid):
                self.worker = max(self.worker, peak_of(child))


class _nobody:  # noqa: N801 - reads as the statement it is
    engine = worker = 0

    def __enter__(self) -> _nobody:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def peak_of(pid: int) -> int:
    """Return the peak of resident memory of a living process in bytes; 0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a living process and its descendants, in steps of a clock tick."""
    ticks = 0
    for each in (pid, *descendants(pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # of itself and of its children that were waited for
    return ticks / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        with suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").iterdir():
                children = [int(text) for text in (task / "children").read_text().split()]
                found += children
                waiting += children
    return found
