"""Writers, a merger of segments and `gc` at one remote, their requests interleaved at random, on a clock that jumps.

Each is the real code in a thread of its own; a bucket in memory lets one request of one of them through at a time and
moves the server's clock in between, now by seconds, now by weeks. Some are killed after some requests. A request that
was begun ends within five minutes: on something like that the rules build. At no moment may a record that is listed
name an object that is nowhere: each is where a listed line says, or where a line says that was kept of what is
condemned, so that the next `gc` spares it.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ckptflow.checkpoints import ages, condemned, gcremote, lines, sending
from ckptflow.checkpoints.condemned import Condemned
from ckptflow.checkpoints.gc import Terms
from ckptflow.checkpoints.reach import Roots
from ckptflow.checkpoints.records import split_lines
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.rollup import roll_up
from ckptflow.checkpoints.sending import Sender
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, Tree
from ckptflow.errors import Locked, StoreError
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.store import layout, packs
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects

START_NS = 1_800_000_000 * 10**9
HOUR, DAY = 3600.0, 86400.0
LONGEST = 300.0
"""Seconds that a request takes at most."""
SEEDS = range(60)
MANY = range(60, 400)


class Broken(AssertionError):
    """A record that is listed names what is gone."""


class World:
    """A server, its clock, and who may send the next request."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.lots: dict[str, random.Random] = {}
        self.seconds = 0.0
        self.steps = self.random.choice([[0.01], [0.1, 1.0], [0.1, 1.0, 20.0, 100.0]])
        self.slow = set(self.random.sample(["w0", "w1", "w2", "g0", "g1", "m0"], self.random.randint(0, 3)))
        self.bucket = MemoryBucket("memory://sim", self.now_ns)
        self.turn = threading.Condition()
        self.waiting: dict[str, float] = {}  # who wants to send a request, and since when (or from when on)
        self.busy = 0  # threads that are not waiting
        self.chosen: str | None = None
        self.failure: BaseException | None = None

    def now_ns(self) -> int:
        return START_NS + int(self.seconds * 1e9)

    def urandom(self, size: int) -> bytes:
        """What chance is to each of them, the same every time."""
        who = threading.current_thread().name
        return self.lots.setdefault(who, random.Random(f"{self.seed} {who}")).randbytes(size)

    def clocks(self) -> tuple[float, float]:
        return self.seconds, self.seconds

    def request(self, who: str, effect: Callable[[], Any], pause: float = 0.0) -> Any:
        """Wait to be chosen, after `pause` seconds; then let the request take effect, and see that nothing dangles."""
        with self.turn:
            self.waiting[who] = self.seconds + pause
            self.busy -= 1
            self.turn.notify_all()
            self.turn.wait_for(lambda: self.chosen == who or self.failure is not None)
            if self.failure is not None:
                self.busy += 1
                raise StoreError("the simulation is over")
            self.chosen = None
            del self.waiting[who]
            self.busy += 1
            try:
                result = effect()
                self.check()
            except Broken as broken:
                self.failure = broken
                self.turn.notify_all()
                raise StoreError("the simulation is over") from broken
            return result

    def run(self, actors: dict[str, Callable[[], None]]) -> None:
        """Let all act until they are done."""

        def act(name: str, work: Callable[[], None]) -> None:
            try:
                work()
            except (StoreError, Locked):
                pass
            except BaseException as error:
                self.failure = self.failure or error
            finally:
                with self.turn:
                    self.busy -= 1
                    self.turn.notify_all()

        threads = [threading.Thread(target=act, args=item, daemon=True) for item in actors.items()]
        self.busy = len(threads)
        for thread in threads:
            thread.start()
        while True:
            with self.turn:
                assert self.turn.wait_for(lambda: self.busy == 0 or self.failure is not None, 60)
                if self.failure is not None or not self.waiting:
                    self.turn.notify_all()
                    break
                self.pass_time()
                self.chosen = self.next()
                self.turn.notify_all()
                assert self.turn.wait_for(lambda: self.chosen is None or self.failure is not None, 60)
        for thread in threads:
            thread.join(60)
        if self.failure is not None:
            raise self.failure

    def pass_time(self) -> None:
        """Move the clock, but not so far that a request would be older than it may be."""
        oldest = min(self.waiting.values())
        if oldest > self.seconds:  # nobody has anything under way
            self.seconds = oldest
        room = max(0.0, oldest + LONGEST - self.seconds)
        self.seconds += min(room, self.random.choice(self.steps))

    def next(self) -> str:
        names = sorted(name for name, when in self.waiting.items() if when <= self.seconds)
        late = [name for name in names if self.waiting[name] + LONGEST / 2 < self.seconds]
        quick = [name for name in names if name not in self.slow] if self.random.random() < 0.95 else []
        return min(late, key=lambda n: self.waiting[n]) if late else self.random.choice(quick or names)

    def check(self) -> None:
        """Every object that a listed record names is in a place that is told of."""
        there: set[str] = set()
        records: list[Record] = []
        files = {entry.name for entry in self.bucket.list("")}
        for name in files:
            listed = layout.segment_of(name) is not None
            if not listed and not name.endswith(".jsonl"):
                continue
            for _, line in split_lines(self.bucket.get(name)):
                match lines.decode(line):
                    case lines.Holding(objects):
                        there.update(held.object for held in objects if condemned.blob_of(held) in files)
                    case Record() as record if listed:
                        records.append(record)
        for record in records:
            for part in record.outs.values():
                if part.object not in there:
                    raise Broken(f"a record names {part.object[:8]}, which is nowhere")

    def sleep(self, seconds: float) -> None:
        """Called by who acts: nothing is under way for it meanwhile."""
        self.request(threading.current_thread().name, lambda: None, seconds)


class Line(MemoryBucket):
    """The bucket as one of them sees it: every request has to wait for its turn."""

    def __init__(self, world: World, who: str) -> None:
        super().__init__("memory://sim", world.now_ns)
        self._world, self._who = world, who
        self._left = world.random.choice([10**9, 10**9, world.random.randint(5, 150)])

    def _ask(self, method: str, *args: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise StoreError("killed")
        return self._world.request(self._who, lambda: getattr(self._world.bucket, method)(*args))

    def read(self, name: str) -> tuple[bytes, str]:
        return self._ask("read", name)

    def put(self, name: str, data: bytes) -> None:
        self._ask("put", name, data)

    def create(self, name: str, data: bytes) -> bool:
        return self._ask("create", name, data)

    def replace(self, name: str, data: bytes, version: str) -> bool:
        return self._ask("replace", name, data, version)

    def stat(self, name: str) -> Any:
        return self._ask("stat", name)

    def list(self, prefix: str, after: str = "") -> Iterator[Any]:
        return iter(list(self._ask("list", prefix, after)))

    def delete(self, names: Any) -> None:
        self._ask("delete", list(names))


class Machine:
    """A local store with results, and what it knows of the remote."""

    def __init__(self, world: World, folder: Path, name: str) -> None:
        self.world = world
        self.name = name
        self.random = random.Random(world.random.random())
        self.store = LocalStore(folder / name, create=True)
        open_store(self.store, create=True)
        self.objects = Objects(self.store)
        line = Line(world, name)
        self.remote = Remote(name, lambda: line, folder / f"{name}-mirror", None, self.store)
        self.remote.map = map  # type: ignore[assignment,method-assign]  # one thread a machine

    def result(self, number: int) -> Record:
        """Results are few, so machines make the same ones again and again; some are large."""
        size = 40 if number % 3 else packs.PACKED_MOST + 1
        data = f"result {number} ".encode().ljust(size, b".")
        object_ = self.objects.put(data)
        part = Part(object_, len(data), object_, 1)
        return Record(
            ChunkKey(digest(f"{self.name} {number} {self.random.random()}".encode())),
            {"o": part},
            StageName("load"),
            self.name,
            0.1,
            "2027-01-15T08:00:00Z",
        )

    def write(self) -> None:
        """Send some groups of results, with pauses."""
        self.remote.connect(create=True)
        self.remote.refresh()
        sender = Sender(self.remote, self.objects, f"20270115T080000Z-{self.name}")
        for _ in range(self.random.randint(2, 5)):
            numbers = self.random.sample(range(9), self.random.randint(1, 4))
            sender.send([self.result(number) for number in numbers])
            self.world.sleep(self.random.choice([0.0, 30.0, HOUR, DAY, 8 * DAY]))

    def merge(self) -> None:
        """Merge all segments into one, as a push does where there are many."""
        self.remote.connect(create=True)
        for _ in range(3):
            self.world.sleep(self.random.choice([0.0, HOUR, 8 * DAY]))
            self.remote.refresh()
            roll_up(self.remote, most=1)

    def clean(self) -> None:
        """Clean up again and again; each time something else counts."""
        self.remote.connect(create=True)
        for number in range(self.random.randint(3, 6)):
            with suppress(Locked):
                gcremote.clean(self.remote, self.roots(), f"20270116T0{number}0000Z-{self.name}", self.terms)
            self.world.sleep(self.random.choice([0.0, 2 * HOUR, DAY, 8 * DAY]))

    def terms(self, now_ns: int) -> Terms:
        grace = self.random.choice([0.0, HOUR, DAY])
        return Terms(now_ns, int(grace * 1e9), 0, True)

    def roots(self) -> Roots:
        parts = tuple(self.result(n).outs["o"] for n in self.random.sample(range(9), self.random.randint(0, 3)))
        found = Roots()
        if parts:
            found.trees[self.objects.put(Tree(Layout.PARTS, "parquet", parts, ".parquet").encode())] = "a test"
        return found


def simulate(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(seed)
    open_store(world.bucket, create=True)
    monkeypatch.setattr(ages, "clocks", world.clocks)
    monkeypatch.setattr(os, "urandom", world.urandom)
    writers = [Machine(world, folder, f"w{n}") for n in range(world.random.randint(1, 3))]
    cleaners = [Machine(world, folder, f"g{n}") for n in range(world.random.randint(1, 2))]
    actors = {machine.name: machine.write for machine in writers}
    actors |= {machine.name: machine.clean for machine in cleaners}
    if world.random.random() < 0.5:
        actors["m0"] = Machine(world, folder, "m0").merge
    named = {name: _named(name, work) for name, work in actors.items()}
    world.run(named)
    return world


def _named(name: str, work: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        threading.current_thread().name = name
        work()

    return act


def deleted(world: World) -> int:
    """How many lists there are of what was deleted."""
    names = [entry.name for entry in world.bucket.list(layout.CONDEMNED) if condemned.is_document(entry.name)]
    return sum(Condemned.decode(name, world.bucket.get(name)).deleted_ns is not None for name in names)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_record_ever_dangles(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(seed, tmp_path, monkeypatch)


def test_things_are_deleted_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(deleted(simulate(seed, tmp_path / str(seed), monkeypatch)) for seed in range(5)) > 0


def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer goes by what it saw when it began."""
    monkeypatch.setattr(sending, "FRESH_SECONDS", 1e15)


def not_looked_whether_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was condemned is deleted in its time, whoever relies on it again."""
    real = condemned._Decision._documents

    def documents(self: Any, waiting: Any) -> Any:
        return real(self, {blob for doc in self.pending for blob in doc.blobs if blob in self.stock.blobs})

    monkeypatch.setattr(condemned._Decision, "_documents", documents)


def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grace time of zero is taken at its word."""
    monkeypatch.setattr(condemned, "LEAST_NS", 0)
    monkeypatch.setattr(gcremote, "LEAST_NS", 0)


def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clean up at once."""

    @contextmanager
    def take(bucket: Any, run: str) -> Iterator[Any]:
        yield SimpleNamespace(make_sure=lambda: None)

    monkeypatch.setattr(gcremote, "take", take)


@pytest.mark.parametrize("fault", [no_second_look, not_looked_whether_named, no_wait, no_lease])
def test_a_planted_fault_is_found(fault: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    for seed in MANY:
        try:
            simulate(seed, tmp_path / str(seed), monkeypatch)
        except Broken:
            return
        shutil.rmtree(tmp_path / str(seed))
    raise AssertionError("nothing was found")
