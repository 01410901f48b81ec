"""The uploader: all that is finished arrives, whatever the remote does; what does not is known to be missing."""

import threading
import time

import pytest

from ckptflow.checkpoints import uploader as module
from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.uploader import Uploader
from ckptflow.store import layout
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects

RUN = "20260101T000000Z-aaaa"
PATIENCE = 120.0


class Moody(MemoryBucket):
    """A bucket that can be closed, with what was put in which order."""

    def __init__(self):
        super().__init__("memory://bucket")
        self.open = threading.Event()
        self.open.set()
        self.hold = None
        self.order = []
        self.refused = 0

    def _check(self, name):
        if not self.open.is_set():
            self.refused += 1
            raise Unavailable("the bucket is closed")
        if self.hold is not None and name.startswith(self.hold[0]):
            self.hold[1].wait(PATIENCE)

    def get(self, name, start=0, size=None):
        self._check(name)
        return super().get(name, start, size)

    def put(self, name, data):
        self._check(name)
        super().put(name, data)
        self.order.append(name)

    def upload(self, name, path):
        self._check(name)
        super().upload(name, path)
        self.order.append(name)

    def create(self, name, data):
        self._check(name)
        return super().create(name, data)


class Site:
    """A machine whose runs upload to the bucket."""

    def __init__(self, folder, bucket):
        self.folder, self.bucket = folder, bucket
        self.store = LocalStore(folder / "store", create=True)
        open_store(self.store, create=True)
        self.objects = Objects(self.store)
        self.log = RecordLog(self.store, RUN)
        self.note = folder / "remotes" / "origin.unsent"

    def remote(self):
        return Remote("origin", lambda: self.bucket, self.folder / "mirror", self.folder / "cache.db", self.store)

    def uploader(self, run=RUN):
        return Uploader(
            self.remote(), lambda: Objects(LocalStore(self.folder / "store")), run, self.note, backlog=self.backlog
        )

    def backlog(self, remote):
        own = Past(LocalStore(self.folder / "store"), self.folder / "cache.db")
        yield from own.lookup(list(own.missing_in(remote.mirror.past()))).values()
        own.close()

    def there(self, records):
        remote = self.remote()
        remote.connect()
        remote.refresh()
        found = remote.lookup(r.key for r in records)
        assert all(remote.holds(p.object) for r in found.values() for p in r.outs.values())
        return [r for r in records if r.key in found]


@pytest.fixture
def bucket():
    return Moody()


@pytest.fixture
def site(tmp_path, bucket, monkeypatch):
    monkeypatch.setattr(module, "GROUP_SECONDS", 0.02)
    monkeypatch.setattr(module, "_RETRY_SECONDS", (0.01, 0.05))
    return Site(tmp_path, bucket)


@pytest.fixture
def done(site, record):
    def done(number, size=20):
        data = f"data {number} ".encode().ljust(size, b".")
        site.objects.put(data)
        made = record(number, data=data)
        site.log.add(made)
        return made

    return done


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def never():
    return False


def test_what_is_added_is_there_before_the_end(site, bucket, done):
    uploader = site.uploader()
    first = done(1)
    uploader.add(first)
    wait_for(lambda: any(name.startswith(layout.RECORDS) for name in bucket.order))
    assert site.there([first]) == [first]
    assert site.note.exists()
    second = done(2)
    uploader.add(second)
    assert uploader.finish(never, PATIENCE)
    assert site.there([first, second]) == [first, second]
    assert not site.note.exists()
    assert uploader.records == 2


def test_nothing_is_asked_where_nothing_is_added(site, bucket):
    uploader = site.uploader()
    assert uploader.finish(never, PATIENCE)
    assert bucket.order == []
    assert not site.note.exists()


def test_objects_come_before_the_records_and_documents_that_name_them(site, bucket, done):
    uploader = site.uploader()
    for number in range(3):
        uploader.add(done(number))
    tree = site.objects.put(b"tree")
    uploader.add_objects([tree])
    site.store.put("runs/x.json", b"{}")
    uploader.add_document("runs/x.json", lambda: site.store.get("runs/x.json"))
    uploader.add_document("runs/gone.json", lambda: site.store.get("runs/gone.json"))
    assert uploader.finish(never, PATIENCE)
    kinds = [name.partition("/")[0] for name in bucket.order]
    assert kinds.index("packs") < kinds.index("records") < kinds.index("runs")
    assert "runs/gone.json" not in bucket.order
    remote = site.remote()
    assert remote.holds(tree)


def test_a_remote_that_is_down_for_a_while_loses_nothing(site, bucket, done):
    bucket.open.clear()
    uploader = site.uploader()
    made = [done(number) for number in range(3)]
    for one in made:
        uploader.add(one)
    wait_for(lambda: bucket.refused > 2)
    bucket.open.set()
    made.append(done(3))
    uploader.add(made[-1])
    assert uploader.finish(never, PATIENCE)
    assert site.there(made) == made


def test_a_remote_that_stays_down_is_not_waited_for_and_the_next_run_sends_all(site, bucket, done):
    uploader = site.uploader()
    first = done(1)
    uploader.add(first)
    wait_for(lambda: bucket.order)
    bucket.open.clear()
    second = done(2, size=module.LARGE_BYTES + 1)
    third = done(3)
    uploader.add(second)
    uploader.add(third)
    assert not uploader.finish(never, PATIENCE)
    assert "closed" in uploader.problem.message
    assert site.note.exists()
    bucket.open.set()
    again = site.uploader("20260102T000000Z-bbbb")
    again.start()
    assert again.finish(never, PATIENCE)
    assert site.there([first, second, third]) == [first, second, third]
    assert not site.note.exists()


def test_a_remote_that_hangs_is_waited_for_only_so_long(site, bucket, done):
    release = threading.Event()
    bucket.hold = (layout.PACKS, release)
    uploader = site.uploader()
    uploader.add(done(1))
    uploader.add(done(2))
    assert not uploader.finish(never, 0.3)
    assert not uploader.finish(lambda: True, PATIENCE)
    release.set()
    assert site.note.exists()


def test_a_large_result_does_not_hold_up_small_ones(site, bucket, done):
    release = threading.Event()
    bucket.hold = (layout.OBJECTS, release)
    uploader = site.uploader()
    large = done(1, size=module.LARGE_BYTES + 1)
    uploader.add(large)
    small = [done(number) for number in (2, 3)]
    for one in small:
        uploader.add(one)
    wait_for(lambda: site.there([large, *small]) == small)
    release.set()
    assert uploader.finish(never, PATIENCE)
    assert site.there([large, *small]) == [large, *small]


def test_what_does_not_fit_on_the_list_is_found_in_the_log(site, bucket, done, monkeypatch):
    monkeypatch.setattr(module, "WAITING_MOST", 5)
    bucket.open.clear()
    uploader = site.uploader()
    made = [done(number) for number in range(20)]
    for one in made:
        uploader.add(one)
    assert len(uploader._small.waiting.records) <= 6
    bucket.open.set()
    assert uploader.finish(never, PATIENCE)
    assert site.there(made) == made


def test_work_of_earlier_runs_is_sent_too(site, bucket, done):
    made = [done(number) for number in range(4)]
    uploader = site.uploader()
    uploader.add(made[-1])
    assert uploader.finish(never, PATIENCE)
    assert site.there(made) == made


def test_a_fault_in_a_thread_is_told_and_loses_nothing(site, bucket, done):
    def bad(record):
        raise RuntimeError("a mistake")

    uploader = Uploader(site.remote(), lambda: site.objects, RUN, site.note, sign=bad)
    uploader.add(done(1))
    assert not uploader.finish(never, PATIENCE)
    assert "a mistake" in uploader.problem.message
    assert site.note.exists()
