"""Every cause has its reason, and the reason names what changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ckptflow.plan.stale import Cause, reasons
from ckptflow.spec.model import Dep, Out, OverRows

ROWS = OverRows("x", 1)


@pytest.fixture
def done(world, stage, machine):
    world.rows.update(raw=["r0", "r1", "r2"], side=["s"])
    world.stages(stage("a", ("raw", "side"), chunk=ROWS, params={"p": 1}), stage("b", "a.parquet"))
    machine(world).go()
    return world


def why(world, machine, name="a", upstream=(), **selection):
    running = machine(world, **selection)
    running.schedule.start()
    for request in running.schedule.cuts():
        running.schedule.cut(request, world.make_sheet(request))
    found = reasons(running.schedule.stages[name], world.before(name), upstream)
    return [(r.cause, r.text) for r in found]


def declare(world, **fields):
    stages = dict(world.pipeline.stages)
    stages["a"] = replace(stages["a"], **fields)
    world.stages(*stages.values())


def test_never_run(world, stage, machine):
    world.stages(stage("a"))
    assert why(world, machine) == [(Cause.NEVER_RUN, "it has not run here before")]


def test_made_by_another_program(world, stage, machine):
    world.stages(stage("a"))
    world.elsewhere["a"] = "not as it was"
    assert why(world, machine) == [(Cause.NEVER_RUN, "not as it was")]
    world.elsewhere["a"] = "as ever"
    assert why(world, machine) == [(Cause.ADOPTED, "DVC has made it; its outs are taken over")]


def test_partly_done(done, machine):
    done.lock.clear()
    del done.records[next(iter(done.records))]
    assert why(done, machine) == [
        (Cause.NEVER_RUN, "it has not run here before"),
        (Cause.UNFINISHED, "2 of 3 chunks are done already"),
    ]


def test_code(done, machine):
    done.code["a"] = "other"
    assert why(done, machine) == [(Cause.CODE, "its code changed")]


def test_params(done, machine):
    declare(done, params={"p": 2})
    assert why(done, machine) == [(Cause.PARAM, "parameter p changed: 1 -> 2")]
    declare(done, params={"q": "x" * 100})
    found = why(done, machine)
    assert (Cause.PARAM, "parameter p changed: 1 -> not set") in found
    assert (Cause.PARAM, f"parameter q changed: not set -> {'x' * 57}...") in found


def test_data_of_a_chunked_dep_says_how_many_chunks(done, machine):
    done.rows["raw"][1] = "other"
    assert why(done, machine) == [(Cause.DATA, "1 chunk of x (raw) changed")]
    done.rows["raw"] += ["more"]
    assert why(done, machine) == [(Cause.DATA, "2 chunks of x (raw) changed")]


def test_data_of_a_whole_dep(done, machine):
    done.rows["side"] = ["t"]
    assert why(done, machine) == [(Cause.DATA, "y (side) changed")]


def test_deps_added_and_removed(done, machine):
    done.rows["third"] = ["t"]
    declare(done, deps=(Dep("raw", "x"), Dep("third", "z")))
    found = why(done, machine)
    assert (Cause.DEP_REMOVED, "y is no longer a dep") in found
    assert (Cause.DEP_ADDED, "z is a new dep") in found


def test_outs(done, machine):
    declare(done, outs=(Out("a.parquet", "arrow", "out"), Out("n", "file", "new")))
    found = why(done, machine)
    assert (Cause.OUTS, "out out has another format") in found
    assert (Cause.OUTS, "out new was added") in found


def test_another_cut(done, machine):
    declare(done, chunk=OverRows("x", 2))
    assert why(done, machine) == [(Cause.CUT, "its data is cut differently")]


def test_lost_results(done, machine):
    done.trees.clear()
    done.records.clear()
    assert why(done, machine) == [(Cause.LOST, "its results are not in the store")]


def test_forced_and_always(done, machine):
    assert why(done, machine, forced=frozenset({"a"}))[0] == (Cause.FORCED, "forced")
    declare(done, always_changed=True)
    assert why(done, machine)[0] == (Cause.ALWAYS, "it is declared to run always")


def test_followers_name_what_they_follow(done, machine):
    done.code["a"] = "other"
    assert why(done, machine, "b", upstream=("a",)) == [(Cause.FOLLOWS, "follows a")]


def test_json_has_values_where_there_are_any(done, machine):
    declare(done, params={"p": 2})
    running = machine(done)
    running.schedule.start()
    (reason,) = reasons(running.schedule.stages["a"], done.before("a"), ())
    assert reason.to_json() == {
        "cause": "param", "text": "parameter p changed: 1 -> 2", "subject": "p", "old": 1, "new": 2,
    }  # fmt: skip
