"""Random projects and edits, in runs that keep what superseded code has made, and in runs that do not.

Whatever came before: a run that keeps runs no chunk whose data and parameters are those of one that was done, but for
items that failed; what is not counted as superseded is what a clean run makes; and when what is counted is made again,
all of it is.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from sim_code import REACH
from sim_edits import NOTHING, Allowed, change_code, random_edit
from sim_pool import inline
from sim_world import World, add_stage, make_world
from test_random import _no_waiting as _no_waiting
from test_random import check_allowed, check_promise, check_quiet, compare_with_clean, repro

from ckptflow import Project
from ckptflow.engine.result import RunResult
from ckptflow.engine.targets import ReproOptions

SEEDS = 6
EDITS_A_SEED = 6
ONE = os.environ.get("CKPTFLOW_SIM_SEED")

KEEP, PLAIN, REFRESH = ReproOptions(keep_finished=True), ReproOptions(), ReproOptions(refresh_mixed=True)


def noted(root: Path) -> dict[str, int]:
    """Stage -> chunks that superseded code has made, as the lock file notes them."""
    lock = root / "pipeline.lock"
    stages = json.loads(lock.read_text())["stages"] if lock.exists() else {}
    return {name: entry["superseded"] for name, entry in stages.items() if "superseded" in entry}


def counted(result: RunResult) -> dict[str, int]:
    return {stage.stage: stage.superseded for stage in result.stages if stage.superseded}


def reached(world: World, value: str) -> bool:
    """Whether a value in the code is reached by a stage."""
    return any(value in REACH.get(stage.function or "", ()) for stage in world.stages.values())


def world_with_code(chance: random.Random) -> World:
    """Return a world some stages of which refer to what edits of the code change."""
    world = make_world(chance, chance.randrange(2, 5))
    while sum(bool(REACH.get(stage.function or "")) for stage in world.stages.values()) < 2:
        add_stage(world)
    return world


def edit(world: World, root: Path) -> tuple[str, Allowed]:
    """Do an edit; every other time one of code that a stage refers to."""
    if world.chance.random() < 0.5:
        while not reached(world, (done := change_code(world, root))[0].removeprefix("code: ")):
            pass
        return done
    return random_edit(world, root)


def allowed_with(options: ReproOptions, world: World, what: str, allowed: Allowed, mixed: set[str]) -> Allowed | None:
    """Return what may run after an edit where `mixed` are the stages with chunks of superseded code; None: anything."""
    if options == REFRESH:
        return Allowed(allowed.stages | world.downstream(mixed & world.stages.keys()))
    if options == KEEP and what.startswith("code: "):
        mended = {name for name, stage in world.stages.items() if stage.entry.get("on_error") == "quarantine"}
        return Allowed(frozenset(mended)) if "BAD" in what else NOTHING
    if mixed and options == PLAIN and what.startswith(("rename s", "rename r", "delete pipeline.lock")):
        return None  # nothing tells any more that chunks were to stay
    return allowed


def simulate(seed: int, tmp_path: Path, edits: int) -> int:
    """Return after how many of the runs some chunks were of superseded code."""
    chance = random.Random(seed)
    world = world_with_code(chance)
    root = tmp_path / "project"
    met = 0
    with inline(seed):
        world.write(root)
        repro(root)
        for number in range(edits):
            mixed = set(noted(root))
            what, allowed = edit(world, root)
            of_code = what.startswith("code: ")
            options = chance.choice((KEEP, KEEP, KEEP, PLAIN) if of_code else (KEEP, PLAIN, PLAIN, REFRESH))
            permitted = allowed_with(options, world, what, allowed, mixed)
            what = f"seed {seed}, edit {number}, {what}, {'keep' if options == KEEP else options.refresh_mixed}"
            world.write(root)
            plan = Project(root, env={}).plan(options=options)
            result, seen = repro(root, options=options)
            if permitted is not None:
                check_allowed(permitted, seen, what)
            check_promise(plan, seen, what)
            assert counted(result) == noted(root), what
            check_quiet(root, what)
            met += bool(noted(root))
            if options == REFRESH or not noted(root):
                assert not noted(root), what
                compare_with_clean(root, world, tmp_path / f"clean{number}", what)
        repro(root, options=REFRESH)
        assert noted(root) == {}
        compare_with_clean(root, world, tmp_path / "clean", f"seed {seed}, at the end")
        check_quiet(root, f"seed {seed}, at the end")
    return met


@pytest.mark.parametrize("seed", [int(ONE)] if ONE else range(SEEDS))
def test_what_is_kept_is_counted_and_made_again(seed: int, tmp_path: Path, rounds: int) -> None:
    for number in range(rounds):
        simulate(seed + 1000 * number, tmp_path / str(number), EDITS_A_SEED)


def test_mixtures_are_met_at_all(tmp_path: Path) -> None:
    assert simulate(1, tmp_path, EDITS_A_SEED) > 1
