"""Small projects run through the Python API: settling, keeping, facts, sessions."""

from __future__ import annotations

import json
import shutil

import pytest

from ckptflow.checkpoints import lockfile
from ckptflow.errors import DepMissing, OutEdited, SpecError, StageError, StoreError, TargetNotFound
from ckptflow.events import ChunkDone, RunEnded, RunStarted, StageDone
from ckptflow.project import Project, ReproOptions

COPY = "stages: {a: {cmd: cp in.txt a.txt, deps: [in.txt], outs: [a.txt]}}\n"
CALL = """
    stages:
      a:
        call: work:a
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 2, cut: fixed}
        outs: {a: a.parquet}
"""


@pytest.fixture
def make(tmp_path, write_files, open_project):
    def make_(files):
        write_files(tmp_path, files)
        return open_project(tmp_path)

    return make_


class Log:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def close(self):
        pass


def test_the_lock_file_says_what_was_used_and_made(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    project.repro()
    entry = lockfile.load(project.root / "pipeline.lock").stages["a"]
    assert entry.cmd == ("cp in.txt a.txt",)
    assert entry.deps["in.txt"]["path"] == "in.txt"
    assert entry.outs["a.txt"]["bytes"] == 1
    assert entry.chunks == 1


def test_a_stage_that_is_gone_leaves_the_lock_file_when_all_were_asked_for(make):
    two = "stages: {a: {cmd: echo > a.txt, outs: [a.txt]}, b: {cmd: echo > b.txt, outs: [b.txt]}}\n"
    project = make({"pipeline.yaml": two})
    project.repro()
    make({"pipeline.yaml": two.split(", b:")[0] + "}\n"})
    project.repro(["a"])
    assert set(lockfile.load(project.root / "pipeline.lock").stages) == {"a"}


def test_only_what_was_asked_for_is_noted(make):
    two = "stages: {a: {cmd: echo > a.txt, outs: [a.txt]}, b: {cmd: echo > b.txt, outs: [b.txt]}}\n"
    project = make({"pipeline.yaml": two})
    project.repro(["b"])
    assert set(lockfile.load(project.root / "pipeline.lock").stages) == {"b"}
    project.repro(["a"])
    assert set(lockfile.load(project.root / "pipeline.lock").stages) == {"a", "b"}


def test_a_lock_file_that_was_merged_badly_costs_nothing(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    project.repro()
    path = project.root / "pipeline.lock"
    doc = json.loads(path.read_text())
    doc["stages"]["a"]["key"] = "0" * 64
    path.write_text(json.dumps(doc))
    (stage,) = project.repro().stages
    assert (stage.ran, stage.reused) == (0, 1)


def test_events_come_in_order(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    log = Log()
    result = project.repro(reporter=log)
    kinds = [type(e) for e in log.events]
    assert kinds[0] is RunStarted
    assert kinds[-1] is RunEnded
    assert kinds.index(ChunkDone) < kinds.index(StageDone)
    assert log.events[-1].result == result.to_json()


def test_check_raises_for_a_failed_run(make):
    project = make({"pipeline.yaml": "stages: {a: {cmd: 'false'}}\n"})
    assert project.repro().outcome == "failed"
    with pytest.raises(StageError, match="failed: a"):
        project.repro(check=True)


def test_errors_reach_the_caller(make):
    project = make({"pipeline.yaml": COPY})
    with pytest.raises(DepMissing):
        project.repro()
    with pytest.raises(TargetNotFound):
        project.repro(["zzz"])
    (project.root / "in.txt").write_text("x")
    (project.root / "a.txt").write_text("mine")
    with pytest.raises(OutEdited):
        project.repro()
    assert project.repro(options=ReproOptions(force=True)).ok
    (project.root / "pipeline.yaml").write_text("stages: 3\n")
    with pytest.raises(SpecError):
        project.repro()


def test_a_store_inside_a_file(make, write_files, tmp_path):
    write_files(tmp_path, {"pipeline.yaml": COPY, "in.txt": "x"})
    with pytest.raises(StoreError):
        Project(tmp_path, overrides={"store": "in.txt/store"}, env={}).repro()


def test_looking_makes_no_store(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    project.status()
    project.plan()
    project.verify()
    project.log()
    project.graph()
    assert not (project.root / ".ckptflow").exists()


def test_load_open_and_show(make):
    project = make({
        "pipeline.yaml": CALL,
        "work.py": "def a(rows):\n    return rows\n",
        "rows.csv": "x\n1\n2\n3\n",
    })  # fmt: skip
    with pytest.raises(DepMissing, match="not made yet"):
        project.load("a")
    project.repro()
    assert project.load("a.parquet").column("x").to_pylist() == [1, 2, 3]
    assert project.load("a").num_rows == 3
    assert sum(1 for _ in project.open("a").to_table().column("x")) == 3
    view = project.show("a", rows=2)
    assert (view.rows, view.chunks, view.preview) == (3, 2, ((1,), (2,)))
    with pytest.raises(TargetNotFound):
        project.load("zzz")


def test_the_checkpoint_keeps_the_code_that_ran(make):
    files = {"pipeline.yaml": CALL, "work.py": "def a(rows):\n    return rows\n", "rows.csv": "x\n1\n2\n3\n"}
    project = make(files)
    project.repro()
    make({"work.py": "def a(rows):\n    return rows.slice(0)\n"})
    (stage,) = project.why(["a"]).stages
    (change,) = stage.code_changes
    assert (change.symbol, change.change) == ("work:a", "changed")
    assert "+    return rows.slice(0)" in change.diff
    assert stage.reasons[0].text == "its code changed: work:a changed"


def test_a_run_is_kept_for_the_log(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    result = project.repro()
    project.repro()
    (entry,) = project.log()
    assert (entry.run, entry.outcome, entry.ran) == (result.run, "ok", 1)


def test_logs_of_old_runs_go(make, tmp_path, write_files):
    write_files(tmp_path, {"pipeline.yaml": "stages: {a: {cmd: 'echo x | tee a.txt', outs: [a.txt]}}\n"})
    project = Project(tmp_path, overrides={"keep_logs": 2, "jobs": 1}, env={})
    for _ in range(4):
        project.repro(options=ReproOptions(force=True))
    assert len([p for p in (tmp_path / ".ckptflow/logs").iterdir() if p.is_dir()]) <= 2


def test_git_ignores_what_is_not_to_be_kept(make):
    project = make({"pipeline.yaml": COPY, "in.txt": "x"})
    project.repro()
    ignored = (project.root / ".ckptflow/.gitignore").read_text().split()
    made = {f"/{p.name}" for p in (project.root / ".ckptflow").iterdir()} - {"/.gitignore"}
    covered = {p for p in made if any(p.startswith(rule.rstrip("*/")) for rule in ignored)}
    assert covered == made


HANDED_ON = """
    stages:
      ids:
        call: work:number
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 2, cut: fixed}
        carry: {initial: {last: 0}}
        outs: {ids: ids.parquet}
      total:
        call: work:count
        combine: work:add
        deps: {rows: ids.parquet}
        chunk: {over: rows, rows: 2, cut: fixed}
        outs: {total: total.json}
"""
NUMBERING = """
    def number(rows, state):
        last = state["last"] + rows.num_rows
        return {"id": [last] * rows.num_rows}, {"last": last}

    def count(rows):
        return rows.num_rows

    def add(left, right):
        return left + right
"""


def test_a_lock_entry_is_enough_where_chunks_hand_on_a_state_or_are_merged(make):
    project = make({"pipeline.yaml": HANDED_ON, "work.py": NUMBERING, "rows.csv": "x\n1\n2\n3\n4\n5\n"})
    assert project.repro().ok
    state = project.root / ".ckptflow"
    shutil.rmtree(state / "store/records")
    shutil.rmtree(state / "fresh")
    for path in state.glob("cache.db*"):
        path.unlink()
    assert [(s.stage, s.state, s.ran) for s in project.repro().stages] == [("ids", "fresh", 0), ("total", "fresh", 0)]
