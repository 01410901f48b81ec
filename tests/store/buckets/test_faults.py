"""What goes wrong between here and S3, on every kind of request, by both drivers: moto behind a layer of faults.

A bucket as `open_bucket` gives it gets over what passes, and ends in `Unavailable` where nothing answers; the bare
driver asks once and no more.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ckptflow.errors import StoreError
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.opening import open_bucket
from ckptflow.store.buckets.patience import Patience
from ckptflow.store.buckets.ranges import BLOCK
from ckptflow.store.buckets.retrying import Retrying
from ckptflow.store.protocol import NotThere
from tests.servers import Fault, Kind

DRIVERS = ("obstore", "fsspec")
DATA = bytes(range(256)) * 40


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


@pytest.fixture
def bare(moto_bucket, driver, tmp_path):
    """The driver itself: what it cannot do at once is an error."""

    def open_(timeout=20.0):
        return open_bucket(moto_bucket.url, moto_bucket.options, root=tmp_path, timeout=timeout, driver=driver)._inner

    return open_


@pytest.fixture
def patient(bare):
    """The driver with patience for a few tries, whose pauses take no time: a clock that each look moves on."""

    def open_(tries=4, timeout=20.0):
        ticks = iter(range(10**6))
        return Retrying(bare(timeout), Patience(2 * tries, clock=lambda: next(ticks), sleep=lambda seconds: None))

    return open_


def requests(bucket, tmp_path):
    """Every kind of call; names below `there/` exist."""
    source = tmp_path / "source"
    source.write_bytes(DATA)
    version = bucket.read("there/c")[1]
    return {
        "get": ("GET", lambda: bucket.get("there/a") == DATA),
        "range": ("GET", lambda: bucket.get("there/a", 5, 10) == DATA[5:15]),
        "read": ("GET", lambda: bucket.read("there/a")[0] == DATA),
        "download": ("GET", lambda: bucket.download("there/a", tmp_path / "copy") == len(DATA)),
        "stat": ("HEAD", lambda: bucket.stat("there/a").bytes == len(DATA)),
        "list": ("LIST", lambda: [e.name for e in bucket.list("there/")] == ["there/a", "there/b", "there/c"]),
        "put": ("PUT", lambda: bucket.put("new/put", DATA) is None),
        "upload": ("PUT", lambda: bucket.upload("new/upload", source) is None),
        "create": ("PUT", lambda: bucket.create("new/create", b"by me") is True),
        "replace": ("PUT", lambda: bucket.replace("there/c", b"two", version) is True),
        "delete": ("DELETES", lambda: bucket.delete(["there/b"]) is None),
    }


CALLS = ("get", "range", "read", "download", "stat", "list", "put", "upload", "create", "replace", "delete")
PASSING = {
    "500": Fault(Kind.ERROR, status=500),
    "503": Fault(Kind.ERROR, status=503),
    "reset": Fault(Kind.RESET),
    "lost": Fault(Kind.LOST),
}


def filled(bucket):
    bucket.put("there/a", DATA)
    bucket.put("there/b", DATA)
    bucket.put("there/c", b"one")
    return bucket


def struck(fault, operation, **more):
    return Fault(**{**fault.to_dict(), "kind": fault.kind, "operation": operation, **more})


@pytest.mark.parametrize("call", CALLS)
def test_one_call_is_one_request(moto_server, moto_bucket, bare, tmp_path, call):
    bucket = filled(bare())
    operation, ask = requests(bucket, tmp_path)[call]
    moto_server.reset()
    assert ask()
    made = [r["operation"] for r in moto_server.requests(moto_bucket.name)]
    assert made == ([operation] if call != "download" else ["HEAD", "GET"])


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("call", CALLS)
def test_what_passes_is_got_over(moto_server, patient, tmp_path, call, fault):
    bucket = filled(patient())
    operation, ask = requests(bucket, tmp_path)[call]
    with moto_server.fault(struck(PASSING[fault], operation, times=2)):
        assert ask()
    assert bucket.get("there/a") == DATA


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("call", CALLS)
def test_what_does_not_pass_ends_in_unavailable(moto_server, patient, tmp_path, call, fault):
    bucket = filled(patient())
    operation, ask = requests(bucket, tmp_path)[call]
    with moto_server.fault(struck(PASSING[fault], operation)) as number:
        if fault == "lost" and call in ("create", "replace"):
            assert ask()  # it was done, and looking shows it
            assert moto_server.struck(number) <= 2  # aiohttp asks twice on a connection that breaks
        else:
            with pytest.raises(Unavailable) as caught:
                ask()
            assert caught.value.hint
            assert 2 <= moto_server.struck(number) <= 12  # aiohttp asks twice on a connection that breaks
    assert not (tmp_path / "copy").exists() or call != "download"


@pytest.mark.parametrize("call", CALLS)
def test_who_is_refused_is_not_asked_again(moto_server, patient, tmp_path, call):
    bucket = filled(patient())
    operation, ask = requests(bucket, tmp_path)[call]
    with moto_server.fault(Fault(Kind.ERROR, operation, status=403)) as number:
        with pytest.raises(StoreError) as caught:
            ask()
        assert moto_server.struck(number) == 1
    assert type(caught.value) is StoreError
    assert "credentials" in caught.value.hint


@pytest.mark.parametrize("kind", [Kind.TRUNCATED, Kind.TORN])
@pytest.mark.parametrize("call", ["get", "range", "read", "download", "list"])
def test_bodies_that_break_off_are_noticed(moto_server, patient, bare, tmp_path, call, kind):
    bucket = filled(bare())
    operation, ask = requests(bucket, tmp_path)[call]
    with moto_server.fault(Fault(kind, operation)), pytest.raises(Unavailable):
        ask()
    bucket = patient()
    operation, ask = requests(bucket, tmp_path)[call]
    with moto_server.fault(Fault(kind, operation, times=2)):
        assert ask()
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []


@pytest.mark.parametrize("kind", [Kind.HANG, Kind.SILENT])
@pytest.mark.parametrize("call", ["get", "stat", "list", "put", "create", "delete"])
def test_a_server_that_hangs_ends_in_unavailable(moto_server, bare, tmp_path, call, kind):
    filled(bare())
    operation, ask = requests(bare(timeout=1.0), tmp_path)[call]
    with moto_server.fault(Fault(kind, operation)), pytest.raises(Unavailable):
        ask()


def test_a_server_that_is_not_there_is_unavailable(bare, moto_bucket, driver, tmp_path):
    options = {**moto_bucket.options, "endpoint_url": "http://127.0.0.1:9"}
    bucket = open_bucket("s3://bucket/p", options, root=tmp_path, timeout=1.0, driver=driver)._inner
    for ask in (
        lambda: bucket.get("a/b"),
        lambda: bucket.stat("a/b"),
        lambda: list(bucket.list("")),
        lambda: bucket.put("a", b""),
    ):
        with pytest.raises(Unavailable):
            ask()


def test_a_create_whose_answer_is_lost_is_mine(moto_server, patient):
    bucket = patient()
    with moto_server.fault(Fault(Kind.LOST, "PUT", times=1)):
        assert bucket.create("ckptflow.json", b"mine") is True
    assert bucket.create("ckptflow.json", b"other") is False
    assert bucket.get("ckptflow.json") == b"mine"


def test_a_create_that_was_never_taken_is_made(moto_server, patient):
    bucket = patient()
    with moto_server.fault(Fault(Kind.RESET, "PUT", times=1)):
        assert bucket.create("ckptflow.json", b"mine") is True
    assert bucket.get("ckptflow.json") == b"mine"


def test_a_create_that_another_won_meanwhile_is_not_mine(moto_server, patient, bare):
    bucket, other = patient(), bare()
    with moto_server.fault(Fault(Kind.ERROR, "PUT", times=1)):
        bucket._inner.create = _first(lambda: other.create("ckptflow.json", b"theirs"), bucket._inner.create)
        assert bucket.create("ckptflow.json", b"mine") is False
    assert bucket.get("ckptflow.json") == b"theirs"


def _first(before, call):
    """Return `call` that fails once; after that another is quicker."""
    failed = []

    def wrapped(*args):
        try:
            return call(*args)
        except Unavailable:
            if not failed:
                failed.append(before())
            raise

    return wrapped


def test_a_replacement_whose_answer_is_lost_is_mine(moto_server, patient):
    bucket = patient()
    bucket.put("a/latest", b"one")
    version = bucket.read("a/latest")[1]
    with moto_server.fault(Fault(Kind.LOST, "PUT", times=1)):
        assert bucket.replace("a/latest", b"two", version) is True
    assert bucket.get("a/latest") == b"two"
    assert bucket.replace("a/latest", b"three", version) is False


def test_a_listing_goes_on_where_it_broke_off(moto_server, moto_bucket, patient):
    bucket = patient()
    for i in range(1010):
        bucket._inner.put(f"records/r-{i:06d}.jsonl", b"")
    moto_server.reset()
    with moto_server.fault(Fault(Kind.RESET, "LIST", after=1, times=1)):
        names = [entry.name for entry in bucket.list("records/")]
    assert names == [f"records/r-{i:06d}.jsonl" for i in range(1010)]
    assert moto_server.counts(moto_bucket.name)["LIST"] == 3


def large(tmp_path, parts=3):
    path = tmp_path / "large"
    path.write_bytes(b"".join(bytes([i]) * BLOCK for i in range(parts)) + b"the end")
    return path


def unfinished(moto_server, moto_bucket):
    """How many uploads in parts were begun and neither completed nor taken back."""
    counts = moto_server.counts(moto_bucket.name)
    return counts["BEGIN"] - sum(
        r["status"] in (200, 204) and r["operation"] in ("COMPLETE", "ABORT")
        for r in moto_server.requests(moto_bucket.name)
    )


def test_large_files_go_in_parts_and_one_that_fails_goes_again(moto_server, moto_bucket, bare, tmp_path):
    bucket, path = bare(), large(tmp_path)
    with moto_server.fault(Fault(Kind.ERROR, "PART", status=503, times=2)):
        bucket.upload("objects/ab/cd", path)
    assert bucket.stat("objects/ab/cd").bytes == path.stat().st_size
    assert bucket.download("objects/ab/cd", tmp_path / "copy") == path.stat().st_size
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    counts = moto_server.counts(moto_bucket.name)
    assert (counts["BEGIN"], counts["PART"], counts["COMPLETE"]) == (1, 6, 1)
    assert counts["GET"] >= 4
    assert unfinished(moto_server, moto_bucket) == 0


@pytest.mark.parametrize("operation", ["PART", "COMPLETE"])
def test_parts_of_an_upload_that_fails_are_removed(moto_server, moto_bucket, bare, tmp_path, operation):
    bucket, path = bare(timeout=4.0), large(tmp_path)
    with moto_server.fault(Fault(Kind.ERROR, operation, status=403)), pytest.raises(StoreError):
        bucket.upload("objects/ab/cd", path)
    assert bucket.stat("objects/ab/cd") is None
    assert moto_server.counts(moto_bucket.name)["ABORT"] >= 1
    assert unfinished(moto_server, moto_bucket) == 0


def test_a_part_of_a_download_that_fails_is_asked_for_again(moto_server, moto_bucket, bare, tmp_path):
    bucket, path = bare(), large(tmp_path)
    bucket.upload("objects/ab/cd", path)
    moto_server.reset()
    with moto_server.fault(Fault(Kind.TORN, "GET", after=2, times=1)):
        assert bucket.download("objects/ab/cd", tmp_path / "copy") == path.stat().st_size
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert moto_server.counts(moto_bucket.name)["GET"] <= 6


def test_a_download_that_fails_leaves_nothing(moto_server, bare, tmp_path):
    bucket, path = bare(timeout=4.0), large(tmp_path)
    bucket.upload("objects/ab/cd", path)
    with moto_server.fault(Fault(Kind.ERROR, "GET", status=403, after=2)), pytest.raises(StoreError):
        bucket.download("objects/ab/cd", tmp_path / "copy")
    assert [p.name for p in tmp_path.iterdir()] == ["large"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_in_the_middle_of_an_upload_leaves_nothing(
    moto_server, moto_bucket, bare, tmp_path, monkeypatch, error
):
    """Raised where an interrupt lands: between two parts, while the first are on their way."""
    bucket, path = bare(), large(tmp_path, parts=6)
    opened = open

    def failing(target, *args, **kwargs):
        file = opened(target, *args, **kwargs)
        return _Failing(file, error) if Path(str(target)) == path else file

    monkeypatch.setattr("builtins.open", failing)
    with pytest.raises(error):
        bucket.upload("objects/ab/cd", path)
    monkeypatch.undo()
    assert bucket.stat("objects/ab/cd") is None
    assert moto_server.counts(moto_bucket.name)["BEGIN"] == 1
    assert unfinished(moto_server, moto_bucket) == 0


class _Failing:
    """A file whose fifth read fails."""

    def __init__(self, file, error):
        self._file, self._error, self._reads = file, error, 0

    def read(self, size):
        self._reads += 1
        if self._reads > 4:
            raise self._error("interrupted")
        return self._file.read(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


def test_a_file_that_cannot_be_read_to_its_end_is_no_object(moto_server, moto_bucket, bare, tmp_path, monkeypatch):
    bucket, path = bare(), large(tmp_path, parts=6)
    opened = open

    def failing(target, *args, **kwargs):
        file = opened(target, *args, **kwargs)
        return _Failing(file, OSError) if Path(str(target)) == path else file

    monkeypatch.setattr("builtins.open", failing)
    with pytest.raises(StoreError) as caught:
        bucket.upload("objects/ab/cd", path)
    assert not isinstance(caught.value, Unavailable | NotThere)
    monkeypatch.undo()
    assert bucket.stat("objects/ab/cd") is None
    assert unfinished(moto_server, moto_bucket) == 0


def test_others_go_on_while_one_request_hangs(moto_server, bare):
    bucket = bare()
    bucket.put("a/hangs", b"slow")
    bucket.put("a/goes", b"fast")
    got = []
    with moto_server.fault(Fault(Kind.HANG, "GET", path="hangs", times=1)):
        thread = threading.Thread(target=lambda: got.append(bucket.get("a/hangs")))
        thread.start()
        moto_server.await_held()
        assert bucket.get("a/goes") == b"fast"
        assert got == []
        moto_server.release()
        thread.join(30)
    assert got == [b"slow"]
