"""Garbage of a local store: what goes, what stays, and that nothing dangles wherever the removal stops."""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from ckptflow.checkpoints.gc import Terms, remove, store_clock, survey
from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.kept import write_checkpoint
from ckptflow.checkpoints.lockfile import LockEntry, LockFile
from ckptflow.checkpoints.manifest import Checkpoint, Status
from ckptflow.checkpoints.reach import Roots
from ckptflow.checkpoints.records import RecordLog, segments
from ckptflow.checkpoints.trees import put_listing, put_tree
from ckptflow.checkpoints.verify import verify
from ckptflow.chunk.headway import Headway, Items
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.errors import RootUnreadable, StoreError
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.model import Partial, Record
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.memory import MemoryStore
from ckptflow.store.objects import Objects
from ckptflow.store.wrappers import Crash, FailAt, When

RUN = "20270101T000000Z-gggg"


def lock_text(trees: dict[str, Digest]) -> bytes:
    entries = {
        StageName(stage): LockEntry(StageName(stage), digest(stage.encode()), {}, {"o": {"path": stage, "tree": tree}})
        for stage, tree in trees.items()
    }
    return LockFile(entries).write().encode()


@dataclass
class World:
    """A store with a history. In memory, times are the numbers of calls: `mark` is now."""

    store: MemoryStore = field(default_factory=MemoryStore)
    runs: int = 0

    def __post_init__(self):
        open_store(self.store, create=True)
        self.objects = Objects(self.store)

    def begin(self) -> RecordLog:
        self.runs += 1
        return RecordLog(self.store, f"20260101T{self.runs:06d}Z-aaaa", segment_bytes=1500)

    def chunk(self, log: RecordLog, key: str, data: str, stage: str = "load", files: int = 0) -> Part:
        if files:
            named = [(f"f{i}", f"{data} {i}".encode()) for i in range(files)]
            listed = tuple(ListedFile(name, self.objects.put(text), len(text)) for name, text in named)
            name = put_listing(self.objects, Listing(listed))
            part = Part(name, sum(len(text) for _, text in named), name, listing=True)
        else:
            name = self.objects.put(data.encode())
            part = Part(name, len(data), name, 1)
        record = Record(ChunkKey(digest(key.encode())), {"o": part}, StageName(stage), "r", 0.1, "2026-01-01T00:00:00Z")
        log.add(record)
        return part

    def tree(self, *parts: Part) -> Digest:
        return put_tree(self.objects, Tree(Layout.PARTS, "parquet", parts, ".parquet"))

    def document(self, run: str, lock: bytes) -> None:
        texts = {"pipeline.lock": self.objects.put(lock)}
        files = {"pipeline.yaml": self.objects.put(b"stages: " + run.encode())}
        doc = {"run": run, "files": files, "locks": texts, "stages": [{"stage": "load"}]}
        self.store.put(layout.run_name(run), json.dumps(doc).encode())

    def checkpoint(self, stage: str, number: int, status: Status = Status.COMPLETED) -> Digest:
        sources = self.objects.put(f"source of {stage} {number}".encode())
        when = f"2026-06-01T12:00:0{number}Z"
        extra = {"code": {"digest": digest(b"x"), "sources": sources}}
        write_checkpoint(
            self.store,
            Checkpoint(f"{stage}_2026060112000{number}", stage, "p", when, when, status, extra=extra),
            keep=9,
        )
        return sources

    @property
    def mark(self) -> int:
        return store_clock(self.store, "t")

    def terms(self, since: int | None = None, keep_runs: int = 0, all_known: bool = False) -> Terms:
        now = self.mark
        return Terms(now, 0 if since is None else now - since, keep_runs, all_known)

    def clean(self, trees=(), **terms):
        plan = survey(self.store, roots(trees), self.terms(**terms))
        remove(self.store, plan, RUN)
        return plan

    def names(self) -> set[Digest]:
        return {layout.object_of(e.name) for e in self.store.list(layout.OBJECTS)}

    def keys(self) -> dict[ChunkKey, Record]:
        past = Past(self.store)
        try:
            return {record.key: record for record in past.iter()}
        finally:
            past.close()


def roots(trees=(), stages=("load",)) -> Roots:
    found = Roots()
    found.trees.update(dict.fromkeys(trees, "a test"))
    found.stages.update(stages)
    return found


def sound(store) -> list[tuple[str, str]]:
    return [(f.what, f.problem) for f in verify(store, deep=True)]


def test_what_lock_files_lead_to_stays_with_its_records():
    world = World()
    log = world.begin()
    alive = [world.chunk(log, f"k{i}", f"alive {i}") for i in range(3)]
    inside = world.chunk(log, "dir", "d", files=2)
    for i in range(3):
        world.chunk(log, f"d{i}", f"dead {i}")
    world.chunk(log, "dead dir", "gone", files=2)
    kept, other = world.tree(*alive, inside), world.tree(alive[0])
    plan = world.clean([kept])
    assert {group.what: group.count for group in plan.groups} == {"load": 4, "other objects": 3, "records": 4}
    assert other not in world.names() and kept in world.names()
    assert {p.object for p in (*alive, inside)} <= world.names()
    assert len(world.names()) == 3 + 1 + 2 + 1
    assert set(world.keys()) == {ChunkKey(digest(k.encode())) for k in ("k0", "k1", "k2", "dir")}
    assert sound(world.store) == []
    assert survey(world.store, roots([kept]), world.terms()).is_empty


def test_a_survey_changes_nothing():
    world = World()
    log = world.begin()
    world.chunk(log, "a", "dead")
    world.document("20260101T000000Z-aaaa", lock_text({}))
    before = {e: world.store.get(e.name) for e in world.store.list("")}
    assert not survey(world.store, roots(), Terms(10**9, 0, 0)).is_empty
    assert {e: world.store.get(e.name) for e in world.store.list("")} == before


def test_what_is_young_stays_with_all_that_it_names():
    world = World()
    log = world.begin()
    old = world.chunk(log, "old", "old")
    listed = world.chunk(log, "dir", "dir", files=1)
    lost = world.chunk(log, "lost", "lost")
    in_lock = world.chunk(log, "locked", "locked")
    tree = world.tree(in_lock)
    since = world.mark
    again = world.begin()
    again.add(next(r for r in world.keys().values() if r.outs["o"] == old))  # a young record of an old object
    world.tree(listed)  # a young tree of old parts
    world.document("20260102T000000Z-aaaa", lock_text({"load": tree}))
    world.clean(since=since)
    assert lost.object not in world.names()
    assert {old.object, listed.object, in_lock.object, tree} <= world.names()
    assert sound(world.store) == []
    assert set(world.keys()) == {ChunkKey(digest(k)) for k in (b"old", b"dir", b"locked")}


def test_the_latest_runs_keep_what_their_lock_files_name():
    world = World()
    trees = []
    for n in range(4):
        part = world.chunk(world.begin(), f"k{n}", f"data {n}")
        trees.append(world.tree(part))
        world.document(f"2026010{n + 1}T000000Z-aaaa", lock_text({"load": trees[-1]}))
    plan = world.clean(keep_runs=2)
    assert [e.name for e in world.store.list(layout.RUNS)] == [f"runs/2026010{n}T000000Z-aaaa.json" for n in (3, 4)]
    assert [entry.name for entry, _ in plan.runs.go] == [f"runs/2026010{n}T000000Z-aaaa.json" for n in (1, 2)]
    assert [tree in world.names() for tree in trees] == [False, False, True, True]
    assert sound(world.store) == []


def test_checkpoints_keep_their_sources_while_somebody_knows_their_stage():
    world = World()
    known, gone = world.checkpoint("load", 1), [world.checkpoint("old", n, Status.COMPLETED) for n in (1, 2)]
    plan = survey(world.store, roots(), world.terms())
    names = [entry.name for entry, _ in plan.checkpoints.go]
    assert names == [
        f"checkpoints/old/{f}" for f in ("latest.json", *(f"old_2026060112000{n}_completed.json" for n in (1, 2)))
    ]
    world.clean(all_known=True)
    assert set(gone) <= world.names()
    world.clean()
    assert known in world.names() and not world.names() & set(gone)
    assert not list(world.store.list("checkpoints/old/"))


def test_a_young_checkpoint_of_an_unknown_stage_keeps_the_others():
    world = World()
    first = world.checkpoint("old", 1)
    since = world.mark
    second = world.checkpoint("old", 2)
    world.clean(since=since)
    assert {first, second} <= world.names()


def test_a_forgotten_record_does_not_come_back():
    """The line that takes back goes last, or stays while there is something for it to hide."""
    world = World()
    part = world.chunk(world.begin(), "k", "bad")
    world.begin().forget(ChunkKey(digest(b"k")))
    world.clean()
    assert world.keys() == {} and part.object not in world.names()
    assert not list(segments(world.store))


def test_a_forget_stays_while_a_young_segment_has_what_it_hides():
    world = World()
    young = world.begin()
    world.begin().forget(ChunkKey(digest(b"k")))
    since = world.mark
    part = world.chunk(young, "k", "bad")  # a long run, whose segment sorts before the other's
    world.store.delete(layout.object_name(part.object))
    world.clean(since=since)
    assert world.keys() == {}


def test_what_a_later_line_replaced_does_not_come_back():
    world = World()
    young = world.begin()
    second = world.chunk(world.begin(), "k", "second")
    since = world.mark
    first = world.chunk(young, "k", "first")
    world.clean(since=since)
    assert second.object not in world.names(), "old, and nothing leads to it"
    assert world.keys()[ChunkKey(digest(b"k"))].outs["o"] == first
    assert sound(world.store) == []


def test_a_moved_record_does_not_overrule_a_later_one():
    world = World()
    log = world.begin()
    first = world.chunk(log, "k", "first")
    world.chunk(log, "dead", "dead")
    second = world.chunk(world.begin(), "k", "second")
    world.clean([world.tree(first), world.tree(second)])
    assert world.keys()[ChunkKey(digest(b"k"))].outs["o"] == second
    assert {first.object, second.object} <= world.names()


@pytest.mark.parametrize("spoil", ["tree", "listing", "lock", "run"])
def test_a_root_that_cannot_be_read_stops_everything(spoil):
    world = World()
    inside = world.chunk(world.begin(), "k", "d", files=1)
    tree = world.tree(inside)
    lock = lock_text({"load": tree})
    world.document("20260101T000000Z-aaaa", lock)
    name = {
        "tree": layout.object_name(tree),
        "listing": layout.object_name(inside.object),
        "lock": layout.object_name(digest(lock)),
        "run": layout.run_name("20260101T000000Z-aaaa"),
    }[spoil]
    world.store.put(name, b"{")
    with pytest.raises(RootUnreadable):
        survey(world.store, roots(), world.terms(keep_runs=1))


@pytest.mark.parametrize("text", [b"{", b"\xff", b"<<<<<<< ours\n", b'{"stages": {}, "version": 99}'])
def test_a_lock_file_that_cannot_be_read_is_named(text):
    with pytest.raises(RootUnreadable, match=r"sub/pipeline\.lock of main"):
        Roots().lock(text, "sub/pipeline.lock", "main")


def test_a_doubtful_entry_of_a_lock_file_counts_too():
    tree = digest(b"tree")
    doc = json.loads(lock_text({"load": tree}))
    doc["stages"]["load"]["check"] = "0" * 16
    found = Roots()
    found.lock(json.dumps(doc).encode(), "sub/pipeline.lock")
    assert set(found.trees) == {tree} and found.stages == {"sub/pipeline.yaml:load"}


def test_a_tree_that_is_not_here_is_told_of():
    world = World()
    plan = survey(world.store, roots([digest(b"elsewhere")]), world.terms())
    assert any("not in this store" in note for note in plan.notes)


def test_a_line_of_a_newer_version_stops_everything():
    from ckptflow.checkpoints.sealed import seal

    world = World()
    log = world.begin()
    world.chunk(log, "k", "d")
    (name, _, _) = next(iter(segments(world.store)))
    world.store.append(name, seal({"news": 1, "v": 2}))
    with pytest.raises(StoreError, match="this program reads"):
        survey(world.store, roots(), world.terms())


def test_a_damaged_line_goes_with_what_is_dead():
    world = World()
    part = world.chunk(world.begin(), "k", "d")
    (name, _, _) = next(iter(segments(world.store)))
    world.store.append(name, b"nonsense\n")
    plan = world.clean([world.tree(part)])
    assert any("damaged" in note for note in plan.notes)
    assert set(world.keys()) == {ChunkKey(digest(b"k"))} and sound(world.store) == []


def test_litter_and_what_was_set_aside(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    open_store(store, create=True)
    aside = Objects(store).put(b"bad")
    Objects(store).quarantine(aside)
    fresh = {tmp_path / "store/tmp/1/half": b"x" * 10, tmp_path / "store/objects/ab/.1-2-3.tmp": b"y"}
    for path, data in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    now = store_clock(store, "t")
    assert survey(store, roots(), Terms(now, 10**15, 0)).is_empty
    later = now + 2 * 86400 * 10**9
    plan = survey(store, roots(), Terms(later, 86400 * 10**9, 0))
    assert {(g.what, g.count, g.bytes) for g in plan.groups} == {("quarantine", 1, 3), ("unfinished files", 2, 11)}
    remove(store, plan, RUN)
    assert not any(path.exists() for path in fresh) and not list(store.list(layout.QUARANTINE))


def history(seed: int, world: World) -> tuple[list[Digest], int]:
    """A store after many runs; return the trees of the lock files, and when its last runs began."""
    rng = random.Random(seed)
    trees: list[Digest] = []
    latest: dict[str, Part] = {}
    since = world.mark
    for run in range(rng.randint(3, 7)):
        if run == 3:
            since = world.mark
        log, other = world.begin(), world.begin()
        for _ in range(rng.randint(1, 8)):
            key = f"k{rng.randint(0, 9)}"
            if rng.random() < 0.15:
                rng.choice([log, other]).forget(ChunkKey(digest(key.encode())))
                latest.pop(key, None)
                continue
            files = rng.choice([0, 0, 0, 2])
            latest[key] = world.chunk(
                rng.choice([log, other]), key, f"data {rng.randint(0, 15)}", rng.choice(["load", "old"]), files
            )
        if latest:
            trees.append(world.tree(*rng.sample(list(latest.values()), rng.randint(1, len(latest)))))
        if rng.random() < 0.5 and trees:
            world.document(f"2026020{run}T000000Z-aaaa", lock_text({"load": trees[-1]}))
        world.checkpoint(rng.choice(["load", "old"]), run)
    return rng.sample(trees, rng.randint(0, len(trees))), since


def reached_from(world: World, tree: Digest) -> set[Digest]:
    found = {tree}
    for part in Tree.decode(world.objects.get(tree)).parts:
        found.add(part.object)
        if part.listing:
            found.update(f.object for f in Listing.decode(world.objects.get(part.object)).files)
    return found


@pytest.mark.parametrize("seed", range(24))
def test_killed_anywhere_nothing_dangles_and_the_next_one_finishes(seed):
    wanted = None
    when = list(When)[seed % 3]
    for number in range(1, 400):
        world = World()
        trees, since = history(seed, world)
        alive = set().union(*(reached_from(world, tree) for tree in trees)) if trees else set()
        before = world.keys()
        terms = Terms(world.mark, 0, 0, False)
        terms = Terms(terms.now_ns, terms.now_ns - since, 1) if seed % 2 else terms
        plan = survey(world.store, roots(trees), terms)
        failing = FailAt(world.store, number, when)
        with suppress(Crash):
            remove(failing, plan, RUN)
        assert sound(world.store) == [], f"after change {number}"
        assert alive <= world.names()
        now = world.keys()
        assert now.items() <= before.items(), "nothing comes back that was forgotten or replaced"
        for key, record in before.items():
            if record.outs["o"].object in alive:
                assert now[key] == record
        remove(world.store, survey(world.store, roots(trees), terms), f"{RUN}-2")
        left = world.names(), world.keys(), [e.name for e in world.store.list(layout.RUNS)]
        assert sound(world.store) == []
        assert survey(world.store, roots(trees), terms).is_empty
        if not failing.failed:
            assert wanted is None or left == wanted
            return
        wanted = wanted or left
        assert left == wanted
    raise AssertionError("never finished")


@pytest.mark.parametrize("when", When)
def test_killed_anywhere_on_disk(tmp_path, when):
    for number in range(1, 100):
        store = LocalStore(tmp_path / str(number), create=True)
        world = World(store)
        log = world.begin()
        alive = world.chunk(log, "a", "alive")
        world.chunk(log, "d", "dead", files=2)
        world.tree(world.chunk(log, "e", "dead too"))
        tree = world.tree(alive)
        world.checkpoint("old", 1)
        for entry in store.list(""):
            os.utime(store.local(entry.name), ns=(0, 0), follow_symlinks=False)
        terms = Terms(10**18, 0, 0)
        failing = FailAt(store, number, when)
        with suppress(Crash):
            remove(failing, survey(store, roots([tree]), terms), RUN)
        assert sound(store) == []
        for entry in store.list(""):
            os.utime(store.local(entry.name), ns=(0, 0), follow_symlinks=False)
        remove(store, survey(store, roots([tree]), terms), f"{RUN}-2")
        assert world.names() == {alive.object, tree} and set(world.keys()) == {ChunkKey(digest(b"a"))}
        if not failing.failed:
            return
    raise AssertionError("never finished")


def kept(world: World, log: RecordLog, key: str, data: str) -> Digest:
    """Let an unfinished chunk keep something."""
    name = world.objects.put(data.encode())
    headway = Headway(1, Items(ok=1), {"o": (Part(name, len(data), name, 1),)})
    log.add_partial(Partial(ChunkKey(digest(key.encode())), headway, StageName("load"), "r", "2026-01-01T00:00:00Z"))
    return name


def test_what_unfinished_chunks_have_kept_stays_while_it_is_young_and_they_have_no_record():
    world = World()
    old = kept(world, world.begin(), "a", "old")
    since = world.mark
    log = world.begin()
    young = kept(world, log, "b", "young")
    finished = kept(world, log, "c", "finished")
    part = world.chunk(log, "c", "whole")
    world.clean(since=since)
    assert old not in world.names()
    assert {young, part.object} <= world.names()
    assert finished in world.names(), "an object that is young itself stays"
    past = Past(world.store)
    assert [len(past.partials(ChunkKey(digest(key)))) for key in (b"a", b"b")] == [0, 1]
    past.close()

    world.clean([world.tree(part)])
    assert young not in world.names()
    assert finished not in world.names()
    assert sound(world.store) == []
    assert len(world.keys()) == 1


def test_the_quarantine_of_a_chunk_stays_as_long_as_its_outs():
    world = World()
    log = world.begin()
    found = {}
    for key in ("alive", "dead"):
        out, bad = (world.objects.put(f"{key} {what}".encode()) for what in ("out", "bad"))
        found[key] = Part(out, 9, out, 1), bad
        record = Record(
            key=ChunkKey(digest(key.encode())),
            outs={"o": found[key][0]},
            stage=StageName("load"),
            run="r",
            seconds=0.1,
            finished="2026-01-01T00:00:00Z",
            items=Items(1, 1),
            quarantine=Part(bad, 9, bad, 1),
        )
        log.add(record)
    world.clean([world.tree(found["alive"][0])])
    assert set(world.keys()) == {ChunkKey(digest(b"alive"))}
    assert found["alive"][1] in world.names()
    assert found["dead"][1] not in world.names()
    assert sound(world.store) == []
