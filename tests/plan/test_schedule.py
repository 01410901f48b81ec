"""The machine, driven in memory: what is run, in which order, what is reused, what failure stops."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import DepMissing, Failure
from ckptflow.plan.selection import GaveUp, Retry
from ckptflow.plan.stagerun import ChunkState
from ckptflow.spec.model import OnError, OverParts, OverRows

ROWS = OverRows("x", 1)
PARTS = OverParts("x")


@pytest.fixture
def chain(world, stage):
    """Four rows; `a` cuts them, `b` takes its chunks one to one, `c` all of them whole."""
    world.rows["raw"] = ["r0", "r1", "r2", "r3"]
    world.stages(stage("a", "raw", chunk=ROWS), stage("b", "a.parquet", chunk=PARTS), stage("c", "b.parquet"))
    return world


def stages_of(machine):
    return [stage for stage, _ in machine.ran]


def test_everything_is_run_once(chain, machine):
    ended = machine(chain).go()
    assert sorted(ended.ran) == [*(("a", i) for i in range(4)), *(("b", i) for i in range(4)), ("c", 0)]
    assert ended.settled == ["a", "b", "c"]
    assert set(ended.phases().values()) == {"settled"}


def test_then_nothing_is_asked_of_anybody(chain, machine):
    machine(chain).go()
    chain.looked_up.clear()
    again = machine(chain).go()
    assert again.ran == []
    assert chain.looked_up == []
    assert all(run.fresh for run in again.schedule.stages.values())


def test_without_the_lock_records_are_enough(chain, machine):
    first = machine(chain).go()
    chain.lock.clear()
    again = machine(chain).go()
    assert again.ran == []
    assert again.outs() == first.outs()
    assert again.schedule.stages["a"].count(ChunkState.REUSED) == 4


def test_results_flow_before_a_stage_is_finished(chain, machine):
    ended = machine(chain).go(at_once=1)
    assert ended.ran[:4] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)], "later stages come first"


def test_one_changed_row_runs_what_reads_it(chain, machine):
    machine(chain).go()
    chain.rows["raw"][2] = "other"
    assert machine(chain).go().ran == [("a", 2), ("b", 2), ("c", 0)]


def test_a_row_inserted_at_the_top_moves_the_others_and_runs_none_of_them(chain, machine):
    machine(chain).go()
    chain.rows["raw"].insert(0, "new")
    ended = machine(chain).go()
    assert ended.ran == [("a", 0), ("b", 0), ("c", 0)]
    assert ended.schedule.stages["b"].chunks == 5


def test_a_removed_row_runs_only_what_takes_all(chain, machine):
    machine(chain).go()
    del chain.rows["raw"][1]
    assert machine(chain).go().ran == [("c", 0)]


def test_the_same_result_stops_there(chain, machine):
    chain.results["a"] = lambda key: "always"
    first = machine(chain).go()
    assert stages_of(first).count("b") < 4, "equal parts are one chunk's work, where they are known in time"
    chain.rows["raw"][2] = "other"
    assert machine(chain).go().ran == [("a", 2)]


def test_other_code_runs_the_stage_and_what_comes_out_different(chain, machine):
    machine(chain).go()
    chain.code["b"] = "other"
    assert sorted(machine(chain).go().ran) == [*(("b", i) for i in range(4)), ("c", 0)]
    chain.code.clear()
    assert machine(chain).go().ran == [], "going back is in the records"


def test_a_record_without_one_of_the_outs_does_not_count(chain, machine):
    machine(chain).go()
    chain.lock.clear()
    key = next(iter(chain.records))
    chain.records[key] = replace(chain.records[key], outs={})
    assert len(machine(chain).go().ran) == 1


def test_a_tree_that_the_store_lost_is_put_together_from_records(chain, machine):
    first = machine(chain).go()
    chain.trees.clear()
    again = machine(chain).go()
    assert again.ran == []
    assert again.outs() == first.outs()


def test_forced_stages_take_no_records(chain, machine):
    machine(chain).go()
    assert stages_of(machine(chain, forced=frozenset({"b"})).go()) == ["b"] * 4
    chosen = machine(chain, forced=frozenset({"b"}), chunks={"b": lambda index: index == 2}).go()
    assert chosen.ran == [("b", 2)]
    assert chosen.phases()["b"] == "settled"


def test_pinned_stages_lend_what_they_have(chain, machine):
    machine(chain).go()
    chain.rows["raw"].append("new")
    chain.code["b"] = "other"
    ended = machine(chain, stages=frozenset("bc"), pinned=frozenset("a")).go()
    assert sorted(ended.ran) == [*(("b", i) for i in range(4)), ("c", 0)]
    assert chain.lock["a"].chunks == 4


def test_a_frozen_stage_is_pinned(chain, machine, stage):
    machine(chain).go()
    chain.stages(
        stage("a", "raw", chunk=ROWS, frozen=True), stage("b", "a.parquet", chunk=PARTS), stage("c", "b.parquet")
    )
    chain.rows["raw"].append("new")
    assert machine(chain).go().ran == []


def test_always_changed_runs_each_time_and_cuts_off(chain, machine, stage):
    chain.stages(stage("a", "raw", always_changed=True), stage("b", "a.parquet"))
    assert machine(chain).go().ran == [("a", 0), ("b", 0)]
    assert machine(chain).go().ran == [("a", 0)]


def test_only_chosen_chunks(chain, machine):
    only = machine(chain, chunks={"a": lambda index: index in (1, 3)}).go()
    assert sorted(only.ran) == [("a", 1), ("a", 3), ("b", 1), ("b", 3)]
    assert only.phases() == {"a": "open", "b": "open", "c": "waiting"}
    assert only.schedule.stages["a"].count(ChunkState.HELD) == 2
    assert sorted(machine(chain).go().ran) == [("a", 0), ("a", 2), ("b", 0), ("b", 2), ("c", 0)]


def test_a_limit_counts_runs_and_not_what_is_reused(chain, machine):
    one = frozenset({"a"})
    assert machine(chain, stages=one, limit=3).go(most=10).ran == [("a", 0), ("a", 1), ("a", 2)]
    assert machine(chain, stages=one, limit=3).go().ran == [("a", 3)]


def test_a_retry_does_not_use_up_the_limit(chain, machine, stage):
    chain.stages(stage("a", "raw", chunk=ROWS, retries=1))
    ended = machine(chain, limit=2).go(fails=lambda stage, index, attempt: attempt == 1, at_once=1)
    assert sorted(set(ended.ran)) == [("a", 0), ("a", 1)]
    assert ended.schedule.stages["a"].count(ChunkState.RAN) == 2


def test_a_failure_stops_the_stage_and_what_follows(chain, machine):
    ended = machine(chain).go(fails=lambda stage, index, attempt: (stage, index) == ("a", 1), at_once=1)
    assert ("a", 1) in ended.ran
    assert ("a", 2) not in ended.ran
    assert ended.phases() == {"a": "failed", "b": "blocked", "c": "blocked"}
    assert ended.schedule.stages["c"].blocker == "a"
    assert machine(chain).go().ran[0] == ("a", 1), "the others are kept"


def test_continue_runs_the_other_chunks(chain, machine, stage):
    chain.stages(stage("a", "raw", chunk=ROWS, on_error=OnError.CONTINUE), stage("b", "a.parquet", chunk=PARTS))
    ended = machine(chain).go(fails=lambda stage, index, attempt: (stage, index) == ("a", 0))
    assert sorted(ended.ran)[:4] == [("a", i) for i in range(4)]
    assert ("b", 0) not in ended.ran
    assert ended.phases() == {"a": "failed", "b": "blocked"}


def test_continue_with_chosen_chunks_fails_too(chain, machine, stage):
    chain.stages(stage("a", "raw", chunk=ROWS, on_error=OnError.CONTINUE), stage("b", "a.parquet"))
    ended = machine(chain, chunks={"a": lambda index: index == 0}).go(fails=lambda *_: True)
    assert ended.phases() == {"a": "failed", "b": "blocked"}


@pytest.mark.parametrize("keep_going", [False, True])
def test_keep_going_does_what_does_not_depend_on_it(world, machine, stage, keep_going):
    world.stages(stage("bad"), stage("after", "bad.parquet"), stage("late"), stage("later", "late.parquet"))
    ended = machine(world, keep_going=keep_going).go(
        fails=lambda stage, *_: stage == "bad", at_once=1, choose=lambda n: 0
    )
    assert ended.phases()["after"] == "blocked"
    if keep_going:
        assert set(stages_of(ended)) == {"bad", "late", "later"}
        assert ended.phases()["later"] == "settled"
    else:
        assert ended.schedule.halted


def test_retries_double_their_delay(chain, machine, stage):
    chain.stages(stage("a", "raw", retries=3, backoff=0.5))
    ended = machine(chain).go(fails=lambda *_: True)
    verdicts = [e[2] for e in ended.events[1:]]
    assert verdicts == [Retry(1, 0.5), Retry(2, 1.0), Retry(3, 2.0), GaveUp(4)]
    assert ended.schedule.stages["a"].failures[0].message == "ValueError: no"


def test_what_does_not_count_costs_no_attempt(chain, machine):
    running = machine(chain)
    running.go(steps=0)
    running.schedule.start()
    work = running.schedule.take(lambda run: 1)
    assert work is None, "its data is to be cut first"
    for request in running.schedule.cuts():
        running.schedule.cut(request, chain.make_sheet(request))
    work = running.schedule.take(lambda run: 1)
    assert running.schedule.failed("a", work.indexes[0], Failure("dep-changed", "x"), counts=False) == Retry(0, 0.0)
    assert running.schedule.stages["a"].attempts == {}
    assert running.schedule.running() == 0


def test_workers_bounds_the_teams(chain, machine, stage):
    chain.stages(stage("a", "raw", chunk=ROWS, workers=1), stage("b"))
    running = machine(chain)
    running.schedule.start()
    for request in running.schedule.cuts():
        running.schedule.cut(request, chain.make_sheet(request))
    taken = []
    while work := running.schedule.take(lambda run: 1):
        running.schedule.stages[work.stage].teams += 1
        taken.append(work.stage)
    assert sorted(taken) == ["a", "b"]


def test_batches_are_neighbours_and_the_first_ones(chain, machine, stage):
    chain.rows["raw"] = [f"r{i}" for i in range(10)]
    chain.stages(stage("a", "raw", chunk=ROWS))
    running = machine(chain)
    running.schedule.start()
    for request in running.schedule.cuts():
        running.schedule.cut(request, chain.make_sheet(request))
    assert running.schedule.take(lambda run: 4).indexes == (0, 1, 2, 3)
    assert running.schedule.take(lambda run: 4).indexes == (4, 5, 6, 7)
    running.schedule.release("a", 2)
    assert running.schedule.take(lambda run: 4).indexes == (2, 8, 9)
    assert running.schedule.take(lambda run: 4) is None


def test_no_rows_is_no_chunks_and_all_done(chain, machine):
    chain.rows["raw"] = []
    ended = machine(chain).go()
    assert ended.ran == [("c", 0)]
    assert ended.phases() == dict.fromkeys("abc", "settled")
    assert ended.schedule.stages["a"].trees["out"].parts == ()


def test_a_missing_dep_is_an_error(chain, machine):
    del chain.rows["raw"]
    with pytest.raises(DepMissing):
        machine(chain).go()


def test_a_cut_that_fails_fails_the_stage(chain, machine):
    running = machine(chain)
    running.schedule.start()
    (request,) = running.schedule.cuts()
    running.schedule.fail_cut(request, Failure("dep", "malformed"))
    assert running.schedule.cuts() == []
    assert running.phases() == {"a": "failed", "b": "blocked", "c": "blocked"}
    assert running.schedule.stages["a"].cut_failure.message == "malformed"


def test_known_sheets_are_not_cut_again(chain, machine):
    chain.cut = True
    running = machine(chain)
    running.schedule.start()
    assert running.schedule.cuts() == []
    assert running.schedule.opened() == ["a", "b"]
    assert running.schedule.opened() == []


def test_params_are_part_of_every_key(chain, machine, stage):
    machine(chain).go()
    chain.stages(
        stage("a", "raw", chunk=ROWS, params={"p": 1}), stage("b", "a.parquet", chunk=PARTS), stage("c", "b.parquet")
    )
    assert stages_of(machine(chain).go()).count("a") == 4


def fleet(new_world, stage):
    world = new_world(rows={"raw": ["a", "b", "c", "b", "d"], "side": ["s"]})
    world.stages(
        stage("cut", "raw", chunk=ROWS),
        stage("each", "cut.parquet", chunk=PARTS),
        stage("sided", ("each.parquet", "side"), chunk=PARTS),
        stage("whole", "each.parquet"),
        stage("join", ("sided.parquet", "whole.parquet")),
    )
    return world


@given(st.data())
def test_the_order_of_completion_changes_nothing(data):
    world_type, stage, machine = _parts()
    plain = machine(fleet(world_type, stage)).go()
    world = fleet(world_type, stage)
    at_once, most = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    ended = machine(world).go(choose=lambda n: data.draw(st.integers(0, n - 1)), at_once=at_once, most=most)
    assert ended.outs() == plain.outs()
    assert {n: r.keys for n, r in ended.schedule.stages.items()} == {
        n: r.keys for n, r in plain.schedule.stages.items()
    }
    assert world.lock == plain.world.lock


@given(st.data())
def test_stopped_anywhere_and_gone_on_is_the_same(data):
    world_type, stage, machine = _parts()
    plain = machine(fleet(world_type, stage)).go()
    world = fleet(world_type, stage)
    done = []
    for _ in range(data.draw(st.integers(0, 4))):
        part = machine(world).go(choose=lambda n: data.draw(st.integers(0, n - 1)), steps=data.draw(st.integers(0, 6)))
        done += part.ran
    ended = machine(world).go()
    assert ended.outs() == plain.outs()
    assert len(done) + len(ended.ran) <= len(plain.ran) + 2, "only what two equal rows race for is done twice"


@given(st.data())
def test_failing_at_random_and_gone_on_is_the_same(data):
    world_type, stage, machine = _parts()
    plain = machine(fleet(world_type, stage)).go()
    world = fleet(world_type, stage)
    for _ in range(data.draw(st.integers(1, 3))):
        machine(world, keep_going=data.draw(st.booleans())).go(
            choose=lambda n: data.draw(st.integers(0, n - 1)), fails=lambda *_: data.draw(st.booleans())
        )
    assert machine(world).go().outs() == plain.outs()


_KIT: list = []


@pytest.fixture(autouse=True)
def _kit(new_world, stage, machine):
    """Hand the fixtures to the properties, which hypothesis calls many times."""
    _KIT[:] = [new_world, stage, machine]


def _parts():
    return _KIT


def test_what_another_program_made_is_reused(world, stage, machine):
    world.rows["raw"] = ["r0"]
    world.stages(stage("a", "raw"), stage("b", "a.parquet"), stage("c", "b.parquet"))
    world.elsewhere.update(a="as ever", b="as ever", c="not as it was")
    ended = machine(world).go()
    assert ended.ran == [("c", 0)]
    assert [name for name, _ in world.asked] == ["a", "b", "c"]
    assert world.asked[1][1] == {"x": ended.schedule.stages["a"].trees["out"]}
    assert ended.schedule.stages["b"].adopted and not ended.schedule.stages["c"].adopted
    world.asked.clear()
    assert machine(world).go().ran == [] and world.asked == [], "the lock file knows"


def test_nobody_is_asked_for_chunks_for_what_is_recorded_and_for_what_is_forced(chain, machine):
    machine(chain).go()
    chain.lock.clear()
    machine(chain).go()
    assert [name for name, _ in chain.asked] == ["c"], "before it ran, and no more"
    chain.elsewhere["c"] = "else"
    machine(chain, forced={"c"}).go()
    assert [name for name, _ in chain.asked] == ["c"]
