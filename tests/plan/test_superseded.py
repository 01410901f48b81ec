"""Chunks that superseded code has made: they stay where that is asked for, are counted, and made again on demand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.chunk.headway import Items
from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.mending import mending
from ckptflow.plan.model import Record
from ckptflow.plan.stagerun import ChunkState
from ckptflow.plan.stale import Cause, reasons
from ckptflow.plan.view import is_unchanged
from ckptflow.spec.model import Carry, OnError, Out, OverParts, OverRows

ROWS = OverRows("x", 1)
PARTS = OverParts("x")


@pytest.fixture
def chain(world, stage, machine):
    """Four rows; `a` cuts them, `b` takes its chunks one to one. All of it is made."""
    world.rows["raw"] = ["r0", "r1", "r2", "r3"]
    world.stages(stage("a", "raw", chunk=ROWS), stage("b", "a.parquet", chunk=PARTS))
    machine(world).go()
    return world


def declare(world, name, **fields):
    stages = dict(world.pipeline.stages)
    stages[name] = replace(stages[name], **fields)
    world.stages(*stages.values())


def superseded(ended):
    return {name: run.superseded for name, run in ended.schedule.stages.items() if run.superseded}


def test_with_keep_they_stay_and_are_counted(chain, machine):
    chain.code["a"] = "second"
    ended = machine(chain, keep=True).go()
    assert ended.ran == []
    assert superseded(ended) == {"a": 4}
    assert ended.schedule.stages["a"].count(ChunkState.REUSED) == 4
    assert {name: before.superseded for name, before in chain.lock.items()} == {"a": 4, "b": 0}


def test_without_it_they_do_not(chain, machine):
    chain.code["a"] = "second"
    ended = machine(chain).go()
    assert sorted(ended.ran)[:4] == [("a", i) for i in range(4)]
    assert superseded(ended) == {}
    assert chain.looked_up_loosely == []


def test_what_has_a_record_is_not_sought_loosely(chain, machine):
    chain.lock.clear()
    machine(chain, keep=True).go()
    assert chain.looked_up_loosely == []


def test_new_data_are_done_by_the_code_of_now(chain, machine):
    chain.code["a"] = "second"
    chain.rows["raw"][1] = "other"
    ended = machine(chain, keep=True).go()
    assert sorted(ended.ran) == [("a", 1), ("b", 1)]
    assert superseded(ended) == {"a": 3}
    (new,) = [r for r in chain.records.values() if r.stage == "a" and r.code == chain.recipe("a").code]
    assert new.key == ended.schedule.stages["a"].keys[1], "what the code of now has made stands under its own key"


def test_then_a_plain_run_does_nothing(chain, machine):
    chain.code["a"] = "second"
    machine(chain, keep=True).go()
    chain.looked_up.clear()
    again = machine(chain).go()
    assert again.ran == []
    assert all(run.fresh for run in again.schedule.stages.values())
    assert superseded(again) == {"a": 4}
    assert chain.looked_up == []


def test_and_they_stay_when_other_rows_change(chain, machine):
    chain.code["a"] = "second"
    machine(chain, keep=True).go()
    chain.rows["raw"][3] = "other"
    again = machine(chain).go()
    assert sorted(again.ran) == [("a", 3), ("b", 3)]
    assert superseded(again) == {"a": 3}


def test_until_the_code_changes_again(chain, machine):
    chain.code["a"] = "second"
    machine(chain, keep=True).go()
    chain.code["a"] = "third"
    again = machine(chain).go()
    assert [stage for stage, _ in again.ran].count("a") == 4
    assert superseded(again) == {}
    assert chain.lock["a"].superseded == 0


def test_the_former_code_finds_what_it_made_by_its_key(chain, machine):
    chain.code["a"] = "second"
    machine(chain, keep=True).go()
    del chain.code["a"]
    again = machine(chain).go()
    assert again.ran == []
    assert superseded(again) == {}


def test_renew_runs_just_them(chain, machine):
    chain.code["a"] = "second"
    chain.rows["raw"][1] = "other"
    machine(chain, keep=True).go()
    plan = machine(chain, renew=True)
    plan.schedule.start()
    for request in plan.schedule.cuts():
        plan.schedule.cut(request, chain.make_sheet(request))
    found = reasons(plan.schedule.stages["a"], chain.before("a"), ())
    assert [(r.cause, r.text) for r in found] == [(Cause.SUPERSEDED, "3 chunks made by superseded code are made again")]
    ended = plan.go()
    assert [pair for pair in sorted(ended.ran) if pair[0] == "a"] == [("a", 0), ("a", 2), ("a", 3)]
    assert superseded(ended) == {}
    assert chain.lock["a"].superseded == 0
    assert machine(chain, renew=True).go().ran == []


def test_renew_seeks_nothing_loosely(chain, machine):
    chain.code["a"] = "second"
    machine(chain, keep=True).go()
    chain.looked_up_loosely.clear()
    chain.rows["raw"][0] = "other"
    ended = machine(chain, renew=True).go()
    assert [stage for stage, _ in ended.ran].count("a") == 4
    assert chain.looked_up_loosely == []


@pytest.mark.parametrize("change", [{"params": {"p": 2}}, {"args": {"p": 2}}])
def test_params_count(chain, machine, change):
    chain.code["a"] = "second"
    declare(chain, "a", **change)
    world_recipe = chain.recipe
    chain.recipe = lambda name: replace(world_recipe(name), args=chain.pipeline.stages[name].args)
    assert len([s for s, _ in machine(chain, keep=True).go().ran if s == "a"]) == 4


def test_two_stages_alike_but_for_their_code_do_not_take_each_others(world, stage, machine):
    world.rows["raw"] = ["r0", "r1"]
    outs = [(Out(f"{name}.parquet", "parquet", "out"),) for name in "ab"]
    world.stages(stage("a", "raw", chunk=ROWS, outs=outs[0]), stage("b", "raw", chunk=ROWS, outs=outs[1]))
    ended = machine(world, keep=True).go(at_once=1)
    assert len(ended.ran) == 4


def test_a_command_is_code_and_values_in_one(world, stage, machine):
    world.rows["raw"] = ["r0"]
    made = replace(stage("a", "raw"), call=None, cmd=("first",))
    world.stages(made)
    recipe = world.recipe
    world.recipe = lambda name: replace(recipe(name), code=None, cmd=world.pipeline.stages[name].cmd)
    machine(world).go()
    world.stages(replace(made, cmd=("second",)))
    assert machine(world, keep=True).go().ran == [("a", 0)]
    assert all(record.loose is None for record in world.records.values())


def test_the_code_of_now_comes_before_what_is_newer(chain, machine):
    """A mixture that was made with it, say, where another machine's clock is ahead."""
    chain.code["a"] = "second"
    before = machine(chain, keep=True).go().schedule.stages["a"].done.part("out", 0)
    old = next(r for r in chain.records.values() if r.stage == "a" and r.outs["out"] == before)
    part = replace(before, bytes=before.bytes + 1)
    code = chain.recipe("a").code
    mixed = replace(old, key=ChunkKey(digest(b"mixed")), code=code, finished="2025", outs={"out": part})
    chain.records[mixed.key] = mixed
    chain.lock.clear()
    ended = machine(chain, keep=True).go()
    assert ended.schedule.stages["a"].done.part("out", 0) == part


# ---- items that failed


@pytest.fixture
def items(world, stage, machine):
    """Four chunks that are taken item by item; an item of the second one fails."""
    world.rows["raw"] = ["r0", "r1", "r2", "r3"]
    world.stages(stage("a", "raw", chunk=ROWS, each=True, on_error=OnError.QUARANTINE))
    world.code["a"] = "first"
    world.bad = {("a", "first", 1)}
    machine(world).go()
    assert world.lock["a"].quarantined == 1
    return world


def test_they_are_tried_again_with_the_new_code_and_nothing_else(items, machine):
    items.code["a"] = "second"
    strict = {r.key for r in items.records.values()}
    ended = machine(items, keep=True).go()
    assert ended.ran == [("a", 1)]
    run = ended.schedule.stages["a"]
    assert run.mending[1].headway.finished
    assert superseded(ended) == {"a": 4}, "a mixture counts"
    (mixed,) = [r for r in items.records.values() if r.key not in strict]
    assert mixed.key not in run.keys, "it is not what the code of now would have made"
    assert mixed.loose == ended.schedule.loose_key(run, 1)
    assert items.lock["a"].quarantined == 0
    items.lock.clear()
    assert machine(items, keep=True).go().ran == []


def test_they_are_not_tried_twice_with_one_code(items, machine):
    items.code["a"] = "second"
    items.bad.add(("a", "second", 1))
    assert machine(items, keep=True).go().ran == [("a", 1)]
    items.lock["a"] = replace(items.lock["a"], key="other")
    assert machine(items).go().ran == []
    assert machine(items, keep=True).go().ran == []
    assert machine(items, keep=True, retry=True).go().ran == [("a", 1)], "but when that is asked for"


def test_where_they_cannot_be_tried_alone_the_whole_chunk_runs_and_is_no_mixture(items, machine):
    declare(items, "a", outs=(Out("a.npy", "npy", "out"),))
    machine(items).go()
    items.code["a"] = "second"
    ended = machine(items, keep=True).go()
    run = ended.schedule.stages["a"]
    assert ended.ran == [("a", 1)]
    assert run.mending == {}
    assert run.keys[1] in items.records
    assert superseded(ended) == {"a": 3}


BAD = {"x": Part(digest(b"out"), 1, digest(b"out"))}


@pytest.mark.parametrize(
    "fields", [{"each": False}, {"outs": (Out("a.npy", "npy", "out"),)}, {"carry": Carry(0)}, {"outs": None}]
)
def test_when_items_are_tried_alone(stage, fields):
    part = Part(digest(b"bad"), 1, digest(b"bad"))
    key, code = ChunkKey(digest(b"now")), digest(b"code")
    record = Record(
        ChunkKey(digest(b"then")), BAD, StageName("a"), "run", 1.0, "", items=Items(1, 1), quarantine=part, loose=key
    )
    good = stage("a", "raw", chunk=ROWS, each=True)
    fields = {**fields, "outs": good.outs} if fields.get("outs", 0) is None else fields
    found = mending(replace(good, **fields), record, key, code)
    if fields == {"outs": good.outs}:
        assert found is not None
        assert found.key not in (key, record.key)
        assert found.headway.failed == (part,)
        assert mending(good, record, key, code).key == found.key
        assert mending(good, record, key, digest(b"other")).key != found.key, "of other code another mixture"
        assert mending(good, replace(record, outs={}), key, code).key != found.key, "of other parts too"
        assert mending(good, replace(record, key=key), key, code).key == key
    else:
        assert found is None


def test_renew_runs_mixtures_whole(items, machine):
    items.code["a"] = "second"
    machine(items, keep=True).go()
    ended = machine(items, renew=True).go()
    assert len(ended.ran) == 4
    assert ended.schedule.stages["a"].mending == {}


def test_retry_mends_under_the_key_of_the_chunk(items, machine):
    ended = machine(items, retry=True).go()
    assert ended.ran == [("a", 1)]
    run = ended.schedule.stages["a"]
    assert run.mending[1].key == run.keys[1]


# ---- what is told


def test_a_stage_all_of_which_stays_is_reused_and_not_fresh(chain, machine):
    chain.code["a"] = "second"
    before = chain.before("a")
    run = machine(chain, keep=True).go().schedule.stages["a"]
    assert run.names == before.trees
    assert not is_unchanged(run, before)
    assert is_unchanged(machine(chain).go().schedule.stages["a"], chain.before("a"))


_KIT = []


@pytest.fixture(autouse=True)
def _kit(new_world, stage, machine):
    """Hand the fixtures to the property, which hypothesis calls many times."""
    _KIT[:] = [new_world, stage, machine]


@given(st.data())
def test_whatever_is_edited_renew_comes_to_a_clean_run(data):
    """Rows and code change at random, in runs that keep and in others: what superseded code has made is always counted,
    and when it is made again all is as a world that has seen nothing else makes it.
    """
    new_world, stage, machine = _KIT
    world = new_world()
    world.rows["raw"] = ["r0", "r1", "r2"]
    world.stages(stage("a", "raw", chunk=ROWS), stage("b", "a.parquet", chunk=PARTS), stage("c", "b.parquet"))
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, 2))
            world.rows["raw"][at] = data.draw(st.sampled_from("xyz"))
        else:
            world.code[data.draw(st.sampled_from("abc"))] = data.draw(st.sampled_from("uvw"))
        how = data.draw(st.sampled_from([{}, {"keep": True}, {"renew": True}]))
        ended = machine(world, **how).go(choose=lambda count: data.draw(st.integers(0, count - 1)))
        if how == {"renew": True} or not superseded(ended):
            assert superseded(ended) == {}
            assert ended.outs() == clean(world, new_world, machine)
        assert machine(world).go().ran == []
    ended = machine(world, renew=True).go()
    assert ended.outs() == clean(world, new_world, machine)


def clean(world, new_world, machine):
    other = new_world(rows=dict(world.rows), code=dict(world.code))
    other.pipeline = world.pipeline
    return machine(other).go().outs()
