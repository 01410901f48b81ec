"""Random projects, random edits: incremental equals clean, a second run does nothing, status told what would run.

Deterministic for each seed. `CKPTFLOW_SIM_ROUNDS=20` searches for longer; `CKPTFLOW_SIM_SEED=N` tries one seed.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from sim_edits import NOTHING, Allowed, random_edit
from sim_pool import inline
from sim_world import World, make_world

from ckptflow import Project
from ckptflow.engine import fresh, witness
from ckptflow.engine.result import RunResult
from ckptflow.engine.targets import ReproOptions
from ckptflow.events import ChunkDone, Event
from ckptflow.plan.view import PlanView
from ckptflow.workspace import observe, observed

SEEDS = 10
EDITS_A_SEED = 6
ONE = os.environ.get("CKPTFLOW_SIM_SEED")


class Seen:
    """Notes which chunks ran."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.chunks: set[tuple[str, int]] = set()

    def emit(self, event: Event) -> None:
        if isinstance(event, ChunkDone):
            self.ran[event.stage] += 1
            self.chunks.add((event.stage, event.index or 0))

    def close(self) -> None:
        pass


def repro(root: Path, jobs: int = 2, options: ReproOptions | None = None) -> tuple[RunResult, Seen]:
    seen = Seen()
    result = Project(root, overrides={"jobs": jobs}, env={}).repro(options=options, reporter=seen)
    assert result.ok, result.to_json()
    return result, seen


def outs(root: Path, world: World) -> dict[str, bytes | None]:
    """Return path -> bytes of every file of every out; the out itself with None where it is a directory."""
    found: dict[str, bytes | None] = {}
    for path in world.outs():
        full = root / path
        assert full.exists(), f"{path} is missing"
        found[path] = None if full.is_dir() else full.read_bytes()
        for file in full.rglob("*") if full.is_dir() else ():
            found[file.relative_to(root).as_posix()] = None if file.is_dir() else file.read_bytes()
    return found


def differing(a: dict[str, bytes | None], b: dict[str, bytes | None]) -> list[str]:
    return sorted(name for name in a.keys() | b.keys() if a.get(name, b"-") != b.get(name, b"-"))


def check_promise(plan: PlanView, seen: Seen, what: str) -> None:
    """What status said of stages of which it was certain is what happened."""
    for stage in plan.stages:
        ran = {index for name, index in seen.chunks if name == stage.stage}
        if not stage.maybe:
            assert len(ran) == stage.stale, f"{what}: {stage.stage} was to run {stage.stale} chunks and ran {ran}"
            assert ran == set(stage.stale_chunks), what


def check_allowed(allowed: Allowed, seen: Seen, what: str) -> None:
    for stage, ran in seen.ran.items():
        assert stage in allowed.stages, f"{what}: {stage} ran {ran} chunks and nothing of it had changed"
        assert ran <= allowed.most.get(stage, ran), f"{what}: {stage} ran {ran} chunks"


def check_quiet(root: Path, what: str) -> None:
    """Everything is up to date, by the fast way and by the long one."""
    quick = fresh.still_fresh(str(root), "pipeline.yaml")
    result, seen = repro(root)
    assert not seen.ran, f"{what}: a second run ran {seen.ran}"
    states = {s.stage: s.state for s in result.stages}
    assert set(states.values()) == {"fresh"}, f"{what}: {states}"
    if quick is not None:
        assert {s["stage"]: s["state"] for s in json.loads(quick.result)["stages"]} == states


def compare_with_clean(root: Path, world: World, clean: Path, what: str) -> None:
    world.write(clean)
    repro(clean, jobs=1)
    assert differing(outs(root, world), outs(clean, world)) == [], what


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local file systems here date files by the jiffy; nothing in a simulation needs more patience than that."""
    monkeypatch.setattr(observe, "GRANULARITY_NS", 12_000_000)
    monkeypatch.setattr(observed, "GRANULARITY_NS", 12_000_000)
    monkeypatch.setattr(witness, "GRANULARITY_NS", 12_000_000)
    yield


def simulate(seed: int, tmp_path: Path, edits: int, *, real: bool = False) -> None:
    chance = random.Random(seed)
    world = make_world(chance, chance.randrange(2, 7))
    root = tmp_path / "project"
    with nullcontext() if real else inline(seed):
        world.write(root)
        repro(root)
        compare_with_clean(root, world, tmp_path / "clean", f"seed {seed}, at first")
        history: list[World] = []
        for number in range(edits):
            before = world.clone()
            if history and chance.random() < 0.15:
                world, what, allowed = chance.choice(history).clone(), "revert", NOTHING
            else:
                what, allowed = random_edit(world, root)
            history.append(before)
            what = f"seed {seed}, edit {number}: {what}"
            world.write(root)
            plan = Project(root, env={}).status()
            _, seen = repro(root)
            compare_with_clean(root, world, tmp_path / f"clean{number}", what)
            check_allowed(allowed, seen, what)
            check_promise(plan, seen, what)
            check_quiet(root, what)


@pytest.mark.parametrize("seed", [int(ONE)] if ONE else range(SEEDS))
def test_incremental_equals_clean(seed: int, tmp_path: Path, rounds: int) -> None:
    for number in range(rounds):
        simulate(seed + 1000 * number, tmp_path / str(number), EDITS_A_SEED)


def test_incremental_equals_clean_with_real_workers(tmp_path: Path) -> None:
    simulate(101, tmp_path, 2, real=True)
