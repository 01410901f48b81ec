"""A machine is switched off in the middle of its work, and another one that knows nothing of it goes on from there."""

from __future__ import annotations

import time

import pytest

from ckptflow.plan.model import Record
from tests.e2e.place import until

from .far import Far
from .machines import Machine, Origin


@pytest.fixture(scope="module")
def aml(tmp_path_factory):
    """The demonstration in some hundred chunks, and a machine that has run it undisturbed, without a remote."""
    folder = tmp_path_factory.mktemp("aml")
    origin = Origin.aml(folder / "aml.git", accounts=2000, chunk={"node_rows": 20, "edge_rows": 120})
    clean = Machine.clone(origin, folder, "clean", jobs=2)
    clean.repro()
    return origin, clean


def shown(outs: dict[str, str], left: list[str]) -> dict[str, str]:
    """Return those of the outs that do not stay in the remote."""
    return {path: name for path, name in outs.items() if not any(path == p or path.startswith(f"{p}/") for p in left)}


@pytest.mark.parametrize(("stage", "chunks"), [("node_features", 30), ("edge_features", 60)])
def test_what_has_arrived_before_a_machine_is_switched_off_is_not_done_again(
    aml, moto_bucket, moto_server, tmp_path, stage, chunks
):
    origin, clean = aml
    a, b = (Machine.clone(origin, tmp_path, name, jobs=2) for name in "ab")
    for each in (a, b):
        each.config(moto_bucket, trust=True)
    far, arrived = Far(moto_bucket, tmp_path / "far"), dict[str, Record]()

    def seen() -> bool:
        time.sleep(0.05)
        if far.names("ckptflow.json"):
            arrived.update(far.records())
        return sum(r.stage == stage for r in arrived.values()) >= chunks

    process = a.start("repro", WAIT="1")
    until(seen, f"{chunks} chunks of {stage} in the remote, while the run goes on")
    a.die(process)
    mine, all_ = a.made(), clean.made()
    assert arrived.keys() <= mine.keys()
    assert len(mine) < len(all_), "it was switched off before the end"
    moto_server.reset()

    run = b.repro()
    assert not b.made().keys() & arrived.keys()
    assert b.made().keys() | mine.keys() == all_.keys()
    assert len(b.made()) < len(all_) - 2

    left = run.json["remote"]["left"]
    assert "data/raw/synthetic_transactions.csv" in left, "nothing that is to be done reads it"
    assert b.outs() == shown(clean.outs(), left)
    raw = next(r for r in mine.values() if r.stage == "synthetic").outs["raw"]
    asked = moto_server.requests(moto_bucket.name, operation="GET")
    assert not [r for r in asked if r["key"].endswith(raw.object[2:])]
    parts = {p.object: p.bytes for r in mine.values() for p in r.outs.values() if p.object != raw.object}
    assert run.json["remote"]["fetched"]["objects"] <= len(parts), "nothing was fetched twice"
    # A span of a pack is read with what lies between: outs of one stage that two others read lie side by side.
    assert moto_server.counts(moto_bucket.name).sent < 2 * sum(parts.values()) + 500_000

    moto_server.reset()
    c = Machine.clone(origin, tmp_path, "c", jobs=2)
    c.config(moto_bucket, trust=True)
    c.repro()
    assert c.made() == {}
    assert c.outs().items() <= clean.outs().items()


def test_what_has_arrived_is_found_and_nothing_is_waited_for(machine, moto_bucket, tmp_path):
    far, done = Far(moto_bucket, tmp_path / "far"), 12
    a, b, clean = machine("a", STOP_AT="120"), machine("b"), machine("clean")
    a.config(moto_bucket)
    b.config(moto_bucket)
    process = a.start("repro", "-j", "1")
    until(lambda: len(a.made()) == done, "the chunks before the one that waits")
    until(
        lambda: far.names("ckptflow.json") != [] and len(far.records()) == done, "their arrival, while the run goes on"
    )
    a.die(process)
    assert b.repro().counts("half") == (28, 12, 0)
    assert len(b.traces()) == 28 + 2
    clean.repro()
    assert b.outs() == clean.outs()


def test_only_what_is_read_is_fetched(machine, moto_bucket, moto_server):
    a, b, c = machine("a"), machine("b"), machine("c")
    for each in (a, b, c):
        each.config(moto_bucket, trust=True)
    a.repro()
    made = a.made().values()
    halves = [part for r in made if r.stage == "half" for part in r.outs.values()]
    results = [part for r in made if r.stage != "half" for part in r.outs.values()]

    moto_server.reset()
    run = b.repro()
    assert b.traces() == []
    assert run.json["remote"]["left"] == ["data/half.parquet"]
    assert run.json["remote"]["fetched"]["objects"] == len(results)
    assert not (b.root / "data/half.parquet").exists()
    assert b.outs() == shown(a.outs(), ["data/half.parquet"])
    assert fetched(moto_server, moto_bucket) == (2, sum(part.bytes for part in results))
    assert b.run("status", "--exit-code").code == 0, "what stays in the remote is not stale"

    work = (c.root / "work.py").read_text()
    (c.root / "work.py").write_text(work.replace('"sum": sum(', '"the sum": sum('))
    moto_server.reset()
    run = c.repro()
    assert c.traces() == ["total"]
    assert run.json["remote"]["left"] == []
    requests, size = fetched(moto_server, moto_bucket)
    assert run.json["remote"]["fetched"]["objects"] == len(halves) + 1, "forty parts that are read, and one result"
    assert requests <= 8
    assert sum(part.bytes for part in halves) <= size < sum(part.bytes for part in (*halves, *results)) + 100_000
    assert {k: v for k, v in c.outs().items() if "half" in k} == {k: v for k, v in a.outs().items() if "half" in k}


def fetched(server, bucket) -> tuple[int, int]:
    """Return how many requests for objects there were, and the bytes that came."""
    asked = [
        r for r in server.requests(bucket.name, operation="GET") if "/objects/" in r["key"] or "/packs/" in r["key"]
    ]
    return len(asked), sum(r["sent"] for r in asked)
