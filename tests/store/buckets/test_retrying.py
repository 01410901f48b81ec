"""How a bucket is asked again: with a bucket in memory that fails as told, and a clock turned by hand."""

from __future__ import annotations

from itertools import islice

import pytest

from ckptflow.errors import StoreError
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.buckets.patience import Patience
from ckptflow.store.buckets.retrying import Retrying
from ckptflow.store.protocol import NotThere


class Clock:
    """Time that passes only in pauses, and by `work` seconds in each try."""

    def __init__(self, work=0.0):
        self.now, self.work, self.pauses = 100.0, work, []

    def read(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, timeout, chance=1.0):
        return Patience(timeout, clock=self.read, sleep=self.sleep, chance=lambda: chance)


class Failing(MemoryBucket):
    """Fails by script: per call one of `no` (not taken), `lost` (taken, no answer), `ok`; then `ok` for ever."""

    def __init__(self, *script):
        super().__init__("memory:failing")
        self.script, self.calls = list(script), []

    def _scripted(self, name, effect):
        self.calls.append(name)
        what = self.script.pop(0) if self.script else "ok"
        if what == "no":
            raise Unavailable("no answer")
        result = effect()
        if what == "lost":
            raise Unavailable("lost answer")
        return result

    def read(self, name):
        return self._scripted("read", lambda: MemoryBucket.read(self, name))

    def put(self, name, data):
        return self._scripted("put", lambda: MemoryBucket.put(self, name, data))

    def create(self, name, data):
        return self._scripted("create", lambda: MemoryBucket.create(self, name, data))

    def replace(self, name, data, version):
        return self._scripted("replace", lambda: MemoryBucket.replace(self, name, data, version))

    def delete(self, names):
        return self._scripted("delete", lambda: MemoryBucket.delete(self, names))


def retrying(*script, timeout=60.0):
    inner = Failing(*script)
    return Retrying(inner, Clock().patience(timeout)), inner


def test_pauses_grow_to_a_bound_and_end_with_the_time():
    clock = Clock()
    tries = list(clock.patience(60.0).tries())
    assert clock.pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(clock.pauses[6:]) == {5.0}
    assert tries == [False] * (len(tries) - 1) + [True]
    assert 60.0 <= sum(clock.pauses) < 66.0


def test_pauses_are_random():
    clock = Clock()
    chances = iter([0.5, 0.0, 0.25])
    patience = Patience(60.0, clock=clock.read, sleep=clock.sleep, chance=lambda: next(chances))
    list(islice(patience.tries(), 4))
    assert clock.pauses == [0.1, 0.0, 0.2]


def test_what_took_all_the_time_is_tried_once_more_without_a_pause():
    clock = Clock()
    tries = clock.patience(10.0).tries()
    assert next(tries) is False
    clock.now += 10.0
    assert next(tries) is True
    assert list(tries) == []
    assert clock.pauses == []


def test_misses_and_refusals_are_not_repeated():
    bucket, inner = retrying()
    with pytest.raises(NotThere):
        bucket.get("a/b")
    assert inner.calls == ["read"]

    def refuse(*args):
        inner.calls.append("refused")
        raise StoreError("no")

    inner.put = refuse
    with pytest.raises(StoreError):
        bucket.put("a/b", b"")
    assert inner.calls == ["read", "refused"]


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ((), ["create"]),
        (("no",), ["create", "read", "create"]),
        (("lost",), ["create", "read"]),
        (("lost", "no"), ["create", "read", "read"]),
        (("no", "ok", "lost"), ["create", "read", "create", "read"]),
        (("no", "no", "ok", "no", "ok", "ok"), ["create", "read", "read", "create", "read", "create"]),
    ],
)
def test_a_create_is_repeated_only_after_a_look(script, calls):
    bucket, inner = retrying(*script)
    assert bucket.create("a/b", b"mine") is True
    assert inner.calls == calls
    assert MemoryBucket.read(inner, "a/b")[0] == b"mine"


@pytest.mark.parametrize("script", [(), ("no",), ("lost",), ("lost", "no", "ok")])
def test_a_create_of_what_others_made_is_refused_whatever_gets_lost(script):
    bucket, inner = retrying(*script)
    MemoryBucket.create(inner, "a/b", b"theirs")
    assert bucket.create("a/b", b"mine") is False
    assert MemoryBucket.read(inner, "a/b")[0] == b"theirs"


def test_a_create_that_lands_late_is_mine():
    """The first request is on its way while its sender has given up, looks, finds nothing and sends a second."""
    bucket, inner = retrying("no")
    created = inner.create

    def create(name, data):
        if inner.calls.count("create") == 1:
            MemoryBucket.create(inner, name, data)  # the first one lands just before the second
        return created(name, data)

    inner.create = create
    assert bucket.create("a/b", b"mine") is True


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ((), ["replace"]),
        (("no",), ["replace", "read", "replace"]),
        (("lost",), ["replace", "read"]),
        (("no", "ok", "lost"), ["replace", "read", "replace", "read"]),
    ],
)
def test_a_replacement_is_repeated_only_after_a_look(script, calls):
    bucket, inner = retrying(*script)
    MemoryBucket.put(inner, "a/b", b"one")
    assert bucket.replace("a/b", b"two", MemoryBucket.read(inner, "a/b")[1]) is True
    assert inner.calls == calls
    assert MemoryBucket.read(inner, "a/b")[0] == b"two"


@pytest.mark.parametrize("script", [(), ("no",), ("lost",)])
def test_a_replacement_of_what_others_changed_is_refused(script):
    bucket, inner = retrying(*script)
    MemoryBucket.put(inner, "a/b", b"one")
    version = MemoryBucket.read(inner, "a/b")[1]
    MemoryBucket.put(inner, "a/b", b"theirs")
    assert bucket.replace("a/b", b"two", version) is False
    assert MemoryBucket.read(inner, "a/b")[0] == b"theirs"
    MemoryBucket.delete(inner, ["a/b"])
    assert bucket.replace("a/b", b"two", version) is False


@pytest.mark.parametrize("change", ["create", "replace"])
def test_where_nothing_answers_the_outcome_is_unknown_and_said_to_be(change):
    bucket, inner = retrying(*["no"] * 1000, timeout=5.0)
    with pytest.raises(Unavailable):
        bucket.create("a/b", b"mine") if change == "create" else bucket.replace("a/b", b"mine", "1")
    assert inner.calls.count(change) == 1  # never again without a look


def test_many_are_deleted_in_batches_each_repeated_by_itself():
    bucket, inner = retrying("ok", "lost", "ok")
    for i in range(1500):
        MemoryBucket.put(inner, f"a/{i}", b"")
    bucket.delete(f"a/{i}" for i in range(1500))
    assert inner.calls == ["delete"] * 3
    assert list(inner.list("")) == []


def test_a_listing_that_comes_further_each_time_has_time_anew():
    inner = MemoryBucket()
    for i in range(40):
        inner.put(f"a/{i:02d}", b"")
    whole, asked = inner.list, []

    def list_(prefix, after=""):
        asked.append(after)
        yield from islice(whole(prefix, after), 2)
        if next(whole(prefix, asked[-1] if len(asked) > 20 else "a/38"), None):
            raise Unavailable("broke off")

    inner.list = list_
    bucket = Retrying(inner, Clock().patience(0.1))
    assert [entry.name for entry in bucket.list("a/")] == [f"a/{i:02d}" for i in range(40)]
    assert asked == ["", *(f"a/{i:02d}" for i in range(1, 38, 2)), "a/39"]


def test_the_server_clock_of_memory_can_be_turned():
    bucket = MemoryBucket(now_ns=lambda: 5)
    bucket.put("a/b", b"")
    bucket.now_ns = lambda: 10**18
    bucket.put("a/c", b"")
    assert [(e.name, e.written_ns) for e in bucket.list("")] == [("a/b", 5), ("a/c", 10**18)]
    assert bucket.stat("a/c").written_ns == 10**18
