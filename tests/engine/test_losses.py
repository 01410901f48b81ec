"""What becomes of a chunk at which workers died: which deaths count, and what the next worker is told."""

from __future__ import annotations

import pytest

from ckptflow.chunk.headway import Headway
from ckptflow.engine.losses import Losses
from ckptflow.errors import Failure
from ckptflow.ids import ChunkKey, StageName
from ckptflow.run.messages import Each, Fallen, InHand, Task

DEAD = Failure("killed", "the worker process was killed by SIGKILL")
S = StageName("s")


def task(*, each=True, halve=False, quarantine=True, retries=0, index=0, **more):
    way = Each("row", retries, 0.5, quarantine) if each else None
    return Task(1, S, ChunkKey("0" * 64), index, 2, (), (), "log", call="m:f", each=way, halve=halve, **more)


@pytest.fixture
def losses():
    return Losses()


def test_a_death_that_nothing_else_explains_uses_up_an_attempt(losses):
    assert losses.died(task(), DEAD, InHand(7, 1, to_blame=True)) == 0.0
    told = losses.told(task())
    assert told.fallen == (Fallen(7, 1, DEAD),)
    assert told.fresh


def test_the_pauses_are_those_of_the_item_and_none_once_it_is_set_aside(losses):
    delays = [losses.died(task(retries=2), DEAD, InHand(7, attempt, to_blame=True)) for attempt in (1, 2, 3)]
    assert delays == [0.5, 1.0, 0.0]
    assert losses.told(task()).fallen == (Fallen(7, 3, DEAD),)


def test_one_that_may_have_come_of_what_was_before_does_not(losses):
    assert losses.died(task(retries=2), DEAD, InHand(7, 1, to_blame=False)) == 0.0
    assert losses.told(task()).fallen == (Fallen(7, 0, DEAD),)


def test_but_the_third_at_one_item_does_in_any_case(losses):
    attempts = []
    for _ in range(6):
        losses.died(task(retries=1), DEAD, InHand(7, 1, to_blame=False))
        attempts.append(losses.told(task()).fallen[0].attempts)
    assert attempts == [0, 0, 1, 0, 0, 1]


def test_deaths_at_several_items_are_all_remembered(losses):
    for number in (7, 3, 9):
        losses.died(task(), DEAD, InHand(number, 1, to_blame=True))
    assert {fallen.number: fallen.attempts for fallen in losses.told(task()).fallen} == {7: 1, 3: 1, 9: 1}


def test_a_trial_that_died_is_one_that_failed_behind_those_that_were_reported(losses):
    halved = task(each=False, halve=True)
    losses.tried(halved, DEAD)
    losses.tried(halved, None)
    assert losses.told(halved) is halved, "nobody died: the worker that tries knows all this"
    assert losses.died(halved, DEAD, InHand(2, 1, to_blame=True)) == 0.0
    assert losses.told(halved).tried == (DEAD, None, DEAD)
    assert losses.told(halved).fallen == ()


def test_a_trial_in_doubt_is_made_again(losses):
    halved = task(each=False, halve=True)
    losses.died(halved, DEAD, InHand(0, 1, to_blame=False))
    assert (losses.told(halved).tried, losses.told(halved).fresh) == ((), True)


@pytest.mark.parametrize("other", [task(quarantine=False), task(each=False)])
def test_elsewhere_a_death_is_the_chunk_s(losses, other):
    assert losses.died(other, DEAD, InHand(0, 1, to_blame=True)) is None
    assert losses.told(other) is other


def test_the_next_worker_goes_on_behind_what_this_run_has_kept(losses):
    losses.kept(task(), Headway(position=5))
    assert losses.told(task(headway=Headway(position=2))).headway == Headway(position=2), "nobody died"
    losses.died(task(), DEAD, InHand(7, 1, to_blame=True))
    assert losses.told(task()).headway == Headway(position=5)


def test_chunks_know_nothing_of_each_other_and_nothing_once_they_are_done(losses):
    losses.died(task(), DEAD, InHand(7, 1, to_blame=True))
    other = task(index=1)
    assert losses.told(other) is other
    assert losses.any_in(S)
    losses.forget(task())
    assert losses.told(task()).fallen == ()
    assert not losses.any_in(S)
    losses.forget(task())
