"""Machines that run one pipeline against one remote at the same time: the worst is work done twice."""

from __future__ import annotations

import pytest

from .far import Far
from .machines import Machine, Origin

CHUNKS = 24


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Fewer chunks than usual: many machines run them all."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS)


@pytest.fixture(scope="module")
def good(origin, tmp_path_factory):
    """What an undisturbed machine makes."""
    clean = Machine.clone(origin, tmp_path_factory.mktemp("clean"), "clean")
    clean.repro()
    return clean


@pytest.mark.parametrize("names", ["ab", "abcd"])
def test_machines_at_the_same_time(names, machine, moto_bucket, moto_server, good, tmp_path):
    machines = [machine(name, PAUSE="0.03", CKPTFLOW_JOBS="1") for name in names]
    for each in machines:
        each.config(moto_bucket, trust=True)
    running = [each.start("repro", "--json") for each in machines]
    for each, process in zip(machines, running, strict=True):
        ended = each.finish(process)
        assert ended.code == 0, ended.err
        assert "warning" not in ended.err
        left = ended.json["remote"]["left"]
        assert each.outs() == {p: name for p, name in good.outs().items() if not any(p.startswith(o) for o in left)}
    assert Far(moto_bucket, tmp_path / "far").records().keys() == good.made().keys()
    moto_server.reset()
    late = machine("late")
    late.config(moto_bucket, trust=True)
    late.repro()
    assert late.traces() == []
    assert late.outs().items() <= good.outs().items()


def test_one_begins_while_another_makes_the_remote(machine, moto_bucket, good, tmp_path):
    """Both find nothing there; one of them makes the store, the other one sees it between two looks."""
    a, b = machine("a", CKPTFLOW_JOBS="1"), machine("b", CKPTFLOW_JOBS="1")
    for each in (a, b):
        each.config(moto_bucket, trust=True)
    running = [each.start("repro", "total", "--json") for each in (a, b)]
    assert [each.finish(process).code for each, process in zip((a, b), running, strict=True)] == [0, 0]
    assert a.outs()["data/total.json"] == b.outs()["data/total.json"] == good.outs()["data/total.json"]


def test_what_others_finish_meanwhile_is_taken_over_by_the_next_stage(machine, moto_bucket):
    a, b = machine("a"), machine("b", STOP_AT="100", CKPTFLOW_JOBS="1")
    for each in (a, b):
        each.config(moto_bucket, trust=True)
    process = b.start("repro", "--json")
    b.await_traces(5)
    a.repro()
    b.let("go")
    ended = b.finish(process)
    assert ended.code == 0, ended.err
    assert b.outs().items() <= a.outs().items()
