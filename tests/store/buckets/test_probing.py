"""What `remote check` finds out: on real servers, and on a bucket that breaks one promise at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ckptflow.errors import StoreError
from ckptflow.store import layout
from ckptflow.store.bucket import Bucket, Unavailable
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.marker import Marker, open_store
from ckptflow.store.probing import LATENCY_REQUESTS, Finding, Probed, State, Usable, probe
from ckptflow.store.protocol import Entry, NotThere

PROMISES = [
    "reach",
    "write",
    "read after write",
    "list after write",
    "conditional create",
    "conditional replace",
    "ranges",
    "clock",
    "latency",
    "delete",
]
SECOND = 10**9


def of(probed: Probed, name: str) -> Finding:
    (found,) = [finding for finding in probed.findings if finding.name == name]
    return found


def broken(probed: Probed) -> list[str]:
    return [finding.name for finding in probed.findings if finding.state is not State.GOOD]


def names(bucket: Bucket) -> list[str]:
    return [entry.name for entry in bucket.list("")]


def test_every_kind_of_remote_is_found_out(place) -> None:
    bucket = place.bucket
    probed = probe(bucket)
    assert [finding.name for finding in probed.findings] == PROMISES
    assert probed.usable is Usable.YES
    assert broken(probed) == ([] if place.guards else ["conditional create", "conditional replace"])
    assert all((finding.follows is None) == (finding.state is State.GOOD) for finding in probed.findings)
    assert probed.latency is not None and probed.latency >= 0
    assert probed.skew == 0
    assert names(bucket) == [], "what it wrote is gone"
    assert probed.store_id is None
    assert "empty" in of(probed, "reach").seen


def test_a_store_is_known_and_stays_as_it_is(place) -> None:
    bucket = place.bucket
    marker = open_store(bucket, create=True)
    probed = probe(bucket)
    assert probed.store_id == marker.repository
    assert marker.repository in of(probed, "reach").seen
    assert names(bucket) == [layout.MARKER]


def test_a_bucket_that_is_not_there_cannot_be_used(place) -> None:
    if place.elsewhere is None:
        pytest.skip("there is none that does not exist")
    probed = probe(place.elsewhere())
    assert probed.usable is Usable.NO
    assert [finding.name for finding in probed.findings] == ["reach"]


class Weak(MemoryBucket):
    """A bucket that breaks what tests tell it to: each attribute takes the place of a method."""

    def __init__(self, **instead: Callable[..., Any]) -> None:
        super().__init__()
        for name, method in instead.items():
            setattr(self, name, lambda *args, method=method: method(self, *args))


def ignores_create(self: Weak, name: str, data: bytes) -> bool:
    self.put(name, data)
    return True


def ignores_replace(self: Weak, name: str, data: bytes, version: str) -> bool:
    self.put(name, data)
    return True


def test_conditions_that_are_ignored_make_a_weak_remote() -> None:
    probed = probe(Weak(create=ignores_create, replace=ignores_replace))
    assert probed.usable is Usable.YES
    assert broken(probed) == ["conditional create", "conditional replace"]
    assert of(probed, "conditional create").follows == (
        "two machines that make this remote at the very same time may disagree about its id; everything else is safe,"
        " because objects and records have names that nobody else writes"
    )


def test_conditions_that_always_fail() -> None:
    probed = probe(Weak(create=lambda *_: False, replace=lambda *_: False))
    assert of(probed, "conditional replace").state is State.WEAK
    assert of(probed, "conditional create").state is State.BAD, "no remote could ever be made there"
    assert probed.usable is Usable.NO


def test_a_server_that_does_not_know_conditions() -> None:
    def refuses(*_: Any) -> bool:
        raise StoreError("create: 501 NotImplemented", hint="a hint")

    probed = probe(Weak(create=refuses))
    assert of(probed, "conditional create") == Finding(
        "conditional create", State.BAD, "create: 501 NotImplemented", "a hint"
    )
    assert [finding.name for finding in probed.findings] == PROMISES, "a refusal ends nothing"


class Late(MemoryBucket):
    """A bucket that shows what was written one request later: in `get`, in `list`, or both."""

    def __init__(self, *, get: bool = False, listing: bool = False, first: bool = False) -> None:
        super().__init__()
        self.late = (get, listing)
        self.first = first
        self.old: dict[str, bytes | None] = {}

    def put(self, name: str, data: bytes) -> None:
        self.old[name] = super().get(name) if name in self._files else None
        super().put(name, data)

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        if self.late[0] and name in self.old:
            old = self.old.pop(name)
            if old is not None:
                return old
            if self.first:
                raise NotThere(name)
        return super().get(name, start, size)

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        hidden = {name for name, old in self.old.items() if old is None} if self.late[1] else set()
        self.old = {name: old for name, old in self.old.items() if name not in hidden}
        return iter([entry for entry in super().list(prefix, after) if entry.name not in hidden])


@pytest.mark.parametrize("first", [True, False])
def test_reads_that_come_late_make_a_weak_remote(first: bool) -> None:
    bucket = Late(get=True, first=first)
    probed = probe(bucket)
    found = of(probed, "read after write")
    assert found.state is State.WEAK
    assert "checked by its hash" in (found.follows or "")
    assert ("not there yet" in found.seen) is first
    assert names(bucket) == []


def test_listings_that_come_late_make_a_weak_remote() -> None:
    probed = probe(Late(listing=True))
    assert of(probed, "list after write").state is State.WEAK


def test_wrong_bytes_make_a_remote_unusable() -> None:
    probed = probe(Weak(get=lambda self, name, *rest: b"x" if name != layout.MARKER else _raise(NotThere(name))))
    assert of(probed, "read after write").state is State.BAD
    assert probed.usable is Usable.NO


def _raise(error: Exception) -> Any:
    raise error


def test_ranges_that_are_ignored_make_a_remote_unusable() -> None:
    probed = probe(Weak(get=lambda self, name, start=0, size=None: MemoryBucket.get(self, name)))
    assert broken(probed) == ["ranges"]
    assert probed.usable is Usable.NO


class ReadOnly(MemoryBucket):
    """Nothing can be written once `closed`."""

    closed = False

    def put(self, name: str, data: bytes) -> None:
        if self.closed:
            raise StoreError("put: 403 AccessDenied")
        super().put(name, data)


def test_what_may_only_be_read_is_for_pulling() -> None:
    bucket = ReadOnly()
    marker = open_store(bucket, create=True)
    bucket.closed = True
    probed = probe(bucket)
    assert (probed.usable, probed.store_id) == (Usable.PULL, marker.repository)
    assert of(probed, "write") == Finding(
        "write", State.WEAK, "refused: put: 403 AccessDenied", "it can be pulled from, and not pushed to"
    )
    assert probed.latency is not None


def test_what_may_only_be_read_and_is_empty_is_of_no_use() -> None:
    bucket = ReadOnly()
    bucket.closed = True
    assert probe(bucket).usable is Usable.NO


def test_what_may_not_be_deleted_is_told_of() -> None:
    def refuses(*_: Any) -> None:
        raise StoreError("delete: 403 AccessDenied")

    bucket = Weak(delete=refuses)
    probed = probe(bucket)
    assert probed.usable is Usable.YES
    assert broken(probed) == ["delete"]
    assert all(name.startswith(layout.PROBES) for name in names(bucket))
    open_store(bucket, create=True)  # what is left is no stranger
    assert probe(Weak(delete=lambda *_: None)).findings[-1].seen == "what was just deleted is still there"


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (json.dumps(Marker("a", reader=9).to_dict()).encode(), "needs a program that knows version 9"),
    ],
)
def test_a_marker_that_cannot_be_used(data: bytes, seen: str) -> None:
    bucket = MemoryBucket()
    bucket.put(layout.MARKER, data)
    probed = probe(bucket)
    assert probed.usable is Usable.NO
    (found,) = probed.findings
    assert seen in found.seen and found.follows
    assert names(bucket) == [layout.MARKER], "nothing was written"


def test_a_place_of_somebody_else_is_left_alone() -> None:
    bucket = MemoryBucket()
    bucket.put("photos/cat.jpg", b"")
    probed = probe(bucket)
    assert probed.usable is Usable.NO
    assert "photos/cat.jpg" in probed.findings[0].seen
    assert names(bucket) == ["photos/cat.jpg"]


@pytest.mark.parametrize("method", ["get", "list", "put", "create", "replace", "read", "stat", "delete"])
def test_a_server_that_does_not_answer_ends_the_examination(method: str) -> None:
    def silent(*_: Any) -> Any:
        raise Unavailable("no answer", hint="try later")

    probed = probe(Weak(**{method: silent}))
    assert probed.usable is Usable.NO
    assert probed.findings[-1].seen == "no answer" and probed.findings[-1].follows == "try later"
    assert [finding.state for finding in probed.findings].count(State.BAD) == 1


@pytest.mark.parametrize(
    ("ahead", "skew", "state"),
    [
        (0, 0.0, State.GOOD),
        (-SECOND, 0.0, State.GOOD),  # a time in whole seconds
        (30 * SECOND, 30.0, State.GOOD),
        (61 * SECOND, 61.0, State.WEAK),
        (-3600 * SECOND, -3599.0, State.WEAK),
    ],
)
def test_clocks_that_differ(ahead: int, skew: float, state: State) -> None:
    probed = probe(MemoryBucket(now_ns=lambda: 10**18 + ahead), now_ns=lambda: 10**18)
    assert (probed.skew, of(probed, "clock").state) == (skew, state)
    assert ("ahead of" in of(probed, "clock").seen) == (skew > 60)
    assert ("behind" in of(probed, "clock").seen) == (skew < -60)


def test_what_a_killed_check_left_is_removed_by_a_later_one() -> None:
    now = 10**18
    bucket = MemoryBucket(now_ns=lambda: now)
    bucket.put(layout.probe_name("old", "a"), b"")
    now += 23 * 3600 * SECOND
    probe(bucket, now_ns=lambda: now)
    assert names(bucket) == [layout.probe_name("old", "a")], "it may be one that is going on"
    now += 2 * 3600 * SECOND
    probe(bucket, now_ns=lambda: now)
    assert names(bucket) == []


def test_the_middle_of_a_few_requests_is_the_latency() -> None:
    ticks = iter([0.0, 9.0, 10.0, 10.1, 20.0, 20.2, 30.0, 30.3, 40.0, 40.1])
    probed = probe(MemoryBucket(), clock=lambda: next(ticks))
    assert probed.latency == pytest.approx(0.2)
    assert next(ticks, None) is None and LATENCY_REQUESTS == 5
