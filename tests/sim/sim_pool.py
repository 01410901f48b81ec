"""A pool without processes: the worker's own code, called in this process, in an order that chance chooses.

It has the interface of `ckptflow.run.pool.Pool`. What it adds is malice: tasks of several batches are done in any
order, reports are held back, and part of a batch may come back undone, as after the death of a worker.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ckptflow.run import worker as worker_module
from ckptflow.run.messages import CutTask, Report, Returned, Started, Task, WorkerSetup


class _Silence:
    """Stands for `run.capture.Capture`: what tasks print goes where the tests' output goes."""

    def begin(self, log: str) -> None:
        pass

    def end(self) -> bool:
        return False

    def close(self) -> None:
        pass


class _Nowhere:
    """Stands for the channel to the engine: progress is not told, nothing is heard, and nobody reads the notes."""

    def __init__(self) -> None:
        self.fd, self._other = os.pipe()
        self.notes = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._other)
        self.notes.close()

    def send(self, reports: object) -> None:
        pass


class InlinePool:
    """See `ckptflow.run.pool.Pool`. `chance` is shared by all pools of one test."""

    chance = random.Random(0)
    malice = 0.1
    made = 0
    before: Callable[[Task | CutTask], None] | None = None
    """Called before each task: what happens outside of the run meanwhile."""

    def __init__(self, workers: int, setup: WorkerSetup, *, functions: bool = True) -> None:
        self._size = workers
        self._setup = setup
        self._batches: list[list[Task | CutTask]] = []
        self._wake_read, self.wakeup_fd = os.pipe()
        os.set_blocking(self.wakeup_fd, False)
        self._worker: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._worker is not None:
            self._worker.close()
            self._nowhere.close()
            _forget_project(self._setup.root)
        os.close(self._wake_read)
        os.close(self.wakeup_fd)

    def idle(self) -> int:
        return self._size - len(self._batches)

    def running(self) -> int:
        return len(self._batches)

    def submit(self, batch: tuple[Task | CutTask, ...]) -> int:
        assert batch and self.idle() > 0
        self._batches.append(list(batch))
        return len(self._batches)

    def wait(self, timeout: float | None = None) -> list[Report]:
        reports: list[Report] = []
        while self._batches and not (reports and self.chance.random() < 0.5):
            batch = self.chance.choice(self._batches)
            task = batch.pop(0)
            reports += [Started(task.id, 1), self._do(task)]
            if batch and self.chance.random() < self.malice:
                reports.append(Returned(tuple(t.id for t in batch)))
                batch.clear()
            if not batch:
                self._batches.remove(batch)
        return reports

    def proceed(self) -> list[Report]:
        """Nothing waits here for what was reported to be kept."""
        return []

    def drain(self) -> None:
        for batch in self._batches:
            del batch[1:]

    def stop(self, grace: float) -> Iterator[list[Report]]:
        yield [Returned(tuple(t.id for t in batch[1:])) for batch in self._batches if batch[1:]]
        self.drain()
        yield self.wait()

    def _do(self, task: Task | CutTask) -> Report:
        here = Path.cwd()
        if self._worker is None:
            InlinePool.made += 1
            staging = Path(self._setup.store) / "tmp" / f"inline-{os.getpid()}-{InlinePool.made}"
            self._nowhere = _Nowhere()
            notes = self._nowhere.notes.fileno()
            self._worker = worker_module.Worker(self._nowhere, 1, staging, self._setup, notes)  # type: ignore[arg-type]
        try:
            if InlinePool.before is not None:
                InlinePool.before(task)
            return self._worker._attempt(task)
        finally:
            os.chdir(here)


def _forget_project(root: str) -> None:
    """Undo `import_from`: the next pool imports the modules of its project anew."""
    for name, module in list(sys.modules.items()):
        paths = [getattr(module, "__file__", None) or "", *map(str, getattr(module, "__path__", ()))]
        if any(path.startswith(f"{root}/") for path in paths):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != root]
    del sys.path_hooks[0]
    for path in [p for p in sys.path_importer_cache if p == root or p.startswith(f"{root}/")]:
        del sys.path_importer_cache[path]


@contextmanager
def inline(seed: int = 0, malice: float = 0.1) -> Iterator[None]:
    """Let `repro` use pools without processes for the length of the block."""
    from ckptflow.engine import attempt

    kept = attempt.Pool, worker_module.Capture
    InlinePool.chance, InlinePool.malice = random.Random(seed), malice
    attempt.Pool = InlinePool  # type: ignore[misc, assignment]
    worker_module.Capture = _Silence  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        attempt.Pool, worker_module.Capture = kept  # type: ignore[misc]
