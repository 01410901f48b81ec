"""`Project.checkpoints`, and what a process that listens hears of a pipeline's checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints.locks import hold
from ckptflow.engine.stored import ChunkStatus
from ckptflow.errors import CheckpointError, CheckpointNotFound, Locked, StoreDamaged, UsageError, VersionNotFound
from ckptflow.project import Project

PIPELINE = """
stages:
  copy: {cmd: cp in.txt out.txt, deps: [in.txt], outs: [out.txt], checkpoint: {keep: 2}}
  odd.name+1: {cmd: cp out.txt end.txt, deps: [out.txt], outs: [end.txt]}
"""


@pytest.fixture
def project(tmp_path: Path, write_files: Callable[..., None], open_project: Callable[[Path], Project]) -> Project:
    write_files(tmp_path, {"pipeline.yaml": PIPELINE, "in.txt": "one"})
    return open_project(tmp_path)


def test_looking(project: Project) -> None:
    found = project.checkpoints
    assert found.list() == [] and found.chunks() == () and found.trashed() == [] and found.forgotten() == {}
    with pytest.raises(CheckpointError):
        found.report("copy")
    run = project.repro().run
    assert [c.stage for c in found.list()] == ["copy", "odd.name+1"]
    (one,) = found.list(["copy"])
    assert (one.processed, one.total, one.latest, one.run) == (1, 1, True, run)
    report = found.report("copy")
    assert (report.unit, report.processed, report.running, report.seconds_left) == ("chunks", 1, None, 0.0)
    assert found.document(one.id)["checkpoint_id"] == one.id == report.id
    assert [c.state for c in found.chunks()] == [ChunkStatus.VALID] * 2
    assert found.verify(deep=True).findings == ()
    assert project.run(run).result is not None and len(project.run(run).checkpoints) == 2
    with pytest.raises(VersionNotFound):
        project.run("2999")
    with pytest.raises(CheckpointNotFound):
        found.list(["nobody"])


def test_a_damaged_one_is_an_error_where_it_is_asked_for(project: Project) -> None:
    project.repro()
    (one,) = project.checkpoints.list(["copy"])
    path = project.root / ".ckptflow/store" / one.file
    path.write_text("{")
    with pytest.raises(StoreDamaged):
        project.checkpoints.report(one.file)
    with pytest.raises(CheckpointError, match="no valid checkpoint of copy") as raised:
        project.checkpoints.report("copy")
    assert "1 are damaged" in str(raised.value.hint)


def test_putting_away_and_having_back(project: Project) -> None:
    project.repro()
    found = project.checkpoints
    (one,) = found.list(["copy"])
    with pytest.raises(UsageError):
        found.prune([one.id])
    with pytest.raises(UsageError):
        found.remove(["copy"])
    assert found.prune(keep=1, yes=True).is_empty
    assert found.remove([one.id]).done is False and found.list(["copy"]) == [one]
    away = found.remove([one.id, "copy#0"], yes=True)
    assert away.done and [g.checkpoint.file for g in away.documents] == [one.file] and len(away.chunks) == 1
    assert found.list(["copy"]) == [] and [c.file for c in found.trashed()] == [one.file]
    assert {stage: n for (stage, _), n in found.forgotten().items()} == {"copy": 1}
    (view,) = [s for s in project.status().stages if s.stage == "copy"]
    assert [r.cause for r in view.reasons] == ["forgotten"]
    back = found.restore()
    assert back.latest == (one.file,) and back.records == (("copy", 1),) and back.notes == ()
    assert project.repro().stages[0].state == "fresh"
    assert found.list(["copy"]) == [one]


def test_who_changes_something_takes_the_lock(project: Project) -> None:
    project.repro()
    with hold(project.root / ".ckptflow/store", ["pipeline pipeline.yaml"], run="r1", timeout=0):
        assert len(project.checkpoints.list()) == 2
        assert project.checkpoints.remove(["copy#0"]).chunks
        for work in (
            lambda: project.checkpoints.remove(["copy#0"], yes=True),
            lambda: project.checkpoints.prune(yes=True),
            lambda: project.checkpoints.restore(),
        ):
            with pytest.raises(Locked, match="run r1"):
                work()


def test_a_process_that_listens_hears_of_every_operation(project: Project, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "ckptflow.checkpoints")
    project.repro()
    (one,) = project.checkpoints.list(["copy"])
    folder = project.root / ".ckptflow/store/checkpoints/copy"
    (project.root / ".ckptflow/store" / one.file).unlink()
    old = [f"copy_2026010{day}000000_failed.json" for day in (1, 2, 3)]
    for name in old:
        (folder / name).write_text("{")
    (project.root / "in.txt").write_text("two")
    project.repro()
    project.checkpoints.prune(corrupt=True, yes=True)
    project.checkpoints.restore()
    said = [(r.levelname, r.getMessage()) for r in caplog.records]
    name = "checkpoint checkpoints/copy/copy_2026010"
    for level, text in (
        ("INFO", f"checkpoint {one.file} written (completed, 1 of 1 done); latest.json points to it"),
        *(("WARNING", f"{name}{day}000000_failed.json passed over: corrupt") for day in (1, 2, 3)),
        *(("INFO", f"{name}{day}000000_failed.json removed: 2 are kept") for day in (1, 2)),
        ("INFO", f"{name}3000000_failed.json put away: corrupt"),
        ("INFO", f"{name}3000000_failed.json restored"),
    ):
        assert any(level == lv and text in message for lv, message in said), (level, text, said)
