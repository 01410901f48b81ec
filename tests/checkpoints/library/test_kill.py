"""A process killed at random moments: what was flushed is never done again, and ids have no gap and come once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.checkpoints import CheckpointManager
from tests.e2e.place import until

WORKER = Path(__file__).with_name("worker.py")
COUNT = 300


class Work:
    """Runs of the worker on one base."""

    def __init__(self, base: str, options: dict, out: Path) -> None:
        out.mkdir()
        self.out = out
        self.command = [sys.executable, str(WORKER), base, json.dumps(dict(options)), str(COUNT), str(out)]

    def run(
        self,
        number: signal.Signals | None = None,
        after: int = 0,
        more: int = 3,
        ready: Callable[[], bool] = lambda: True,
    ) -> int:
        """Run it, and send a signal when it has begun so many items, before it has done `more`, and once it is ready;
        return the exit code.
        """
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        last = -1 if number is None else after + more
        with subprocess.Popen(
            [*self.command, str(last)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            for n, _ in enumerate(process.stdout):
                if number is not None and n == after:
                    until(ready, "what is to be there before the signal")
                    process.send_signal(number)
                    number = None
            code, said = process.wait(), process.stderr.read()
        assert code <= 0, said
        return code

    @property
    def begun(self) -> Counter[int]:
        return Counter(map(int, (self.out / "begun").read_text().split()))

    @property
    def results(self) -> dict[str, int]:
        return {path.name: int(path.read_text()) for path in self.out.glob("S*")}


def check(work: Work, manager: CheckpointManager) -> None:
    latest = manager.latest("corpus")
    assert latest is not None and latest.status == "completed"
    assert (latest.processed_count, latest.statistics.success_count) == (COUNT, COUNT)
    assert latest.last_generated_id == f"S{COUNT}"
    assert latest.processor_state.dataset_specific_state == {"sum": sum(range(COUNT))}
    assert sorted(work.results, key=lambda name: int(name[1:])) == [f"S{n}" for n in range(1, COUNT + 1)]
    assert sorted(work.results.values()) == list(range(COUNT))
    assert manager.validate("corpus") == []


def test_twenty_sigkills(tmp_path) -> None:
    base = str(tmp_path / "checkpoints")
    work = Work(base, {}, tmp_path / "out")
    chance = random.Random(5)
    kills = 0
    for _ in range(20):
        kills += work.run(signal.SIGKILL, chance.randrange(12)) == -signal.SIGKILL
    assert kills == 20
    assert work.run() == 0
    check(work, CheckpointManager(base))
    again = work.begun.total() - COUNT
    assert again <= kills  # at most the item in hand, each time
    assert len(work.begun) == COUNT


def test_sigkill_on_object_storage_loses_what_was_not_flushed(tmp_path, moto_bucket) -> None:
    base = f"{moto_bucket.url}/checkpoints"
    work = Work(base, moto_bucket.options, tmp_path / "out")
    manager = CheckpointManager(base, options=moto_bucket.options)

    def some() -> bool:
        return manager.report("corpus").success >= 20

    assert work.run(signal.SIGKILL, 150, more=0, ready=some) == -signal.SIGKILL
    flushed = manager.report("corpus").success
    assert flushed >= 20  # a checkpoint is written every 20 items
    assert work.run() == 0
    check(work, manager)
    begun = work.begun
    assert sum(n - 1 for n in begun.values()) == 151 - flushed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_loses_at_most_the_item_in_hand(tmp_path, number) -> None:
    base = str(tmp_path / "checkpoints")
    work = Work(base, {}, tmp_path / "out")
    assert work.run(number, 30) == -number
    manager = CheckpointManager(base)
    latest = manager.latest("corpus")
    assert latest is not None
    assert latest.status == "in_progress" and latest.extra["interrupted"] == number.name
    assert latest.processed_count == manager.report("corpus").success >= 30
    assert work.run() == 0
    check(work, manager)
    assert work.begun.total() <= COUNT + 1


def test_sigterm_gives_the_lock_on_object_storage_back(tmp_path, moto_bucket) -> None:
    base = f"{moto_bucket.url}/checkpoints"
    work = Work(base, moto_bucket.options, tmp_path / "out")
    assert work.run(signal.SIGTERM, 30) == -signal.SIGTERM
    manager = CheckpointManager(base, options=moto_bucket.options)
    latest = manager.latest("corpus")
    assert latest is not None and latest.processed_count >= 30
    assert json.loads(manager._place.bucket.get("_locks/corpus.lock"))["free"] is True
    with manager.lock("corpus", timeout=0):
        pass
