"""What superseded code has made, and machines that share a remote: the lock file in git tells that it is to stay."""

from __future__ import annotations

import json

import pytest

from .far import Far
from .machines import Machine

KEY = "the key of the project, long " * 2
CHUNKS = [str(10 * i) for i in range(40)]


def mend(machine: Machine) -> None:
    """Change the code of the stage with forty chunks; what it makes stays the same."""
    work = (machine.root / "work.py").read_text()
    (machine.root / "work.py").write_text(work.replace("i / 2 for", "i / 2 + 0 for"))


def more(machine: Machine, rows: int) -> None:
    (machine.root / "rows.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(rows)))


def mixed(machine: Machine) -> int:
    stages = {s["stage"]: s for s in machine.run("status", "--json").json["stages"]}
    found: int = stages["half"]["chunks"].get("superseded", 0)
    return found


@pytest.fixture
def a(machine, moto_bucket):
    """A machine that has run it all, mended the code, kept what was finished, and committed the lock file."""
    a = machine("a", CKPTFLOW_KEY=KEY)
    a.config(moto_bucket)
    a.repro()
    mend(a)
    a.forget()
    ended = a.repro("--keep-finished")
    assert a.traces() == []
    assert ended.stage("half")["chunks"]["superseded"] == 40
    a.commit()
    return a


def test_another_machine_takes_it_from_the_remote(a, machine, moto_bucket):
    b = machine("b", CKPTFLOW_KEY=KEY)
    b.config(moto_bucket)
    ended = b.repro()
    assert b.traces() == [], "the lock file says that all is up to date"
    assert mixed(b) == 40
    more(b, 420)
    ended = b.repro()
    assert sorted(b.traces()) == ["400", "410", "lookup", "total"]
    assert ended.counts("half") == (2, 40, 0)
    assert ended.stage("half")["chunks"]["superseded"] == 40
    assert json.loads((b.root / "data/total.json").read_text())["rows"] == 420
    more(a, 420)
    a.forget()
    a.repro()
    assert a.traces() == [], "and the first has what the second has made"
    assert a.outs()["data/lookup.pkl"] == b.outs()["data/lookup.pkl"]

    b.forget()
    b.repro("--refresh-mixed")
    assert sorted(set(b.traces()) & set(CHUNKS)) == sorted(CHUNKS)
    assert mixed(b) == 0
    assert mixed(a) == 40


def test_nobody_gets_it_who_does_not_know_of_it(a, machine, moto_bucket, tmp_path):
    """Without the lock file it is not the work of the code of now; and it can be kept there too."""
    c, d = machine("c", CKPTFLOW_KEY=KEY), machine("d", CKPTFLOW_KEY=KEY)
    for each in (c, d):
        each.config(moto_bucket, sync="manual")  # no upload of what it makes
        each.lose("pipeline.lock")
    ended = d.repro("--pull", "--keep-finished")
    assert d.traces() == []
    assert ended.stage("half")["chunks"]["superseded"] == 40
    c.repro("--pull")
    assert set(c.traces()) >= set(CHUNKS)
    assert mixed(c) == 0
    codes = {record.code for record in Far(moto_bucket, tmp_path / "far").records().values() if record.stage == "half"}
    assert len(codes) == 1, "in the remote is what the first code has made, and said to be that"
