"""Locks: one holder, a message that names it, and nothing kept by the dead; on a disk and on object storage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import leases
from ckptflow.checkpoints.library.leases import Lease, hold_lease
from ckptflow.errors import CheckpointError, Locked
from ckptflow.store.buckets.by_memory import MemoryBucket

HOLD = """
import json, sys
from ckptflow.checkpoints import CheckpointManager
with CheckpointManager(sys.argv[1], options=json.loads(sys.argv[2])).lock("corpus", timeout=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["local", "s3"])
def place(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "checkpoints"), {}
    bucket = request.getfixturevalue("moto_bucket")
    return f"{bucket.url}/checkpoints", dict(bucket.options)


@pytest.fixture
def other(place):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place[0], json.dumps(place[1])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_living_holder_keeps_it_and_is_named(place, other) -> None:
    manager = CheckpointManager(place[0], options=place[1])
    with pytest.raises(Locked) as caught, manager.lock("corpus", timeout=0.3):
        pass
    for part in ("corpus is locked by", f"pid {other.pid} on", "since 20"):
        assert part in str(caught.value)
    with manager.lock("another", timeout=0):
        pass
    other.stdin.close()
    with manager.lock("corpus", timeout=30):
        pass


def test_a_dead_holder_keeps_nothing(place, other) -> None:
    manager = CheckpointManager(place[0], options=place[1])
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with manager.lock("corpus", timeout=0):
        pass


def test_two_threads_take_turns(make) -> None:
    manager = make()
    inside, most, done = [], [], []

    def work(name: str) -> None:
        for _ in range(3):
            with manager.lock("corpus", timeout=60):
                inside.append(name)
                most.append(len(inside))
                time.sleep(0.01)
                inside.remove(name)
        done.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(done) == ["a", "b"] and set(most) == {1}


class Turned(MemoryBucket):
    """Object storage whose clock is turned by hand, and whose holder is not known to be dead."""

    def __init__(self) -> None:
        super().__init__("memory://turned")
        self.ahead = 0.0
        self.now_ns = lambda: int((time.time() + self.ahead) * 1e9)


@pytest.fixture
def bucket(monkeypatch) -> Turned:
    monkeypatch.setattr(leases, "_process", lambda pid: None)
    return Turned()


def test_a_lease_counts_by_the_servers_clock(bucket) -> None:
    dead = leases._take(bucket, "corpus", 0, 30.0, None)
    with pytest.raises(Locked, match="taken over if it is not renewed"), hold_lease(bucket, "corpus", timeout=0):
        pass
    bucket.ahead = 31
    with pytest.raises(Locked), hold_lease(bucket, "corpus", timeout=0):  # whole seconds: a margin
        pass
    bucket.ahead = 33
    with hold_lease(bucket, "corpus", timeout=0) as lease:
        lease.check()
        dead.renew()
        with pytest.raises(CheckpointError, match=r"is lost.*has taken it"):
            dead.check()
        lease.renew()
        lease.check()


def test_a_renewed_lease_is_not_taken(bucket) -> None:
    with hold_lease(bucket, "corpus", timeout=0) as lease:
        for _ in range(4):
            bucket.ahead += 20
            lease.renew()
            with pytest.raises(Locked), hold_lease(bucket, "corpus", timeout=0):
                pass
        lease.check()


def test_a_holder_that_cannot_renew_stops_before_others_begin(bucket) -> None:
    with hold_lease(bucket, "corpus", timeout=0, seconds=30.0) as lease:
        lease._renewed = leases.Moment((time.monotonic() - 31, time.time() - 31))
        with pytest.raises(CheckpointError, match="could not be renewed"):
            lease.check()


def test_giving_back_never_takes_from_another(bucket) -> None:
    dead = leases._take(bucket, "corpus", 0, 30.0, None)
    bucket.ahead = 60
    with hold_lease(bucket, "corpus", timeout=0):
        dead.give_back()
        with pytest.raises(Locked), hold_lease(bucket, "corpus", timeout=0):
            pass


def test_what_is_no_lock_is_waited_for_and_taken(bucket) -> None:
    bucket.put("_locks/corpus.lock", b"\xff{")
    with pytest.raises(Locked), hold_lease(bucket, "corpus", timeout=0):
        pass
    bucket.ahead = 60
    with hold_lease(bucket, "corpus", timeout=0):
        pass


class Careless(Turned):
    """A server that ignores conditions."""

    def create(self, name: str, data: bytes) -> bool:
        self.put(name, data)
        return True

    def replace(self, name: str, data: bytes, version: str) -> bool:
        self.put(name, data)
        return True


def test_without_conditions_the_last_writer_has_it_and_it_is_said(monkeypatch, caplog) -> None:
    monkeypatch.setattr(leases, "_process", lambda pid: None)
    bucket = Careless()
    later = Lease(bucket, "corpus", 30.0)
    later.sign()

    def other_writes(seconds: float) -> None:
        bucket.put(later.name, later._next())

    monkeypatch.setattr(leases.time, "sleep", other_writes)
    first = Lease(bucket, "corpus", 30.0)
    first.sign()
    assert first.acquire(None) is False
    assert "ignores conditions" in caplog.text
    monkeypatch.setattr(leases.time, "sleep", lambda seconds: None)
    assert later.acquire(None) is True and later.guarded is False
    later.renew()
    later.check()
    bucket.put(later.name, b"{}")
    later.renew()
    with pytest.raises(CheckpointError):
        later.check()


def test_a_run_ends_at_its_next_item_when_the_lock_is_lost(make) -> None:
    manager = make()
    if manager._place.is_local:
        pytest.skip("the kernel takes no lock away")
    done = []
    with pytest.raises(CheckpointError, match="lost"), manager.lock("corpus"), manager.track("corpus") as run:
        for item in run.remaining("abc"):
            if item == "b":
                manager._leases["corpus"]._lost = "somebody has taken it"
            run.done(item)
            done.append(item)
    assert done == ["a"]
