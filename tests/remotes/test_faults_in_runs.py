"""Whatever goes wrong with a remote, a run ends right, or with a clear error and exit code 6; the next one makes it good."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.e2e.place import WORK
from tests.servers import Fault, Kind

from .far import Far
from .machines import PIPELINE, SMALL, Machine, Origin

SECONDS = 1.0
"""The setting `remote_timeout`."""

BIG = """
    def big(rows, size):
        import numpy

        trace("big")
        return numpy.random.default_rng(7).integers(0, 255, size, dtype="uint8")
"""
STAGES = {
    **PIPELINE,
    "big": {
        "call": "work:big",
        "args": {"size": 700_000},
        "deps": {"rows": "data/total.json"},
        "outs": {"big": "data/big.npy"},
    },
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Four chunks, what is made of them, and a result that is too large for a pack."""
    import textwrap

    rows = "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(40))
    work = WORK + "\n\n" + textwrap.dedent(SMALL) + "\n\n" + textwrap.dedent(BIG)
    folder = tmp_path_factory.mktemp("origin")
    return Origin.of(folder / "origin.git", STAGES, {"work.py": work, "rows.csv": rows})


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

REFUSED = replace(WHERE["marker"], status=403)


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
    else:
        left = ended.json["remote"]["left"]
        assert machine.outs().items() <= good.outs().items()
        assert {p for p in good.outs() if not any(p.startswith(out) for out in left)} <= machine.outs().keys()
        assert ended.json["remote"]["complete"] == (ended.code == 0)
        assert (machine.root / ".ckptflow/remotes/storage.unsent").exists() == (ended.code == 6)


def finishes(machine, bucket, good, tmp_path, origin):
    """Demand that the next run of `machine` leaves the remote complete: another machine runs nothing, and gets all."""
    ended = machine.repro()
    check(machine, ended, good)
    assert Far(bucket, tmp_path / "far").records().keys() == good.made().keys()


@pytest.fixture
def clone(origin, tmp_path, moto_bucket):
    def clone(name: str) -> Machine:
        made = Machine.clone(origin, tmp_path, name, jobs=1)
        made.config(moto_bucket, trust=True, remote_timeout=SECONDS)
        return made

    return clone


@pytest.mark.parametrize("kind", list(Kind))
def test_what_goes_wrong_once_is_done_again(kind, clone, moto_server, moto_bucket, good, tmp_path, origin):
    seconds = {Kind.LATE: SECONDS / 2, Kind.SLOW: SECONDS / 2}.get(kind, 0.0)
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
