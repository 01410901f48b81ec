"""Whatever goes wrong with a remote, a run ends right or with a clear error; the next one makes it good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.servers import Fault, Kind

from .far import Far
from .machines import Machine, Origin

SECONDS = 1.5
"""The setting `remote_timeout`."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Four chunks, what is made of them, and a result that is too large for a pack."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=4, large=700_000)


@pytest.fixture(scope="module")
def good(origin, tmp_path_factory):
    """What an undisturbed machine makes."""
    clean = Machine.clone(origin, tmp_path_factory.mktemp("clean"), "clean", jobs=1)
    clean.repro()
    return clean


WHERE = {
    "marker": Fault(Kind.ERROR, "GET", path="/ckptflow.json"),
    "new marker": Fault(Kind.ERROR, "PUT", path="/ckptflow.json"),
    "listing": Fault(Kind.ERROR, "LIST"),
    "segment": Fault(Kind.ERROR, "GET", path="/records/"),
    "pack": Fault(Kind.ERROR, "GET", path="/packs/"),
    "object": Fault(Kind.ERROR, "GET", path="/objects/"),
    "new pack": Fault(Kind.ERROR, "PUT", path="/packs/"),
    "new object": Fault(Kind.ERROR, "PUT", path="/objects/"),
    "new segment": Fault(Kind.ERROR, "PUT", path="/records/"),
    "new document": Fault(Kind.ERROR, "PUT", path="/checkpoints/|/runs/"),
}
READ = ("marker", "listing", "segment", "pack", "object")
WRITTEN = ("marker", "new marker", "listing", "new pack", "new object", "new segment", "new document")


def check(machine, ended, good):
    """Demand that a run ended right, or with a clear error: what and where, what to do, nothing secret."""
    assert ended.code in (0, 6), f"{ended.out}\n{ended.err}"
    text = ended.out + ended.err
    assert "Traceback" not in text
    assert not any(secret in text for secret in ("testing-secret", "testing-key", "X-Amz", "Signature"))
    assert "bug in ckptflow" not in text
    if ended.code == 6 and "stages" not in ended.json:
        error, hint = ended.json["message"], ended.json.get("help") or ended.json.get("hint")
        assert "s3://" in error, error
        assert hint, error
        assert "\n" not in error + hint
    elif "remote" in ended.json:  # else there was nothing to do
        left = ended.json["remote"]["left"]
        assert machine.outs().items() <= good.outs().items()
        assert {p for p in good.outs() if not any(p.startswith(out) for out in left)} <= machine.outs().keys()
        assert ended.json["remote"]["complete"] == (ended.code == 0)
        assert (machine.root / ".ckptflow/remotes/storage.unsent").exists() == (ended.code == 6)


@pytest.fixture
def clone(origin, tmp_path, moto_bucket):
    def clone(name: str) -> Machine:
        made = Machine.clone(origin, tmp_path, name, jobs=1)
        made.config(moto_bucket, trust=True, remote_timeout=SECONDS)
        return made

    return clone


@pytest.mark.parametrize("kind", list(Kind))
def test_what_goes_wrong_once_is_done_again(kind, clone, moto_server, moto_bucket, good, tmp_path, origin):
    seconds = {Kind.LATE: SECONDS / 8, Kind.SLOW: SECONDS / 8}.get(kind, 0.0)
    for name in WRITTEN:
        if (name, kind) != ("new marker", Kind.FLIP_REQUEST):  # see test_a_marker_that_is_damaged_is_told
            moto_server.inject(replace(WHERE[name], kind=kind, times=1, seconds=seconds))
    a, b, c = clone("a"), clone("b"), clone("c")
    ended = a.run("repro", "--json")
    moto_server.calm()
    check(a, ended, good)
    if kind is not Kind.FLIP_REQUEST:
        assert ended.code == 0, ended.err
        assert Far(moto_bucket, tmp_path / "far").records().keys() == good.made().keys()
    for name in READ:
        moto_server.inject(replace(WHERE[name], kind=kind, times=1, seconds=seconds))
    ended = b.run("repro", "--json")
    moto_server.calm()
    check(b, ended, good)
    if kind is not Kind.FLIP_REQUEST:
        assert ended.code == 0, ended.err
    c.repro()
    assert c.outs().items() <= good.outs().items()


ALWAYS_WRITTEN = [
    ("marker", Kind.ERROR, 403),
    ("marker", Kind.HANG, 0),
    ("new marker", Kind.LOST, 0),
    ("listing", Kind.RESET, 0),
    ("listing", Kind.TRUNCATED, 0),
    ("new pack", Kind.ERROR, 503),
    ("new pack", Kind.HANG, 0),
    ("new object", Kind.SILENT, 0),
    ("new segment", Kind.ERROR, 403),
    ("new segment", Kind.LOST, 0),
    ("new document", Kind.ERROR, 500),
]
ALWAYS_READ = [
    ("listing", Kind.TORN, 0),
    ("segment", Kind.TRUNCATED, 0),
    ("segment", Kind.FLIP_ANSWER, 0),
    ("pack", Kind.FLIP_ANSWER, 0),
    ("pack", Kind.SILENT, 0),
    ("object", Kind.ERROR, 403),
    ("object", Kind.FLIP_ANSWER, 0),
]


@pytest.mark.parametrize(("where", "kind", "status"), ALWAYS_WRITTEN)
def test_what_always_goes_wrong_while_work_is_sent(
    where, kind, status, clone, moto_server, moto_bucket, good, tmp_path
):
    a = clone("a")
    with moto_server.fault(replace(WHERE[where], kind=kind, status=status)):
        ended = a.run("repro", "--json")
    moto_server.calm()
    check(a, ended, good)
    assert ended.code == (0 if (where, kind) == ("new marker", Kind.LOST) else 6)
    ended = a.repro()
    check(a, ended, good)
    assert Far(moto_bucket, tmp_path / "far").records().keys() == good.made().keys()


@pytest.fixture(scope="module")
def filled(origin, moto_server, tmp_path_factory):
    """A remote that has everything."""
    moto_server.calm()
    bucket = moto_server.create_bucket()
    made = Machine.clone(origin, tmp_path_factory.mktemp("filled"), "filled", jobs=1)
    made.config(bucket, trust=True)
    made.repro()
    yield bucket
    moto_server.drop_bucket(bucket)


@pytest.mark.parametrize(("where", "kind", "status"), ALWAYS_READ)
def test_what_always_goes_wrong_while_work_is_found(where, kind, status, clone, moto_server, filled, good):
    b = clone("b")
    b.config(filled, trust=True, remote_timeout=SECONDS)
    with moto_server.fault(replace(WHERE[where], kind=kind, status=status)):
        ended = b.run("repro", "--json")
    moto_server.calm()
    check(b, ended, good)
    assert (ended.code == 6) == (kind is not Kind.FLIP_ANSWER), "what is damaged is made again"
    b.repro()
    assert b.outs().items() <= good.outs().items()
    assert "data/large.npy" in b.outs()
