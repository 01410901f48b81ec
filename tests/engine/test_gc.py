"""`gc` on whole projects: what counts, and that no run is disturbed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints.locks import STORE, hold, share
from ckptflow.engine.gc import GcOptions
from ckptflow.errors import Locked, RootUnreadable
from ckptflow.project import Project

NOW = GcOptions(grace=0, keep_runs=0, yes=True)
PIPELINE = """
stages:
  copy:
    cmd: cp in.txt out.txt && mkdir -p d && cp in.txt d/a.txt
    deps: [in.txt]
    outs: [out.txt, d]
"""


@pytest.fixture
def project(
    tmp_path: Path,
    write_files: Callable[..., None],
    open_project: Callable[[Path], Project],
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    who = {f"GIT_{role}_{what}": f"a@{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for name, value in {**who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}.items():
        monkeypatch.setenv(name, value)
    write_files(tmp_path, {"pipeline.yaml": PIPELINE, "in.txt": "one", ".gitignore": "/out.txt\n/d\n/.ckptflow\n"})
    return open_project(tmp_path)


def git(project: Project, *args: str) -> None:
    subprocess.run(["git", "-C", str(project.root), *args], check=True, capture_output=True)


def run(project: Project, text: str) -> Any:
    (project.root / "in.txt").write_text(text)
    result = project.repro()
    assert result.ok
    return result.stages[0]


def contents(project: Project) -> set[bytes]:
    objects = project.root / ".ckptflow/store/objects"
    return {path.read_bytes() for path in objects.rglob("*") if path.is_file()}


def versions(project: Project) -> set[str]:
    """The texts of which the store still has the out."""
    return {text for text in ("one", "two two", "three") if text.encode() in contents(project)}


def test_without_yes_nothing_changes(project: Project) -> None:
    run(project, "one")
    run(project, "two two")
    before = contents(project)
    found = project.gc(options=GcOptions(grace=0, keep_runs=0))
    assert sum(g.bytes for g in found.groups) > 0 and not found.done and found.waiting is None
    assert contents(project) == before


def test_what_the_workspace_does_not_use_goes(project: Project) -> None:
    run(project, "one")
    run(project, "two two")
    found = project.gc(options=NOW)
    assert found.done and {g.what for g in found.groups} >= {"copy", "runs", "records"}
    assert versions(project) == {"two two"} and project.verify(deep=True) == []
    assert run(project, "two two").state == "fresh"
    assert run(project, "one").ran == 1, "gone, and made again"
    assert project.gc(options=NOW).done and project.gc(options=NOW).groups == ()


def test_young_things_and_recent_runs_stay(project: Project) -> None:
    run(project, "one")
    run(project, "two two")
    assert project.gc(options=GcOptions(yes=True)).groups == ()
    project.gc(options=GcOptions(grace=0, keep_runs=2, yes=True))
    assert versions(project) == {"one", "two two"}
    assert run(project, "one").ran == 0, "its record was kept with it"


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, {"three"}),
        ({"branches": True}, {"two two", "three"}),
        ({"tags": True}, {"one", "three"}),
        ({"commits": True}, {"one", "two two", "three"}),
        ({"revisions": ("HEAD~1", "v1")}, {"one", "three"}),
    ],
)
def test_what_revisions_use_stays(project: Project, options: dict[str, Any], kept: set[str]) -> None:
    git(project, "init", "-q", "-b", "main")
    for text in ("one", "two two"):
        run(project, text)
        git(project, "add", "-A")
        git(project, "commit", "-qm", text)
    git(project, "tag", "v1", "HEAD~1")
    run(project, "three")
    project.gc(options=GcOptions(grace=0, keep_runs=0, yes=True, **options))
    assert versions(project) == kept and project.verify(deep=True) == []
    if "two two" in kept:
        git(project, "checkout", "-qf", "main")
        assert project.repro().stages[0].ran == 0
        assert (project.root / "out.txt").read_text() == "two two"


def test_a_lock_file_in_a_directory_of_its_own_counts(
    project: Project, write_files: Callable[..., None], open_project: Callable[[Path], Project]
) -> None:
    write_files(project.root, {"sub/dvc.yaml": PIPELINE, "sub/in.txt": "three"})
    run(project, "one")
    inside = open_project(project.root / "sub")
    assert inside.repro().ok
    project.gc(options=NOW)
    assert versions(project) == {"one", "three"} and project.verify(deep=True) == []
    names = {path.parent.name for path in project.root.glob(".ckptflow/store/checkpoints/*/*")}
    assert len(names) == 2, "the checkpoints of both stages stay"


def test_a_lock_file_that_cannot_be_read_stops_it(project: Project) -> None:
    run(project, "one")
    run(project, "two two")
    (project.root / "pipeline.lock").write_text("<<<<<<< ours\n")
    before = contents(project)
    with pytest.raises(RootUnreadable, match=r"pipeline\.lock cannot be read"):
        project.gc(options=NOW)
    assert contents(project) == before


def test_nothing_is_deleted_while_a_run_is_in_progress(project: Project) -> None:
    run(project, "one")
    run(project, "two two")
    store = project.root / ".ckptflow/store"
    with share(store, run="theirs"):
        found = project.gc(options=NOW)
        assert not found.done and "theirs" in (found.waiting or "") and found.groups
        assert versions(project) == {"one", "two two"}
    assert project.gc(options=NOW).done
    assert versions(project) == {"two two"}


def test_a_run_waits_for_who_deletes(project: Project, open_project: Callable[[Path], Project], tmp_path: Path) -> None:
    run(project, "one")
    (project.root / "in.txt").write_text("two two")
    hasty = Project(project.root, overrides={"jobs": 1, "lock_timeout": 0.01}, env={"HOME": str(tmp_path)})
    with hold(project.root / ".ckptflow/store", [STORE], timeout=0), pytest.raises(Locked, match="store"):
        hasty.repro()


def test_a_pipeline_with_mistakes_costs_no_checkpoint(project: Project) -> None:
    run(project, "one")
    (project.root / "pipeline.yaml").write_text("stages: {copy: {}}\n")
    (project.root / "pipeline.lock").unlink()
    found = project.gc(options=NOW)
    assert any("mistakes" in note for note in found.notes)
    assert list(project.root.glob(".ckptflow/store/checkpoints/copy/*_completed.json"))


def test_no_store_is_no_garbage(project: Project) -> None:
    assert project.gc(options=NOW).groups == ()
    assert not (project.root / ".ckptflow").exists()


def test_what_it_says_can_be_json(project: Project) -> None:
    import dataclasses

    run(project, "one")
    run(project, "two two")
    doc = json.loads(json.dumps(dataclasses.asdict(project.gc(options=GcOptions(grace=0, keep_runs=1)))))
    assert doc["counted"] == "the workspace, the latest run" and doc["groups"][0]["bytes"] > 0


def test_a_remote_is_cleaned_up_in_two_calls(
    tmp_path: Path, write_files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    root = tmp_path / "project"
    config = "remotes: {origin: ../shared}\nremote: origin\nsync: auto\n"
    write_files(root, {"pipeline.yaml": PIPELINE, "in.txt": "one", ".ckptflow/config.yaml": config})
    project = Project(root, overrides={"jobs": 1}, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    run(project, "one")
    run(project, "two two")
    options = GcOptions(grace=0, keep_runs=0, yes=True)
    assert project.gc(options=options, remote="origin").condemned == (), "all is young: a remote waits for an hour"
    age(tmp_path / "shared")
    found = project.gc(options=GcOptions(grace=0, keep_runs=0), remote="origin", jobs=2)
    assert found.condemned and not found.done and not list((tmp_path / "shared/condemned").glob("*.json"))
    found = project.gc(options=options, remote="origin")
    assert found.done and {g.what for g in found.groups} == {"runs"} and found.condemned
    (document,) = (tmp_path / "shared/condemned").glob("*.json")
    found = project.gc(options=options, remote="origin")
    assert found.pending_bytes > 0 and found.due is not None and 0 < found.due <= 3600
    shutil.rmtree(root / ".ckptflow/store")
    shutil.rmtree(root / ".ckptflow/remotes")
    for name in ("out.txt", "d/a.txt"):
        (root / name).unlink()
    assert not project.pull().missing and (root / "out.txt").read_text() == "two two"
    assert document.exists()


def age(folder: Path) -> None:
    """Make all files of a directory ten days old."""
    then = time.time() - 10 * 86400
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))
