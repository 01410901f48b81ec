"""A run that is told to stop sends what it has finished before it goes; told twice, it goes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from tests.e2e.place import until
from tests.servers import Fault, Kind

from .far import Far
from .machines import Origin

CHUNKS = 12


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS)


def told_again(machine, process, number):
    """Send a signal a second time, and wait for the end. Two that a busy process sees at once are one to it: where
    nothing comes of the second, that is what happened, and it is sent again.
    """
    for _ in range(20):
        os.kill(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    return machine.finish(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_once(machine, moto_bucket, tmp_path, number):
    far, a, b = Far(moto_bucket, tmp_path / "far"), machine("a", STOP_AT="70"), machine("b")
    for each in (a, b):
        each.config(moto_bucket, trust=True)
    process = a.start("repro", "--json", "-j", "1")
    a.await_traces(8)
    os.kill(process.pid, number)
    a.let("go")
    ended = a.finish(process)
    assert ended.code == 128 + number, ended.err
    assert ended.json["outcome"] == "interrupted"
    assert ended.json["remote"]["complete"] is True
    assert len(a.made()) == 8, "what was in flight was waited for"
    assert far.records().keys() == a.made().keys()
    assert not (a.root / ".ckptflow/remotes/storage.unsent").exists()
    assert b.repro().counts("half") == (CHUNKS - 8, 8, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_twice_while_it_sends(machine, moto_bucket, moto_server, number):
    a, b = machine("a", CKPTFLOW_JOBS="1"), machine("b")
    for each in (a, b):
        each.config(moto_bucket, trust=True, remote_timeout=600)
    moto_server.inject(Fault(Kind.HANG, "PUT", path="/packs/|/objects/"))
    process = a.start("repro", "--json")
    until(lambda: len(a.made()) == CHUNKS + 2, "all chunks")
    moto_server.await_held()
    os.kill(process.pid, number)
    time.sleep(0.3)  # it had time to end
    assert process.poll() is None, "it waits for the remote"
    ended = told_again(a, process, number)
    assert ended.code in (6, 128 + number)
    assert "Traceback" not in ended.err
    moto_server.calm()
    assert a.repro().json["remote"]["complete"] is True
    b.repro()
    assert b.traces() == []


@pytest.mark.parametrize(
    ("where", "number"),
    [("/ckptflow.json", signal.SIGINT), ("list-type", signal.SIGTERM), ("/packs/", signal.SIGINT)],
)
def test_told_twice_while_it_waits_for_the_remote(machine, moto_bucket, moto_server, where, number):
    """The engine itself waits for an answer: to a look at the remote, or for results."""
    a, b = machine("a"), machine("b", CKPTFLOW_JOBS="1")
    for each in (a, b):
        each.config(moto_bucket, trust=True, remote_timeout=600)
    a.repro()
    moto_server.inject(Fault(Kind.HANG, "GET|LIST", path=where))
    process = b.start("repro", "--json")
    moto_server.await_held()
    os.kill(process.pid, number)
    time.sleep(0.3)
    ended = told_again(b, process, number)
    assert ended.code == 128 + number, ended.err
    assert "Traceback" not in ended.err
    moto_server.calm()
    b.repro()
    assert b.traces() == []
