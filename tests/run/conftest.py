"""A project with a module of stage functions, and a way to run tasks in real worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ckptflow.ids import ChunkKey, StageName
from ckptflow.run.messages import (
    CutDone,
    Done,
    Failed,
    Input,
    Output,
    Report,
    Returned,
    Task,
    WorkerSetup,
)
from ckptflow.run.pool import Pool
from ckptflow.store.local import LocalStore
from ckptflow.store.objects import Objects

OUT = Output("out", "out.txt", "file", name="out")


@dataclass
class Bench:
    """A project under `root`; `write` adds modules, `call` and `cmd` make tasks, `run` runs them."""

    root: Path
    numbers: int = 0
    reports: list[Report] = field(default_factory=list)

    @property
    def setup(self) -> WorkerSetup:
        return WorkerSetup(str(self.root), str(self.root / "store"), str(self.root / "cuts"))

    @property
    def objects(self) -> Objects:
        return Objects(LocalStore(self.root / "store"))

    def write(self, text: str, name: str = "steps.py") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def call(
        self,
        function: str,
        outputs: tuple[Output, ...] = (OUT,),
        *,
        inputs: tuple[Input, ...] = (),
        kwargs: dict[str, Any] | None = None,
        **more: Any,
    ) -> Task:
        return self._task(call=f"steps:{function}", outputs=outputs, inputs=inputs, kwargs=kwargs or {}, **more)

    def cmd(self, *commands: str, outputs: tuple[Output, ...] = (), **more: Any) -> Task:
        return self._task(cmd=commands, outputs=outputs, **{"index": None, "inputs": (), **more})

    def _task(self, **fields: Any) -> Task:
        self.numbers += 1
        number = self.numbers
        log = str(self.root / "logs" / f"{number}.log")
        made = {"id": number, "stage": StageName("s"), "index": 0, "chunks": 9, "log": log, **fields}
        return Task(key=ChunkKey(f"{number:064x}"), **made)

    @contextmanager
    def pool(self, workers: int = 1, *, functions: bool = True, **setup: Any) -> Iterator[Pool]:
        from dataclasses import replace

        with Pool(workers, replace(self.setup, **setup), functions=functions) as pool:
            yield pool

    def run(self, *tasks: Any, workers: int = 1, **setup: Any) -> dict[int, Done | CutDone | Failed | None]:
        """Run all tasks, one batch; return the final report of each by id (None: it came back)."""
        with self.pool(workers, **setup) as pool:
            pool.submit(tasks)
            return self.finish(pool)

    def one(self, task: Any, **setup: Any) -> Any:
        return self.run(task, **setup)[task.id]

    def finish(self, pool: Pool) -> dict[int, Done | CutDone | Failed | None]:
        final: dict[int, Done | CutDone | Failed | None] = {}
        while pool.running():
            reports = pool.wait(120)
            assert reports, "nothing was heard for 20 seconds"
            self.reports += reports
            take(reports, final)
        return final

    def text(self, report: Any, label: str = "out") -> str:
        return self.objects.get(report.outs[label].object).decode()


def take(reports: list[Report], final: dict[int, Any]) -> None:
    for report in reports:
        match report:
            case Done(task) | CutDone(task) | Failed(task):
                assert task not in final, "two final reports for one task"
                final[task] = report
            case Returned(tasks):
                for task in tasks:
                    assert task not in final, "a finished task came back"
                    final[task] = None
            case _:
                pass


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "ckptflow.json").write_text("{}")
    return Bench(tmp_path)


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Wait for something to become true, for at most two minutes."""
    import time

    def wait_until(check: Callable[[], Any]) -> Any:
        end = time.monotonic() + 120
        while not (value := check()):
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.005)
        return value

    return wait_until


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    from tests.run.desk import Desk

    made = Desk(tmp_path)
    yield made
    made.close()
