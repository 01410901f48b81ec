"""Credentials that stand in `config.local.yaml` stand nowhere else: not in what is printed, kept or sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers import Fault, Kind

from .far import Far
from .machines import Machine, Origin

KEY, SECRET, TOKEN, PASSWORD = (
    "AKIAVERYSECRETKEY",
    "very/secret+access=key",
    "very-secret-token",
    "the project's own key",
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=3)


@pytest.fixture
def bucket(moto_bucket):
    """The server takes any credentials: these are looked for."""
    return replace(moto_bucket, options={**moto_bucket.options, "key": KEY, "secret": SECRET, "token": TOKEN})


def secret(machine: Machine, bucket, name: str) -> Machine:
    made: Machine = machine(name, CKPTFLOW_JOBS="1", CKPTFLOW_KEY=PASSWORD * 3)
    made.config(bucket, credentials="options", remote_timeout=2.0)
    return made


def found_in(data: bytes) -> list[str]:
    return [word for word in (KEY, SECRET, TOKEN, PASSWORD) if word.encode() in data]


def kept(machine: Machine) -> dict[str, list[str]]:
    """Return the files of the clone, git's aside, that hold anything secret."""
    files = [p for p in machine.root.rglob("*") if p.is_file() and ".git" not in p.relative_to(machine.root).parts]
    assert any(p.name == "cache.db" for p in files)
    assert any("remotes" in p.parts for p in files)
    found = {p.relative_to(machine.root).as_posix(): found_in(p.read_bytes()) for p in files}
    return {name: words for name, words in found.items() if words}


def test_where_all_goes_well(machine, bucket, tmp_path):
    a, b = secret(machine, bucket, "a"), secret(machine, bucket, "b")
    said = [each.run("repro", "-v", "--events", f"events-{each.name}.jsonl") for each in (a, b)]
    said += [
        b.run(*words) for words in (("status", "-v"), ("log", "--json"), ("doctor",), ("config",), ("repro", "-v"))
    ]
    assert all(ended.code == 0 for ended in said[:2]), said
    assert b.traces() == []
    for ended in said:
        assert found_in((ended.out + ended.err).encode()) == []
    assert (a.root / ".ckptflow/logs").is_dir()
    for each in (a, b):
        assert set(kept(each)) == {".ckptflow/config.local.yaml"}
    far = Far(bucket, tmp_path / "far")
    assert far.names()
    assert not any(found_in(far.bucket.get(name)) for name in far.names())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.ERROR, status=403),
        Fault(Kind.RESET),
        Fault(Kind.ERROR, "PUT", path="/packs/|/objects/", status=403),
        Fault(Kind.ERROR, "LIST", status=500),
        Fault(Kind.TRUNCATED, "GET"),
    ],
)
def test_where_the_remote_fails(machine, bucket, moto_server, fault):
    a = secret(machine, bucket, "a")
    if fault.operation == "GET":
        secret(machine, bucket, "z").repro()
    with moto_server.fault(fault):
        ended = a.run("repro", "-v", CKPTFLOW_REMOTE_TIMEOUT="0.5")
    assert ended.code == 6
    assert found_in((ended.out + ended.err).encode()) == []
    assert "X-Amz-" not in ended.out + ended.err
    assert [name for name in kept_anywhere(a) if not name.endswith("config.local.yaml")] == []


def kept_anywhere(machine: Machine) -> list[str]:
    """Return what holds anything secret below the home of a machine."""
    files = [path for path in Path(machine.env["HOME"]).rglob("*") if path.is_file()]
    return [str(path) for path in files if found_in(path.read_bytes())]


def test_workers_get_them_where_nobody_sees(machine, bucket):
    """Neither on a command line nor in an environment that stages would hand on."""
    a = secret(machine, bucket, "a")
    process = a.start("repro", STOP_AT="10")
    a.await_traces(2)
    try:
        for pid in a.pids():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert found_in(command) == []
            assert set(found_in(Path(f"/proc/{pid}/environ").read_bytes())) <= {PASSWORD}
    finally:
        a.die(process)
