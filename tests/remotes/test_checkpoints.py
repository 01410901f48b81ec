"""`ckptflow checkpoints` where the store is far away, and where work is shared through a remote."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.place import until

from .far import Far
from .machines import Machine, Origin

CHUNKS = 6


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS)


def in_bucket(each: Machine, bucket) -> None:
    """Let the store of a machine be the bucket itself."""
    each.config(store={"url": bucket.url, "trust": True})
    each.env |= bucket.env


def ask(each: Machine, *args: str, code: int = 0):
    ended = each.run("checkpoints", *args)
    assert ended.code == code, f"exit code {ended.code}, not {code}:\n{ended.out}\n{ended.err}"
    return ended


def files(each: Machine, *args: str) -> list[str]:
    return [d["file"] for d in ask(each, "list", "--json", *args).json["checkpoints"]]


def test_another_machine_sees_what_a_run_has_done(moto_bucket, machine) -> None:
    """While it goes on, and after it; documents that only the bucket has are shown, damaged ones with the reason."""
    a, b = machine("a", STOP_AT="30", CKPTFLOW_JOBS="1"), machine("b")
    for each in (a, b):
        in_bucket(each, moto_bucket)
    process = a.start("repro", "-q")
    until(lambda: len(a.made()) == 3, "three chunks")
    until(lambda: len(ask(b, "list", "--chunks", "half", "--json").json["chunks"]) == 3, "their arrival")
    assert {c["state"] for c in ask(b, "list", "--chunks", "half", "--json").json["chunks"]} == {"valid"}
    a.let("go")
    assert a.finish(process).code == 0
    assert files(b) == files(a) and len(files(b)) >= 3
    (newest,) = [d for d in ask(b, "list", "half", "--json").json["checkpoints"] if d["latest"]]
    assert newest["status"] == "completed"
    assert f"{CHUNKS} of {CHUNKS} chunks" in ask(b, "show", "half").out
    assert len(ask(b, "list", "--chunks", "--json").json["chunks"]) == CHUNKS + 2
    assert not (b.root / ".ckptflow/store/checkpoints").exists(), "they are read where they are"
    assert "all are sound" in ask(b, "verify", "--deep").out


def test_damage_in_the_bucket_is_told_put_away_and_had_back(moto_bucket, machine, tmp_path) -> None:
    a, b = machine("a"), machine("b")
    for each in (a, b):
        in_bucket(each, moto_bucket)
    a.repro()
    far = Far(moto_bucket, tmp_path / "far")
    name = files(a, "half")[0]
    good = far.bucket.get(name)
    far.bucket.put(name, good[:-9])
    (shown,) = [d for d in ask(b, "list", "half", "--json").json["checkpoints"] if d["file"] == name]
    assert "corrupt" in shown["problem"]
    assert name in ask(a, "verify", code=6).out, "its own copy is sound, that in the bucket is not"
    assert name in ask(b, "verify", code=6).out
    gone = ask(b, "prune", "--state", "corrupt", "--yes", "--json").json
    assert [d["file"] for d in gone["checkpoints"]] == [name]
    assert name not in files(b) and far.bucket.stat(name) is None
    trash = [entry.name for entry in far.bucket.list("trash/")]
    assert [t.split("/", 2)[2] for t in trash] == [name] and far.bucket.get(trash[0]) == good[:-9]
    assert [d["file"] for d in ask(b, "restore", "--json").json["checkpoints"]] == [name]
    assert far.bucket.get(name) == good[:-9]


def test_documents_go_and_come_back_there_and_here(moto_bucket, machine, tmp_path) -> None:
    a, b = machine("a"), machine("b")
    for each in (a, b):
        in_bucket(each, moto_bucket)
    a.repro()
    second = int(time.time())
    until(lambda: time.time() > second + 1, "another second: checkpoints are named by it")
    a.repro("-f", "half")
    far = Far(moto_bucket, tmp_path / "far")
    before = files(a, "half")
    ask(a, "prune", "half", "--keep", "1", "--yes")
    assert files(a, "half") == files(b, "half") == before[:1]
    assert not [p for p in (a.root / ".ckptflow/store").glob("checkpoints/half/half_*") if p.name not in before[0]]
    ask(b, "restore", "half")
    assert files(b, "half") == before
    pointer = json.loads(far.bucket.get("checkpoints/half/latest.json"))["checkpoint_id"]
    assert before[1].startswith(f"checkpoints/half/{pointer}"), "the newest that came back is the latest"


@pytest.mark.parametrize("kind", ["store", "remote"])
def test_forgotten_chunks_are_forgotten_there_too_and_can_be_had_back(moto_bucket, machine, kind) -> None:
    """Else the next run would find them in the remote. `store`: the store is the bucket; `remote`: it is shared."""
    a, b = machine("a"), machine("b")
    for each in (a, b):
        in_bucket(each, moto_bucket) if kind == "store" else each.config(moto_bucket, trust=True)
    a.repro()
    b.repro()
    assert b.traces() == []
    ask(a, "remove", "half#1..2", "--yes")
    a.forget()
    assert a.repro().counts("half") == (2, CHUNKS - 2, 0) and len(a.traces()) == 2
    ask(a, "remove", "half#0..1", "total#0", "--yes")
    assert ask(a, "restore", "--json").json["records"] == {"half": 2, "total": 1}
    a.forget()
    assert a.repro().counts("half") == (0, CHUNKS, 0) and a.traces() == []
    ask(a, "remove", "half#3", "--yes")
    c = machine("c")
    in_bucket(c, moto_bucket) if kind == "store" else c.config(moto_bucket, trust=True)
    assert c.repro().counts("half") == (1, CHUNKS - 1, 0)


def test_objects_that_are_bad_in_the_bucket(moto_bucket, machine, tmp_path) -> None:
    a, b = machine("a"), machine("b")
    for each in (a, b):
        in_bucket(each, moto_bucket)
    a.repro()
    far = Far(moto_bucket, tmp_path / "far")
    outs = a.outs()
    for entry in list(far.bucket.list("packs/")):
        data = far.bucket.get(entry.name)
        if b"PAR1" in data:
            at = data.index(b"PAR1") + 20
            far.bucket.put(entry.name, data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    found = ask(b, "verify", "--deep", "--json", code=6).json
    assert {f["what"] for f in found["findings"]} & {"record", "object"}
    ask(b, "prune", "--state", "corrupt", "--yes")
    ask(b, "verify", "--deep")
    b.repro("--pull")
    assert b.outs() == outs and b.traces() != []


def test_gc_sweeps_the_trash_of_a_bucket(moto_bucket, machine, tmp_path) -> None:
    a = machine("a")
    in_bucket(a, moto_bucket)
    a.repro()
    far = Far(moto_bucket, tmp_path / "far")
    old = "trash/20200101000000-0123abcd/checkpoints/half/half_20200101000000_failed.json"
    far.bucket.put(old, b"{}")
    ask(a, "remove", "half#0", "--yes")
    young = [name for name in far.names("trash/") if name != old]
    assert len(young) == 1 and young[0].endswith("/records.jsonl")
    assert "trash" in a.run("gc", "-r", "store").out
    assert a.run("gc", "-r", "store", "--yes").code == 0
    assert far.names("trash/") == young


def test_a_bucket_that_does_not_answer_is_an_error(machine) -> None:
    a = machine("a")
    a.config()
    a.env |= {"CKPTFLOW_STORE": "s3://bucket/some/project", "CKPTFLOW_REMOTE_TIMEOUT": "2"}
    a.env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    a.env |= {"AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    assert ask(a, "list", code=6).err.startswith("error[")
    assert not Path(a.root / ".ckptflow/store/trash").exists()
