"""A remote: what is sent is found and fetched by another machine, in few requests, and never believed unchecked."""

import sqlite3
from collections import Counter
from contextlib import closing
from threading import Barrier

import pytest

from ckptflow.checkpoints import lines
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.sending import Sender
from ckptflow.checkpoints.trees import put_listing
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import ListedFile, Listing
from ckptflow.errors import StoreDamaged, StoreError
from ckptflow.ids import digest
from ckptflow.store import layout, packs
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.store.protocol import NotThere

RUN = "20260101T000000Z-aaaa"


class Counted(MemoryBucket):
    """A bucket that counts requests, and answers some reads with other bytes."""

    def __init__(self):
        super().__init__("memory://bucket")
        self.calls = Counter()
        self.spoil = {}

    def get(self, name, start=0, size=None):
        self.calls["get"] += 1
        data = super().get(name, start, size)
        times = self.spoil.get(name, 0)
        if times:
            self.spoil[name] = times - 1
            return bytes([data[0] ^ 1]) + data[1:]
        return data

    def put(self, name, data):
        self.calls["put"] += 1
        super().put(name, data)

    def upload(self, name, path):
        self.calls["upload"] += 1
        super().upload(name, path)

    def list(self, prefix, after=""):
        self.calls["list"] += 1
        return super().list(prefix, after)


class Machine:
    """A local store, and what it knows of a bucket."""

    def __init__(self, folder, bucket):
        self.store = LocalStore(folder / "store", create=True)
        open_store(self.store, create=True)
        self.remote = Remote("origin", lambda: bucket, folder / "remotes" / "origin", folder / "cache.db", self.store)
        self.objects = Objects(self.store)
        self.far = Objects(self.store, elsewhere=self.remote)
        self.log = RecordLog(self.store, RUN)

    def send(self, records, extra=(), **options):
        self.remote.connect(create=True)
        self.remote.refresh()
        sender = Sender(self.remote, self.objects, RUN, **options)
        sender.send(records, extra)
        return sender

    def look(self):
        self.remote.connect()
        self.remote.refresh()


@pytest.fixture
def bucket():
    return Counted()


@pytest.fixture
def machines(tmp_path, bucket):
    """Make machines that share the bucket."""
    return lambda name: Machine(tmp_path / name, bucket)


@pytest.fixture
def done(record):
    """Do chunks on a machine: objects and records."""

    def done(machine, numbers, size=20):
        made = []
        for number in numbers:
            data = f"data {number} ".encode().ljust(size, b".")
            machine.objects.put(data)
            made.append(record(number, data=data))
            machine.log.add(made[-1])
        return made

    return done


def test_another_machine_finds_and_fetches_what_was_sent(machines, done):
    a, b = machines("a"), machines("b")
    records = done(a, range(5))
    a.send(records)
    b.look()
    assert b.remote.lookup(r.key for r in records) == {r.key: r for r in records}
    object_ = records[3].outs["out"].object
    assert b.far.has(object_)
    assert not b.far.is_here(object_)
    assert b.far.get(object_) == a.objects.get(object_)
    assert b.far.is_here(object_)
    assert b.remote.fetched.objects == 1


def test_a_thousand_tiny_results_are_two_puts_and_two_gets(machines, done, bucket):
    a, b = machines("a"), machines("b")
    records = done(a, range(1000))
    a.send(records)
    assert bucket.calls["put"] == 2
    assert bucket.calls["upload"] == 0
    bucket.calls.clear()
    b.look()
    assert bucket.calls == {"get": 2, "list": 1}  # the marker, the segment
    bucket.calls.clear()
    b.far.prepare(r.outs["out"].object for r in records)
    assert bucket.calls == {"get": 1}
    assert all(b.far.is_here(r.outs["out"].object) for r in records)


def test_what_the_remote_has_is_not_sent_again(machines, done, bucket):
    a, b = machines("a"), machines("b")
    records = done(a, range(10))
    a.send(records)
    done(b, range(20))
    bucket.calls.clear()
    sender = b.send(done(b, range(5, 20)))
    assert bucket.calls["put"] == 2
    assert sender.sent.objects == 10
    assert sender.records == 10


def test_nothing_is_put_where_there_is_nothing_to_send(machines, done, bucket):
    a = machines("a")
    a.send([])
    bucket.calls.clear()
    a.send([], [])
    assert bucket.calls["put"] == 0


def test_large_objects_go_under_their_own_names(machines, done, bucket):
    a, b = machines("a"), machines("b")
    records = done(a, range(3), size=packs.PACKED_MOST + 1)
    a.send(records)
    assert bucket.calls["upload"] == 3
    b.look()
    b.far.prepare(r.outs["out"].object for r in records)
    assert all(b.far.is_here(r.outs["out"].object) for r in records)


def test_many_small_objects_are_several_packs(machines, done, bucket):
    a = machines("a")
    a.send(done(a, range(20), size=packs.PACKED_MOST))
    found = list(bucket.list(layout.PACKS))
    assert len(found) == 2
    assert all(entry.bytes <= packs.PACK_BYTES + 10_000 for entry in found)
    for entry in found:
        assert digest(bucket.get(entry.name)) == layout.pack_of(entry.name)
        assert packs.read_index(bucket.get(entry.name))


def test_a_directory_is_sent_with_its_files(machines, bucket, record):
    a, b = machines("a"), machines("b")
    files = tuple(ListedFile(f"{i}.txt", a.objects.put(b"%d" % i), 1) for i in range(3))
    listing = put_listing(a.objects, Listing(files))
    made = record(1)
    part = Part(listing, 3, listing, listing=True)
    made = type(made)(made.key, {"out": part}, made.stage, RUN, 0.1, made.finished)
    a.send([made])
    b.look()
    assert b.far.get(listing) == a.objects.get(listing)
    assert [b.far.get(f.object) for f in files] == [b"0", b"1", b"2"]


def test_a_record_without_its_objects_is_left_out(machines, done, bucket):
    a, b = machines("a"), machines("b")
    whole, torn, gone = done(a, range(3))
    a.store.delete(layout.object_name(gone.outs["out"].object))
    path = a.store.local(layout.object_name(torn.outs["out"].object))
    path.chmod(0o644)
    path.write_bytes(b"torn")
    sender = a.send([whole, torn, gone])
    assert sender.left_out == [torn, gone]
    b.look()
    assert set(b.remote.lookup(r.key for r in (whole, torn, gone))) == {whole.key}


def test_bytes_that_were_flipped_on_the_way_are_asked_for_again(machines, done, bucket):
    a, b = machines("a"), machines("b")
    records = done(a, range(4))
    a.send(records)
    b.look()
    (pack,) = [entry.name for entry in bucket.list(layout.PACKS)]
    bucket.spoil[pack] = 1
    b.far.prepare(r.outs["out"].object for r in records)
    assert [b.objects.get(r.outs["out"].object) for r in records] == [
        a.objects.get(r.outs["out"].object) for r in records
    ]


def test_an_object_that_is_bad_in_the_remote_is_disowned_and_sent_anew(machines, done, bucket):
    a, b = machines("a"), machines("b")
    records = done(a, range(4))
    a.send(records)
    b.look()
    (pack,) = [entry.name for entry in bucket.list(layout.PACKS)]
    data = bucket.get(pack)
    bucket.put(pack, b"X" + data[1:])
    bad = [o for o, at, _ in packs.read_index(data) if at == 0]
    with pytest.raises(StoreDamaged) as caught:
        b.far.prepare(r.outs["out"].object for r in records)
    assert list(caught.value.objects) == bad
    assert not b.far.has(bad[0])
    assert sum(b.far.is_here(r.outs["out"].object) for r in records) == 3
    again = [r for r in records if r.outs["out"].object == bad[0]]
    b.objects.put(a.objects.get(bad[0]))
    b.send(again)
    c = machines("c")
    c.look()
    assert c.far.get(bad[0]) == a.objects.get(bad[0])


def test_a_pack_that_is_gone_makes_its_objects_missing(machines, done, bucket):
    a, b = machines("a"), machines("b")
    (made,) = done(a, [1])
    other = done(a, [2])
    a.send([made, *other])
    b.look()
    bucket.delete([entry.name for entry in bucket.list(layout.PACKS)])
    with pytest.raises(StoreDamaged, match="missing or damaged"):
        b.far.get(made.outs["out"].object)
    assert not b.far.has(made.outs["out"].object)


def test_a_miss_counts_only_where_there_is_a_remote(machines, done, bucket):
    with pytest.raises(StoreError, match="there is no store"):
        machines("a").look()
    bucket.put("something.txt", b"else")
    with pytest.raises(StoreError, match="no store of ckptflow"):
        machines("a").remote.connect(create=True)


def test_segments_that_went_are_dropped_and_another_remote_is_not_mixed_in(machines, done, bucket):
    a, b = machines("a"), machines("b")
    first, second = done(a, range(2))
    a.send([first])
    a.send([second])
    b.look()
    assert len(b.remote.lookup([first.key, second.key])) == 2
    bucket.delete([next(iter(bucket.list(layout.RECORDS))).name])
    b.look()
    assert len(b.remote.lookup([first.key, second.key])) == 1
    for entry in list(bucket.list("")):
        bucket.delete([entry.name])
    fresh = machines("b")
    with pytest.raises(StoreError):
        fresh.look()
    fresh.remote.connect(create=True)
    fresh.look()
    assert fresh.remote.lookup([first.key, second.key]) == {}
    with closing(sqlite3.connect(fresh.store.root.parent / "cache.db")) as db:
        known = {store for (store,) in db.execute("SELECT store FROM segments_1")}
        assert known <= {fresh.store.url}, "the index has forgotten the remote that is gone"
        assert not db.execute("SELECT 1 FROM lines_1 WHERE segment NOT IN (SELECT id FROM segments_1)").fetchall()


def test_what_is_asked_ahead_is_asked_once_and_at_the_same_time(machines, done, bucket):
    a, b = machines("a"), machines("b")
    a.send(done(a, range(3)))
    bucket.calls.clear()
    together = Barrier(3, timeout=120)  # the marker and two listings wait for one another
    plain_get, plain_list = bucket.get, bucket.list

    def get(name, *rest):
        if name == layout.MARKER:
            together.wait()
        return plain_get(name, *rest)

    def list_(prefix, after=""):
        together.wait()
        return plain_list(prefix, after)

    bucket.get, bucket.list = get, list_
    b.remote.ask_ahead(layout.RECORDS, layout.CONDEMNED)
    b.remote.look(seconds=60)
    assert bucket.calls == {"get": 2, "list": 2}  # the marker, the segment; records, what is condemned
    assert b.remote.fetched.requests == 4
    bucket.get, bucket.list = plain_get, plain_list
    b.remote.refresh()
    assert bucket.calls == {"get": 2, "list": 3}, "a second question is asked anew"
    b.remote.close()


def test_what_goes_wrong_ahead_is_raised_where_it_is_needed(machines, bucket):
    a, b = machines("a"), machines("b")

    def refuse(*_):
        raise Unavailable("nobody answers")

    bucket.get = refuse
    a.remote.ask_ahead(layout.RECORDS)
    with pytest.raises(Unavailable, match="nobody answers"):
        a.remote.connect()
    a.remote.close()
    del bucket.get
    b.remote.ask_ahead(layout.RECORDS)
    assert b.remote.connect(create=True).repository, "a remote that is not there yet is made all the same"
    b.remote.close()


def test_what_is_held_and_lacked(machines, done):
    a, b = machines("a"), machines("b")
    records = done(a, range(4))
    names = [r.outs["out"].object for r in records]
    a.send(records[:2])
    b.look()
    b.remote.look_for_condemned()
    assert b.remote.lacks(names) == names[2:]
    b.remote.disowned.add(names[1])
    assert b.remote.lacks(names) == names[1:]


def test_a_segment_that_goes_while_it_is_listed_is_listed_again(machines, done, bucket):
    a, b = machines("a"), machines("b")
    made = done(a, range(3))
    for one in made:
        a.send([one])
    names = [entry.name for entry in bucket.list(layout.RECORDS)]
    texts = [bucket.get(name) for name in names]
    merged = layout.segment_name(f"{RUN}-merged", 1)
    plain = bucket.get

    def get(name, start=0, size=None):
        if name == names[1] and merged not in bucket._files:
            bucket.put(merged, b"".join(texts))
            bucket.delete(names)
            raise NotThere(name)
        return plain(name, start, size)

    bucket.get = get
    b.look()
    assert len(b.remote.lookup(r.key for r in made)) == 3
    assert list(b.remote.mirror.segments()) == [merged]


def test_records_are_signed_on_the_way(machines, done, bucket):
    a, b = machines("a"), machines("b")
    (made,) = done(a, [1])

    def sign(record):
        return type(record).from_dict({**record.to_dict(), "sig": "mine"})

    a.send([made], sign=sign)
    b.look()
    assert b.remote.lookup([made.key])[made.key].extra == {"sig": "mine"}


def test_lines_that_tell_of_objects_are_checked():
    held = [packs.Held(digest(b"a"), 3, digest(b"p"), 7)]
    line = lines.encode_holding(held).rstrip(b"\n")
    assert lines.decode(line) == lines.Holding(tuple(held))
    assert lines.is_holding(line)
    for bad in (
        line.replace(b",7,3]", b",7,4]"),
        line.replace(b'"v":1', b'"v":2'),
        lines.encode_holding([packs.Held(digest(b"a"), -1)]).rstrip(b"\n"),
    ):
        with pytest.raises(lines.BadLine):
            lines.decode(bad)


def test_what_is_known_survives_the_process_and_damage_of_the_index(machines, done, tmp_path):
    a, b = machines("a"), machines("b")
    records = done(a, range(3))
    a.send(records)
    b.look()
    b.remote.close()
    (tmp_path / "b" / "cache.db").write_bytes(b"no database")
    again = machines("b")
    assert again.remote.lookup([records[0].key]) == {records[0].key: records[0]}
    assert again.remote.holds(records[0].outs["out"].object)
