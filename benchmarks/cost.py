"""Edge. What a piece of work costs: wall seconds, CPU seconds of the whole process tree, the memory of its processes.

What is compared is measured in turn, and a ratio is taken round by round, so that a machine that slows down slows both.

CPU seconds come from `wait4`: user and system time of the process and of all descendants that were waited for. They are
the figure to trust on a machine that others use as well. Peaks of memory are read from /proc while the processes live
(`VmHWM`), one by one: what `wait4` says of memory includes the process that started them.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


class WentWrong(Exception):
    """What was to be measured failed, or did not do what it was measured for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; and peaks of resident memory in bytes, of the first process and of the largest other."""

    wall: float
    cpu: float
    engine: int = 0
    worker: int = 0

    def less(self, other: Cost) -> Cost:
        """Return what is left without what `other` cost; at least a hundredth, since less is noise."""
        return Cost(max(self.wall - other.wall, self.wall / 100), max(self.cpu - other.cpu, self.cpu / 100))


def process(
    argv: Sequence[str],
    cwd: Path,
    *,
    env: Mapping[str, str] | None = None,
    watch: bool = False,
    code: int = 0,
    within: float | None = None,
) -> Cost:
    """Run a command and return its cost; `watch` follows memory too. Raises WentWrong on another exit code, and where
    it is not done `within` so many seconds.
    """
    with open(cwd / "benchmark.err", "wb") as words:
        began = time.perf_counter()
        try:
            running = subprocess.Popen(
                argv,
                cwd=cwd,
                env=clean_environment(env),
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=within is not None,
            )
        except OSError as error:
            raise WentWrong(f"{argv[0]} cannot be started: {error.strerror}") from error
        with _ended_after(running.pid, within), Peaks(running.pid) if watch else _nobody() as peaks:
            _, status, used = os.wait4(running.pid, 0)
        wall = time.perf_counter() - began
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != code:
        said = (cwd / "benchmark.err").read_text(errors="replace")[-2000:]
        raise WentWrong(f"{' '.join(argv)}: exit code {running.returncode}\n{said}")
    return Cost(wall, used.ru_utime + used.ru_stime, peaks.engine, peaks.worker)


@contextmanager
def _ended_after(pid: int, within: float | None) -> Iterator[None]:
    """Kill a process, and all of its session, if the block lasts longer than that."""
    if within is None:
        yield
        return
    timer = threading.Timer(within, os.killpg, (pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of measured processes: with bytecode caches, and without settings of the caller's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_") and k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **(more or {})}


def here(work: Callable[[], object]) -> Cost:
    """Return the cost of a call in this process, of all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


@dataclass(frozen=True, slots=True)
class Series:
    """What one subject cost, by round; None in rounds that it sat out. Seconds are medians, peaks the largest seen."""

    rounds: tuple[Cost | None, ...]

    @property
    def seen(self) -> list[Cost]:
        """The rounds that it took part in."""
        return [cost for cost in self.rounds if cost is not None]

    @property
    def wall(self) -> float:
        """Wall seconds."""
        return statistics.median(cost.wall for cost in self.seen)

    @property
    def cpu(self) -> float:
        """CPU seconds."""
        return statistics.median(cost.cpu for cost in self.seen)

    @property
    def engine(self) -> int:
        """Bytes of the first process."""
        return max(cost.engine for cost in self.seen)

    @property
    def worker(self) -> int:
        """Bytes of the largest other process."""
        return max(cost.worker for cost in self.seen)

    def less(self, other: Series) -> Series:
        """Return what is left without what `other` costs, by round; at least a hundredth, since less is noise."""
        return Series(
            tuple(one.less(two) if one and two else None for one, two in zip(self.rounds, other.rounds, strict=True))
        )

    def divided(self, parts: int) -> Series:
        """Return what one part of many costs."""
        return Series(tuple(Cost(each.wall / parts, each.cpu / parts) if each else None for each in self.rounds))

    def over(self, other: Series, by: By = "cpu") -> Ratio:
        """Return how many times as much this costs as `other`."""
        pairs = [(one, two) for one, two in zip(self.rounds, other.rounds, strict=True) if one and two]
        if not pairs:
            raise WentWrong("the two never took part in the same round")
        middle = getattr(self, by) / getattr(other, by)
        each = [getattr(one, by) / getattr(two, by) for one, two in pairs]
        return Ratio(middle, min(middle, *each), max(middle, *each))


By = Literal["cpu", "wall"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one costs in units of what the other costs: of the medians, and the least and the most of all rounds."""

    median: float
    low: float
    high: float


def alternate(
    rounds: int,
    subjects: Mapping[str, Callable[[], Cost]],
    peers: Mapping[str, Callable[[], Cost]] | None = None,
    *,
    few: int = 3,
) -> dict[str, Series]:
    """Measure all subjects in turn, `rounds` times over. Peers take part in no more than `few` of the rounds; one that
    fails is told of and left out.
    """
    left = dict(peers or {})
    taking = min(rounds, few)
    seen: dict[str, list[Cost | None]] = {name: [] for name in (*subjects, *left)}
    for number in range(rounds):
        for name, subject in subjects.items():
            seen[name].append(subject())
        chosen = number * taking // rounds != (number - 1) * taking // rounds
        for name, peer in list(left.items()):
            try:
                seen[name].append(peer() if chosen else None)
            except WentWrong as error:
                print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
                del seen[name], left[name]
    return {name: Series(tuple(costs)) for name, costs in seen.items()}


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
