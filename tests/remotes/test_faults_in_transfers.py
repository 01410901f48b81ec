"""Every fault on every kind of request, once, always and now and then: sent and fetched right, or a clear error.

The same as `test_faults_in_runs`, below the engine and in one process, where a case takes a moment: all combinations.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.sending import Sender
from ckptflow.chunk.model import Part
from ckptflow.errors import StoreDamaged, StoreError
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.store.buckets import by_obstore
from ckptflow.store.buckets.opening import open_bucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from tests.servers import Fault, Kind

SECONDS = 0.5
"""The setting `remote_timeout` where a remote fails for good; where it does not, time is no matter."""
SMALL = [f"object {number} ".encode() * 40 for number in range(6)]
LARGE = bytes(range(256)) * 2400
HUGE = bytes(range(251)) * 43_000
"""Sent in parts of five MiB, the smallest that S3 takes."""
DOCUMENT = "checkpoints/load/latest.json"

WRITTEN = {
    "marker": Fault(Kind.ERROR, "GET", path="/ckptflow.json"),
    "new marker": Fault(Kind.ERROR, "PUT", path="/ckptflow.json"),
    "listing": Fault(Kind.ERROR, "LIST"),
    "new pack": Fault(Kind.ERROR, "PUT", path="/packs/"),
    "new object": Fault(Kind.ERROR, "PUT", path="/objects/"),
    "new segment": Fault(Kind.ERROR, "PUT", path="/records/"),
    "new document": Fault(Kind.ERROR, "PUT", path="/checkpoints/"),
    "begin": Fault(Kind.ERROR, "BEGIN"),
    "part": Fault(Kind.ERROR, "PART"),
    "complete": Fault(Kind.ERROR, "COMPLETE"),
}
READ = {
    "marker": WRITTEN["marker"],
    "listing": WRITTEN["listing"],
    "segment": Fault(Kind.ERROR, "GET", path="/records/"),
    "pack": Fault(Kind.ERROR, "GET", path="/packs/"),
    "object": Fault(Kind.ERROR, "GET", path="/objects/"),
    "size": Fault(Kind.ERROR, "HEAD"),
}
IN_PARTS = ("begin", "part", "complete")
SHORT = timedelta(milliseconds=20)
ANSWERED_BY_NOTHING = {"new marker", "new pack", "new object", "new segment", "new document", "part", "size"}
OFTEN = {"once": {"times": 1}, "always": {}, "now and then": {"every": 2}}
KINDS = [(kind, 500) for kind in Kind] + [(Kind.ERROR, 403), (Kind.ERROR, 503)]


@dataclass
class Side:
    """One machine, as far as it sends and fetches."""

    bucket_url: str
    options: dict[str, object]
    folder: Path
    timeout: float = 30.0

    def __post_init__(self) -> None:
        self.store = LocalStore(self.folder / "store", create=True)
        open_store(self.store, create=True)
        self.objects = Objects(self.store)
        self.remote = Remote("storage", self._make, self.folder / "mirror", None, self.store)

    def _make(self):
        return open_bucket(self.bucket_url, self.options, root=self.folder, timeout=self.timeout)

    def send(self, contents: list[bytes]) -> None:
        """Send what a run would send that has made this."""
        self.remote.connect(create=True)
        self.remote.refresh()
        for data in contents:
            self.objects.put(data)
        sender = Sender(self.remote, self.objects, "20260101T000000Z-aaaa")
        sender.send([record(data) for data in contents])
        sender.document(DOCUMENT, b"{}")
        assert not sender.left_out

    def fetch(self, contents: list[bytes]) -> None:
        """Find and fetch all of it; what is found has the right bytes. Raises `Lacking` for what is not found."""
        self.remote.connect()
        self.remote.refresh()
        names = [digest(data) for data in contents]
        known = self.remote.lookup(record(data).key for data in contents)
        if len(known) < len(contents) or not all(map(self.remote.holds, names)):
            raise Lacking
        self.remote.fetch(names)
        assert [self.objects.get(name) for name in names] == contents


class Lacking(Exception):
    """The remote does not tell of all that was sent."""


def record(data: bytes) -> Record:
    """Return the record of a chunk that has made `data`."""
    part = Part(digest(data), len(data), digest(data))
    key = ChunkKey(digest(b"key" + data[:40]))
    return Record(key, {"out": part}, StageName("load"), "20260101T000000Z-aaaa", 0.1, "2026-01-01T00:00:00Z")


def cases(table: dict[str, Fault], kind: Kind, status: int) -> list[tuple[str, str, Fault]]:
    """Return (where, how often, the fault) of all that can strike."""
    found = []
    for (where, fault), (often, how) in itertools.product(table.items(), OFTEN.items()):
        writes = where.startswith("new") or where in ("part", "complete")
        if kind is Kind.FLIP_REQUEST and (not writes or (where, often) == ("new marker", "always")):
            continue  # a place whose marker cannot be written is of no use
        if kind in (Kind.TRUNCATED, Kind.TORN, Kind.FLIP_ANSWER, Kind.SLOW) and where in ANSWERED_BY_NOTHING:
            continue
        seconds = SECONDS / 3 if kind in (Kind.LATE, Kind.SLOW) else 0.0
        found.append((where, often, replace(fault, kind=kind, status=status, seconds=seconds, **how)))
    return found


def patience(kind: Kind, often: str, hanging: float = 1.2) -> float:
    """Return how long to wait: short where there is nothing to wait for, `hanging` for what hangs at first."""
    return SECONDS if often == "always" else hanging if kind in (Kind.HANG, Kind.SILENT) else 30.0


def clear(error: StoreError, url: str) -> None:
    """Demand that an error says what and where, what to do, and nothing secret."""
    assert url in error.message, error.message
    assert error.hint, error.message
    for secret in ("testing-secret", "testing-key", "Signature", "<Error>"):
        assert secret not in error.message + error.hint
    assert "\n" not in error.message + error.hint


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(by_obstore, "BLOCK", 5 << 20)
    monkeypatch.setattr(by_obstore, "_BACKOFF", {"init_backoff": SHORT, "max_backoff": SHORT, "base": 2})


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_sending(kind, status, moto_server, moto_bucket, tmp_path, small_parts):
    numbers = itertools.count()

    def case(given: tuple[str, str, Fault]) -> str | None:
        where, often, fault = given
        name = f"case-{next(numbers)}"
        url, folder = f"s3://{moto_bucket.name}/{name}", tmp_path / name
        contents = [HUGE] if where in IN_PARTS else [*SMALL, LARGE]
        try:
            number = moto_server.inject(replace(fault, path=f"/{name}{fault.path}" if fault.path else name + "(/|%2F)"))
            try:
                Side(url, moto_bucket.options, folder / "a", patience(kind, often, 3.0)).send(contents)  # six at once
                sent = True
            except StoreError as error:
                clear(error, url)
                sent = False
            assert moto_server.struck(number) or often == "now and then", "nothing was struck"
            lasts = often == "always" or (where == "part" and kind in (Kind.HANG, Kind.SILENT))
            assert sent or lasts or status == 403, "it would have gone well the next time"
            moto_server.forget(number)
            Side(url, moto_bucket.options, folder / "again").send(contents)
            again = Side(url, moto_bucket.options, folder / "b")
            try:
                again.fetch(contents)
            except (StoreDamaged, Lacking):
                assert kind is Kind.FLIP_REQUEST, "only what was damaged on its way there may be bad"
                again.send(contents)
                Side(url, moto_bucket.options, folder / "c").fetch(contents)
        except (AssertionError, StoreError) as error:
            return f"{where}, {often}: {type(error).__name__} {error}"
        return None

    with ThreadPoolExecutor(6) as pool:
        wrong = [text for text in pool.map(case, cases(WRITTEN, kind, status)) if text]
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def filled(moto_server, tmp_path_factory):
    """A remote that has everything."""
    moto_server.calm()
    bucket = moto_server.create_bucket()
    Side(bucket.url, bucket.options, tmp_path_factory.mktemp("filled")).send([*SMALL, LARGE])
    yield bucket
    moto_server.drop_bucket(bucket)


@pytest.mark.parametrize(("kind", "status"), [given for given in KINDS if given[0] is not Kind.FLIP_REQUEST])
def test_fetching(kind, status, moto_server, filled, tmp_path):
    contents = [*SMALL, LARGE]

    for where, often, fault in cases(READ, kind, status):
        side = Side(filled.url, filled.options, tmp_path / f"{where} {often}", patience(kind, often))
        moto_server.calm()
        number = moto_server.inject(fault)
        try:
            side.fetch(contents)
            fetched = True
        except StoreError as error:
            clear(error, filled.url)
            fetched = False
        except Lacking:
            assert (kind, where) in ((Kind.FLIP_ANSWER, "segment"), (Kind.FLIP_ANSWER, "listing"))
            fetched = False
        assert moto_server.struck(number) or often == "now and then", "nothing was struck"
        moto_server.calm()
        assert fetched or often == "always" or status == 403, where
        side.remote.close()
        later = Side(filled.url, filled.options, tmp_path / f"{where} {often}")
        try:
            later.fetch(contents)
        except Lacking:  # it knows a segment that came damaged each time: what is in it is made and sent again
            later.send(contents)
            later.fetch(contents)
