"""Machines have nothing in common but what git brings, and make the same bytes all the same."""

from __future__ import annotations

import json

import pytest

from .machines import Machine, Origin

CHUNKS = 40


def test_machines_differ_in_all_but_what_they_make(machine):
    a, b = machine("a"), machine("b")
    for name in ("HOME", "USER", "TZ", "LANG", "PYTHONHASHSEED", "XDG_CONFIG_HOME", "SIDE"):
        assert a.env[name] != b.env[name], name
    assert " " in str(a.root) and a.root.name != b.root.name
    for each in (a, b):
        assert each.repro().counts("half") == (CHUNKS, 0, 0)
        assert sorted(each.traces()) == sorted([*map(str, range(0, 10 * CHUNKS, 10)), "lookup", "total"])
    assert a.outs() == b.outs()
    assert {"data/lookup.pkl", "data/total.json"} < set(a.outs())
    a.commit()
    b.lose("pipeline.lock")
    b.update()
    assert (a.root / "pipeline.lock").read_bytes() == (b.root / "pipeline.lock").read_bytes()


def test_a_killed_machine_goes_on(machine):
    a, b = machine("a", PAUSE="0.02"), machine("b")
    process = a.start("repro")
    a.await_traces(CHUNKS // 2)
    a.die(process)
    kept = a.records()
    assert 0 < kept < CHUNKS
    assert a.repro().counts("half")[:2] == (CHUNKS - kept, kept)
    b.repro()
    assert a.outs() == b.outs()


def test_a_machine_that_lost_everything_begins_anew(machine):
    a = machine("a")
    a.repro()
    before = a.outs()
    a.lose()
    assert a.outs() == {}
    assert a.repro().counts("half") == (CHUNKS, 0, 0)
    assert a.outs() == before


@pytest.mark.parametrize("credentials", ["environment", "options"])
def test_settings_name_the_remote(machine, moto_bucket, credentials):
    a = machine("a")
    a.config(moto_bucket, sync="manual", trust=True, credentials=credentials, durability="off")
    written = json.loads((a.root / ".ckptflow/config.local.yaml").read_text())
    assert (written["remote"], written["sync"], written["durability"]) == ("storage", "manual", "off")
    remote = written["remotes"]["storage"]
    assert (remote["url"], remote["trust"]) == (moto_bucket.url, True)
    assert (remote.get("options") == moto_bucket.options) == (credentials == "options")
    assert ("AWS_SECRET_ACCESS_KEY" in a.env) == (credentials == "environment")
    assert a.run("status", "--json").code == 0, "the settings are read"


def test_the_demonstration_runs_on_a_machine(tmp_path):
    a = Machine.clone(Origin.aml(tmp_path / "aml.git", accounts=150), tmp_path, "a")
    ended = a.repro()
    assert ended.counts("node_features")[0] >= 3
    assert "data/graph.pkl" in a.outs()
    assert a.repro().counts("node_features")[0] == 0
