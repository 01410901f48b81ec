"""A crash at every write: whatever a killed run leaves, the next one needs no help and does nothing twice.

By default a sample of the steps, another one for each scenario; `CKPTFLOW_SIM_ROUNDS` multiplies its size up to all.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from sim_crash import repro
from sim_world import StageModel, World, make_world

POINTS = 12


def crash_world() -> World:
    """A pipeline with one of each mechanism: streams, partitions, directories, commands."""
    world = make_world(random.Random(7), 0)
    calls = "lib.steps:"
    entries = {
        "map": {
            "call": f"{calls}mapped",
            "deps": {"items": "raw/items.parquet"},
            "chunk": {"over": "items", "rows": 60},
        },
        "flow": {"call": f"{calls}filtered", "deps": {"items": "data/map.parquet"}, "chunk": {"over": "items"}},
        "degrees": {
            "call": f"{calls}degrees",
            "deps": {"items": "data/flow.parquet", "links": "raw/links.parquet"},
            "chunk": {"by": {"items": "key", "links": ["a", "b"]}, "rows": 60},
        },
        "total": {"call": f"{calls}total", "deps": {"items": "data/degrees.parquet"}},
        "copies": {"call": f"{calls}copies", "deps": {"files": "raw/docs"}, "chunk": {"over": "files", "files": 4}},
        "sort": {
            "cmd": "sort raw/text.txt > data/sort.txt; mkdir data/sorted; split -n l/2 data/sort.txt data/sorted/x"
        },
    }
    outs = {
        "total": {"out": "data/total.json"},
        "copies": {"copied": {"path": "data/copies", "format": "dir"}},
        "sort": ["data/sort.txt", "data/sorted"],
    }
    for name, entry in entries.items():
        entry["outs"] = outs.get(name, {"out": f"data/{name}.parquet"})
        world.stages[name] = StageModel(entry, None, {}, {})
    world.stages["sort"].entry["deps"] = ["raw/text.txt"]
    return world


@pytest.mark.parametrize("scenario", ["first", "second", "copies"])
def test_killed_at_every_write(scenario: str, tmp_path: Path, rounds: int) -> None:
    template = tmp_path / "template"
    world = crash_world()
    world.write(template)
    if scenario == "copies":  # outs are no links but copies, which can be torn
        (template / ".ckptflow").mkdir()
        (template / ".ckptflow/config.yaml").write_text("link: [copy]\n")
    if scenario != "first":
        assert repro(template).ok
        world.texts["raw/text.txt"] += "zzz\n"
        world.tables["raw/items.parquet"][100]["amount"] = 5
        world.tables["raw/links.parquet"].append({"a": 1, "b": 2, "w": 3})
        del world.texts["raw/docs/d3.txt"]
        world.write(template)
    script = Path(__file__).parent / "sim_crash.py"
    seed = {"first": 1, "second": 2, "copies": 3}[scenario]
    run = subprocess.run(
        [sys.executable, str(script), str(template), str(tmp_path), str(seed), str(POINTS * rounds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    counted, *cases = map(json.loads, run.stdout.splitlines())
    assert len(counted["kinds"]) > 50 and {"open", "os.rename", "write"} <= set(counted["kinds"])
    bad = [case for case in cases if case["problem"]]
    assert not bad, json.dumps(bad, indent=1)
    # The lock file is written once a second, so a run that is slow has a few steps more than another.
    late = [case for case in cases if not case["died"] and case["step"] < 0.9 * len(counted["kinds"])]
    assert not late, json.dumps(late, indent=1)
