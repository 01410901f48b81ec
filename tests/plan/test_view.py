from __future__ import annotations

import pytest

from ckptflow.plan.graph import build_graph
from ckptflow.plan.stale import Cause, Reason
from ckptflow.plan.view import code_changes, is_unchanged, view
from ckptflow.spec.model import OverParts, OverRows


@pytest.fixture
def chain(world, stage):
    world.cut = True
    world.rows["raw"] = ["r0", "r1", "r2"]
    world.stages(
        stage("a", "raw", chunk=OverRows("x", 1)),
        stage("b", "a.parquet", chunk=OverParts("x")),
        stage("c", "b.parquet"),
    )
    return world


def look(world, machine, extra=None, **selection):
    running = machine(world, **selection)
    schedule = running.schedule
    schedule.start()
    while names := schedule.complete():
        for name in names:
            schedule.settled(name)
    plan = view(schedule, build_graph(world.pipeline), world, extra or {}, {})
    return plan, {s.stage: (s.state, s.total, s.stale, s.reusable, s.maybe) for s in plan.stages}


def test_before_the_first_run(chain, machine):
    plan, states = look(chain, machine)
    assert plan.pending
    assert states == {"a": ("stale", 3, 3, 0, 0), "b": ("stale", 3, 0, 0, 3), "c": ("stale", None, 0, 0, 1)}
    assert [r.text for r in plan.stages[2].reasons] == ["it has not run here before", "follows b"]
    assert {name for name, _ in plan.roots} == {"a", "b", "c"}


def test_when_all_is_done(chain, machine):
    machine(chain).go()
    plan, states = look(chain, machine)
    assert not plan.pending
    assert states == {"a": ("fresh", 3, 0, 3, 0), "b": ("fresh", 3, 0, 3, 0), "c": ("fresh", 1, 0, 1, 0)}
    assert plan.roots == ()


def test_one_changed_row_is_maybe_one_for_those_after(chain, machine):
    machine(chain).go()
    chain.rows["raw"][1] = "other"
    plan, states = look(chain, machine)
    assert states == {"a": ("stale", 3, 1, 2, 0), "b": ("stale", 3, 0, 2, 1), "c": ("stale", 1, 0, 0, 1)}
    assert plan.stages[0].stale_chunks == (1,)
    assert plan.roots == (("a", plan.stages[0].reasons[0]),)


def test_what_the_workspace_says_makes_it_stale(chain, machine):
    machine(chain).go()
    missing = Reason(Cause.OUT_MISSING, "`a.parquet` is missing and will be put back")
    plan, states = look(chain, machine, {"a": (missing,)})
    assert states["a"] == ("stale", 3, 0, 3, 0)
    assert plan.stages[0].reasons == (missing,)


def test_frozen_is_shown_and_pinned_is_not(chain, machine, stage):
    machine(chain).go()
    _, states = look(chain, machine, stages=frozenset({"c"}), pinned=frozenset({"a", "b"}))
    assert set(states) == {"c"}
    chain.stages(stage("a", "raw", frozen=True), stage("b", "a.parquet", chunk=OverParts("x")), stage("c", "b.parquet"))
    chain.rows["raw"] = []
    _, states = look(chain, machine)
    assert states["a"] == ("frozen", 3, 0, 0, 0)
    assert states["b"][0] == "fresh"


def test_another_key_with_the_same_outs_is_fresh(chain, machine):
    chain.results["a"] = chain.results["b"] = lambda key: "same"
    machine(chain).go()
    chain.rows["raw"][0] = "other"
    machine(chain).go()
    chain.rows["raw"][0] = "r0"
    plan, states = look(chain, machine)
    assert states["a"][0] == "fresh"
    assert not plan.pending
    running = machine(chain)
    running.schedule.start()
    assert is_unchanged(running.schedule.stages["a"], chain.before("a"))
    assert not is_unchanged(running.schedule.stages["a"], None)


def test_json(chain, machine):
    doc = look(chain, machine)[0].to_json()
    assert doc["pending"] is True
    assert doc["stages"][0] == {
        "stage": "a",
        "state": "stale",
        "chunks": {"total": 3, "stale": 3, "reusable": 0, "maybe": 0},
        "reasons": ["it has not run here before"],
        "causes": [{"cause": "never-run", "text": "it has not run here before"}],
    }


def test_code_changes_are_by_symbol():
    then = {"m:f": "def f():\n    return 1", "m:gone": "x = 1", "m:same": "y = 1"}
    now = {"m:f": "def f():\n    return 2", "m:new": "z = 1", "m:same": "y = 1"}
    changes = code_changes(then, now)
    assert [(c.symbol, c.change) for c in changes] == [("m:f", "changed"), ("m:gone", "removed"), ("m:new", "added")]
    assert "-    return 1" in changes[0].diff
    assert "+    return 2" in changes[0].diff
    assert code_changes(now, now) == ()
