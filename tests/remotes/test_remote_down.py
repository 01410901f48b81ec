"""A remote that is not there, that comes back, or that goes away in the middle of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckptflow import Project
from ckptflow.engine import sharing
from tests.e2e.place import until
from tests.servers import Fault, Kind

from .far import Far
from .machines import Machine, Origin

DOWN = Fault(Kind.ERROR, status=503)
QUICK = {"CKPTFLOW_REMOTE_TIMEOUT": "0.5"}
"""For commands that meet with nothing but failure; where a remote is to answer, it may take its time."""
CHUNKS = 6


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS)


@pytest.fixture
def clone(machine, moto_bucket):
    def clone(name: str, **env: str) -> Machine:
        made = machine(name, **env)
        made.config(moto_bucket, trust=True)
        return made

    return clone


def unsent(machine: Machine) -> Path:
    return machine.root / ".ckptflow/remotes/storage.unsent"


def test_down_from_the_start(clone, moto_server, moto_bucket, tmp_path):
    a, b = clone("a"), clone("b")
    with moto_server.fault(DOWN):
        ended = a.run("repro", **QUICK)
    assert ended.code == 6
    error, hint = ended.err.splitlines()[-2:]
    assert "s3://" in error
    assert "503" in error
    assert "to go on without the remote: set CKPTFLOW_SYNC=manual" in hint
    assert "Traceback" not in ended.err
    assert a.traces() == []

    a.repro(CKPTFLOW_SYNC="manual")
    assert len(a.traces()) == CHUNKS + 2
    (a.root / "work.py").write_text((a.root / "work.py").read_text().replace('"sum": sum(', '"the sum": sum('))
    a.repro()
    assert len(a.traces()) == CHUNKS + 3
    b.repro("data/half.parquet", "lookup")
    assert b.traces() == [], "what was made without the remote went there too"


def test_no_server_at_all(machine, moto_bucket):
    a = machine("a")
    a.config(moto_bucket, trust=True, remote_timeout=0.5)
    a.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    ended = a.run("repro", "--json")
    assert ended.code == 6
    assert ended.json["code"] == "CF015"
    assert "CKPTFLOW_SYNC=manual" in ended.json["help"]


def test_down_with_nothing_to_do(clone, moto_server, moto_bucket):
    a = clone("a")
    a.repro()
    moto_server.inject(DOWN)
    moto_server.reset()
    assert a.repro(**QUICK).code == 0
    assert a.run("status", "--exit-code", **QUICK).code == 0
    assert a.run("metrics", "show", **QUICK).code == 0
    assert moto_server.requests(moto_bucket.name) == []


def test_it_dies_in_the_middle(clone, moto_server, moto_bucket, tmp_path):
    a, b = clone("a", STOP_AT="30"), clone("b")
    process = a.start("repro", "--json", "-j", "1", CKPTFLOW_REMOTE_TIMEOUT="2")
    far = Far(moto_bucket, tmp_path / "far")
    until(lambda: bool(far.names("records/")), "the first chunks")
    moto_server.inject(DOWN)
    a.let("go")
    ended = a.finish(process)
    assert ended.code == 6, ended.err
    assert ended.json["ok"] is True
    assert ended.json["remote"]["complete"] is False
    assert "503" in ended.json["remote"]["problem"]
    assert "The next run sends it" in ended.err
    assert len(a.traces()) == CHUNKS + 2
    assert unsent(a).exists()

    a.forget()
    assert a.repro(code=6, **QUICK).json["remote"]["complete"] is False, "it is still down, and told of"
    moto_server.calm()
    assert a.repro().json["remote"]["complete"] is True
    assert a.traces() == []
    assert not unsent(a).exists()
    b.repro()
    assert b.traces() == []
    assert b.outs().items() <= a.outs().items()


def test_what_was_killed_before_it_was_sent_is_sent_by_the_next_run(clone, moto_server):
    a, b = clone("a"), clone("b")
    number = moto_server.inject(Fault(Kind.ERROR, "PUT", path="/packs/|/objects/"))
    process = a.start("repro", STOP_AT="30", CKPTFLOW_REMOTE_TIMEOUT="2")
    until(lambda: len(a.made()) >= 3 and moto_server.struck(number) > 0, "work that cannot be sent")
    a.die(process)
    moto_server.calm()
    assert unsent(a).exists()
    a.repro()
    b.repro()
    assert b.traces() == []


@pytest.mark.parametrize("status", [503, 403])
def test_lookups_go_on_with_what_was_known(clone, moto_server, moto_bucket, monkeypatch, status):
    """As with credentials that expire in the middle of a long run."""
    monkeypatch.setattr(sharing, "LOOK_AGAIN_SECONDS", 0.0)
    a = clone("a")
    a.config(moto_bucket, trust=True, remote_timeout=2.0, credentials="options", jobs=1)
    monkeypatch.setenv("SIDE", str(a.side))
    number = moto_server.inject(Fault(Kind.ERROR, "LIST", path="records", after=1, status=status))
    result = Project(a.root).repro()
    assert result.ok
    assert moto_server.struck(number)
    assert len(a.traces()) == CHUNKS + 2


def test_it_goes_away_while_objects_are_fetched(clone, moto_server):
    a, b = clone("a"), clone("b")
    a.repro()
    b.forget()
    (b.root / "work.py").write_text((b.root / "work.py").read_text().replace('"sum": sum(', '"the sum": sum('))
    moto_server.inject(Fault(Kind.ERROR, "GET", path="/packs/|/objects/", status=503))
    ended = b.run("repro", CKPTFLOW_REMOTE_TIMEOUT="2")
    assert ended.code == 6
    assert "s3://" in ended.err.splitlines()[-2]
    assert "Traceback" not in ended.err
    moto_server.calm()
    assert b.repro().counts("half") == (0, CHUNKS, 0)
    assert b.traces() == ["total"]


def test_a_result_stays_far_away_and_the_remote_is_gone(clone, moto_server):
    """What is up to date stays so; to look at it is an error that says where it is."""
    a, b = clone("a"), clone("b")
    a.repro()
    b.repro()
    moto_server.inject(DOWN)
    assert b.run("status", "--exit-code", **QUICK).code == 0
    ended = b.run("show", "data/half.parquet", **QUICK)
    assert ended.code != 0
    assert "Traceback" not in ended.err
