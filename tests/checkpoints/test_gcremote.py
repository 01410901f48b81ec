"""Garbage of a remote: condemned, waiting, deleted; spared if something leads to it again; no record ever dangles."""

from __future__ import annotations

from contextlib import suppress

import pytest

from ckptflow.checkpoints import ages, lines
from ckptflow.checkpoints.condemned import BadDocument, Condemned, blob_of, is_document
from ckptflow.checkpoints.gc import Terms
from ckptflow.checkpoints.gcremote import clean, survey
from ckptflow.checkpoints.lease import take
from ckptflow.checkpoints.reach import Roots
from ckptflow.checkpoints.records import split_lines
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.sending import Sender
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.errors import Locked, RootUnreadable, StoreError
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.store import layout, packs
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.store.wrappers import Crash

RUN = "20270101T000000Z-gggg"
HOUR, DAY = 3600, 86400


class World:
    """A bucket, its clock, and a machine that sends and cleans up."""

    def __init__(self, folder, monkeypatch):
        self.seconds = 1_800_000_000
        self.bucket = MemoryBucket("memory://bucket", lambda: self.seconds * 10**9)
        monkeypatch.setattr(ages, "clocks", lambda: (self.seconds, self.seconds))
        self.folder = folder
        self.store = LocalStore(folder / "store", create=True)
        open_store(self.store, create=True)
        self.objects = Objects(self.store)
        self.remote = self.open(self.bucket)
        self.remote.connect(create=True)
        self.calls = 0

    def open(self, bucket):
        return Remote("origin", lambda: bucket, self.folder / "mirror", None, self.store)

    def part(self, data, files=0):
        if files:
            listed = [
                ListedFile(f"f{i}", self.objects.put(f"{data} {i}".encode()), len(data) + 2) for i in range(files)
            ]
            name = self.objects.put(Listing(tuple(listed)).encode())
            return Part(name, sum(f.bytes for f in listed), name, listing=True)
        data = data if isinstance(data, bytes) else data.encode()
        name = self.objects.put(data)
        return Part(name, len(data), name, 1)

    def send(self, *parts, extra=(), stage="load", finished="2027-01-15T08:00:00Z"):
        """Send a record of each part, under a key of its own."""
        self.calls += 1
        sender = Sender(self.remote, self.objects, f"20260101T0000{self.calls:02}Z-aaaa")
        keys = [ChunkKey(digest(f"{self.calls} {n}".encode())) for n, _ in enumerate(parts)]
        pairs = zip(keys, parts, strict=True)
        sender.send([Record(k, {"o": p}, StageName(stage), "r", 0.1, finished) for k, p in pairs], extra)
        return keys

    def tree(self, *parts):
        return self.objects.put(Tree(Layout.PARTS, "parquet", parts, ".parquet").encode())

    def clean(self, *trees, remote=None, **terms):
        self.calls += 1
        roots = Roots(trees=dict.fromkeys(trees, "a test"), stages={"load"})
        return clean(remote or self.remote, roots, f"{RUN}-{self.calls}", lambda now: Terms(now, DAY * 10**9, 0))

    def wait(self, days):
        self.seconds += int(days * DAY)

    def names(self, prefix):
        return [entry.name for entry in self.bucket.list(prefix)]

    def blobs(self):
        return {*self.names(layout.OBJECTS), *self.names(layout.PACKS)}

    def documents(self):
        return [Condemned.decode(n, self.bucket.get(n)) for n in self.names(layout.CONDEMNED) if is_document(n)]

    def told(self):
        """Return (objects that listed lines tell of and that are there, objects that listed records name)."""
        there, named = set(), set()
        for name in self.names(layout.RECORDS):
            for _, line in split_lines(self.bucket.get(name)):
                match lines.decode(line):
                    case lines.Holding(objects):
                        there |= {held.object for held in objects if blob_of(held) in self.blobs()}
                    case Record(outs=outs):
                        named |= {part.object for part in outs.values()}
        return there, named

    def keys(self):
        self.remote.refresh()
        return {record.key for record in self.remote.mirror.past().iter()}


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_condemned_then_deleted_then_forgotten(world):
    keys = world.send(world.part("dead"), world.part("dead too"))
    (pack,) = world.blobs()
    assert world.clean().verdict.is_empty, "young"
    world.wait(2)
    found = world.clean()
    assert found.verdict.condemn == (pack,) and [g.count for g in found.condemned] == [2]
    assert world.blobs() == {pack} and not world.keys() & set(keys) and not world.names(layout.RECORDS)
    (document,) = world.documents()
    assert document.since_ns == world.seconds * 10**9 and document.deleted_ns is None
    found = world.clean()
    assert found.waiting == 1 and world.blobs() == {pack}, "not due"
    world.wait(1)
    world.clean()
    assert world.blobs() == set()
    assert world.documents()[0].deleted_ns == world.seconds * 10**9
    world.clean()
    assert len(world.documents()) == 1, "its names are not free yet"
    world.seconds += HOUR
    world.clean()
    assert world.names(layout.CONDEMNED) == []
    assert world.clean().verdict.is_empty


def test_what_roots_lead_to_stays(world):
    alive, inside, dead = world.part("alive"), world.part("inside", files=2), world.part("dead")
    tree = world.tree(alive, inside)
    keys = world.send(alive, inside, dead, extra=[tree])
    world.wait(2)
    for _ in range(3):
        world.clean(tree)
        world.wait(2)
    assert world.keys() == set(keys[:2])
    there, named = world.told()
    assert named <= there and dead.object not in there and tree in there


def test_what_young_records_rely_on_is_spared(world):
    """A writer that has seen the object listed a moment before it was condemned."""
    part = world.part("late")
    (first,) = world.send(part)
    world.wait(2)
    world.clean()
    assert world.keys() == set()
    record = Record(ChunkKey(digest(b"writer")), {"o": part}, StageName("load"), "r", 0.1, "2027-01-15T08:00:00Z")
    world.bucket.put("records/20270601T000000Z-bbbb-000001.jsonl", lines.encode_record(record))
    world.wait(0.5)
    world.clean()
    there, named = world.told()
    assert named == {part.object} <= there
    assert world.keys() == {first, record.key}, "what is spared has its records again"
    assert not any(doc.blobs for doc in world.documents())
    for _ in range(4):
        world.clean(world.tree(part))
        world.wait(3)
    assert part.object in world.told()[0]


def test_what_a_merger_brings_back_is_condemned_anew(world):
    world.send(world.part("dead"))
    world.wait(2)
    (name,) = world.names(layout.RECORDS)
    text = world.bucket.get(name)
    world.clean()
    world.wait(2)
    world.bucket.put(layout.segment_name(layout.merged_run("20260101T000000Z-aaaa", "00"), 1), text)
    world.clean()
    assert len(world.blobs()) == 1 and world.keys() == set(), "it is seen that a line names it"
    world.wait(2)
    world.clean()
    assert world.blobs() == set()


def test_a_pack_with_little_alive_is_packed_anew(world):
    alive = world.part("alive")
    many = [world.part(f"dead {n} ".ljust(500, ".")) for n in range(20)]
    tree = world.tree(alive)
    world.send(alive, *many, extra=[tree])
    (old,) = world.names(layout.PACKS)
    world.wait(2)
    world.clean(tree)
    (new,) = set(world.names(layout.PACKS)) - {old}
    there, named = world.told()
    assert named == {alive.object} and there == {alive.object, tree}
    world.wait(2)
    world.clean(tree)
    assert world.names(layout.PACKS) == [new] and world.told() == (there, named)


def test_a_pack_with_enough_alive_stays_as_it_is(world):
    alive, dead = world.part("alive " * 20), world.part("dead")
    tree = world.tree(alive)
    world.send(alive, dead, extra=[tree])
    (pack,) = world.names(layout.PACKS)
    world.wait(2)
    assert world.clean(tree).verdict.repack == ()
    world.wait(2)
    world.clean(tree)
    assert world.names(layout.PACKS) == [pack]
    assert world.told() == ({alive.object, tree}, {alive.object})


def test_a_merged_segment_does_not_make_its_lines_young(world):
    world.send(world.part("old"), finished="2027-01-01T00:00:00Z")
    (name,) = world.names(layout.RECORDS)
    world.wait(20)
    world.bucket.put(layout.segment_name(layout.merged_run("20260101T000000Z-aaaa", "00"), 1), world.bucket.get(name))
    world.bucket.delete([name])
    assert world.clean().verdict.condemn, "its line is old, though the segment is not"


@pytest.mark.parametrize("large", [False, True])
def test_nobody_writes_under_a_condemned_name(world, large):
    part = world.part(b"x" * (packs.PACKED_MOST + 1) if large else b"small")
    world.send(part)
    (doomed,) = world.blobs()
    assert layout.object_of(doomed) == part.object
    world.wait(2)
    world.clean()
    world.send(part)
    (sent,) = world.blobs() - {doomed}
    assert layout.pack_of(sent) is not None
    world.wait(0.9)
    world.wait(0.2)
    world.clean(world.tree(part))
    assert world.blobs() == {sent} and part.object in world.told()[0]
    world.store.delete(layout.object_name(part.object))
    world.remote.fetch([part.object])
    assert digest(world.store.get(layout.object_name(part.object))) == part.object


def test_a_pack_is_not_sent_under_its_condemned_name_either(world):
    parts = [world.part("one"), world.part("two")]
    world.send(*parts)
    (doomed,) = world.blobs()
    world.wait(2)
    world.clean()
    world.send(*parts)
    assert len(world.blobs()) == 2 and doomed in world.blobs()


def test_runs_and_checkpoints_go_by_their_age(world):
    sources = world.part("sources")
    world.send(extra=[sources.object])
    text = b'{"code": {"sources": "%b"}}' % sources.object.encode()
    world.bucket.put("checkpoints/load/load_20260601120000_completed.json", text)
    world.bucket.put("checkpoints/old/old_20260601120000_completed.json", text)
    world.bucket.put("runs/20260101T000000Z-aaaa.json", b'{"run": "x", "files": {}, "locks": {}, "stages": []}')
    world.clean()
    assert len(world.names(layout.CHECKPOINTS)) == 2 and len(world.names(layout.RUNS)) == 1
    world.wait(2)
    world.clean()
    assert world.names(layout.CHECKPOINTS) == ["checkpoints/load/load_20260601120000_completed.json"]
    assert world.names(layout.RUNS) == []
    assert sources.object in world.told()[0]


def test_a_survey_writes_nothing(world):
    world.send(world.part("dead"))
    world.wait(2)
    before = {name: world.bucket.get(name) for name in world.names("")}
    terms = Terms(world.seconds * 10**9, 0, 0)
    assert not survey(world.remote, Roots(), terms).verdict.is_empty
    assert {name: world.bucket.get(name) for name in world.names("")} == before


def test_a_root_that_cannot_be_read_stops_everything(world):
    part = world.part("alive")
    tree = world.tree(part)
    world.send(part, extra=[tree])
    (pack,) = world.names(layout.PACKS)
    world.bucket.put(pack, bytes(len(world.bucket.get(pack))))
    world.store.delete(layout.object_name(tree))
    world.wait(2)
    with pytest.raises(RootUnreadable):
        world.clean(tree)
    assert world.names(layout.CONDEMNED) == [], "the lease is given back"


def test_a_document_that_cannot_be_read_is_an_error(world):
    world.bucket.put("condemned/20260101T000000Z-aaaa-00.json", b'{"ckptflow": "condemned", "version": 9}')
    with pytest.raises(StoreError, match="this program reads"):
        world.clean()
    with pytest.raises(StoreError):
        world.send(world.part("x"))
    for text in (b"{", b"[]", b'{"ckptflow": "condemned", "version": 1, "blobs": ["../x"]}'):
        with pytest.raises((BadDocument, StoreError)):
            Condemned.decode("x", text)


def test_documents_keep_what_they_do_not_know():
    document = Condemned("condemned/a.json", ("objects/aa/bb",), 1, None, {"news": [1]})
    assert Condemned.decode("condemned/a.json", document.encode()) == document
    with pytest.raises(BadDocument, match="checksum"):
        Condemned.decode("condemned/a.json", document.encode().replace(b"objects/aa/bb", b"objects/aa/bc"))


class Garbling(MemoryBucket):
    """Flips a bit of the first answer to each request for a segment or for condemned lines."""

    def __init__(self, world):
        super().__init__("memory://bucket", world.bucket.now_ns)
        self._files = world.bucket._files
        self.seen = set()

    def get(self, name, start=0, size=None):
        data = super().get(name, start, size)
        if name.endswith(".jsonl") and name not in self.seen:
            self.seen.add(name)
            return data[:40] + bytes([data[40] ^ 1]) + data[41:]
        return data


def test_what_is_garbled_on_its_way_is_not_taken_for_damage(world):
    part, dead = world.part("alive"), world.part("dead")
    tree = world.tree(part)
    (key, _) = world.send(part, dead, extra=[tree])
    world.wait(2)
    world.folder = world.folder / "elsewhere"
    world.clean(tree, remote=world.open(Garbling(world)))
    assert world.told() == ({part.object, tree}, {part.object}) and world.keys() == {key}
    text = world.send(world.part("gone"))
    world.wait(2)
    world.clean(tree)
    record = Record(text[0], {"o": world.part("gone")}, StageName("load"), "r", 0.1, "2027-01-15T08:00:00Z")
    world.bucket.put("records/20270601T000000Z-bbbb-000001.jsonl", lines.encode_record(record))
    world.wait(0.9)
    world.clean(tree, remote=world.open(Garbling(world)))
    there, named = world.told()
    assert named <= there and len(named) == 2, "what was condemned is spared by lines that came garbled at first"


def test_an_object_of_which_no_line_tells_stays_while_it_is_needed(world):
    part = world.part("alive")
    tree = world.tree(part)
    world.send(part)
    world.bucket.delete(world.names(layout.RECORDS))
    world.wait(2)
    world.clean(tree)
    world.wait(2)
    world.clean(tree)
    assert world.blobs() == {layout.object_name(part.object)}


def test_one_at_a_time(world):
    with take(world.bucket, "theirs"):
        with pytest.raises(Locked, match="theirs"):
            world.clean()
        world.seconds += HOUR + 1
        world.clean()


def test_a_lease_that_was_taken_over_stops_who_had_it(world):
    with take(world.bucket, "one") as lease:
        lease.make_sure()
        world.seconds += HOUR + 1
        with take(world.bucket, "two"), pytest.raises(StoreError, match="taken over"):
            lease.make_sure()
    assert world.names(layout.CONDEMNED) == []


def test_a_lease_is_renewed(world):
    with take(world.bucket, "one") as lease:
        for _ in range(3):
            world.seconds += HOUR // 2
            lease.make_sure()
            with pytest.raises(Locked), take(world.bucket, "two"):
                pass


class Dying(MemoryBucket):
    """Passes on `left` changes; then the process is dead. The last one takes effect or not."""

    def __init__(self, world, left, after):
        super().__init__("memory://bucket", world.bucket.now_ns)
        self._files = world.bucket._files
        self.left = left
        self._after = after

    def _change(self, effect):
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self._after):
            raise Crash
        result = effect()
        if self.left == 0:
            raise Crash
        return result

    def put(self, name, data):
        return self._change(lambda: super(Dying, self).put(name, data))

    def create(self, name, data):
        return self._change(lambda: super(Dying, self).create(name, data))

    def delete(self, names):
        return self._change(lambda: super(Dying, self).delete(names))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stage", [1, 2])
def test_killed_at_every_change_the_next_one_finishes(tmp_path, monkeypatch, after, stage):
    for number in range(1, 60):
        world = World(tmp_path / str(number), monkeypatch)
        alive, dead = world.part("alive"), [world.part(f"dead {n} ".ljust(500, ".")) for n in range(9)]
        tree = world.tree(alive)
        world.send(alive, *dead, extra=[tree])
        world.send(world.part(b"x" * (packs.PACKED_MOST + 1)))
        world.wait(2)
        if stage == 2:  # what the last one condemned is due
            world.clean(tree)
            world.wait(2)
        dying = Dying(world, number, after)
        with suppress(Crash):
            world.clean(tree, remote=world.open(dying))
        there, named = world.told()
        assert named <= there and {alive.object, tree} <= there
        for _ in range(5):
            world.wait(2)
            world.clean(tree)
            there, named = world.told()
            assert named <= there and {alive.object, tree} <= there
        assert there == {alive.object, tree} and named == {alive.object}
        assert len(world.blobs()) == 1 and world.names(layout.CONDEMNED) == []
        if dying.left > 0:
            return
    raise AssertionError("never finished")
