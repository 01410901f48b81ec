"""Edits through the Python API: files, lock files, checkpoints; what was finished stays finished."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ckptflow.engine import editing
from ckptflow.errors import EditRefused, OutEdited, TargetNotFound, UsageError
from ckptflow.project import Project
from ckptflow.spec.edit.typed import Assignment, parse_assignment
from ckptflow.store import layout
from ckptflow.store.protocol import Entry

Files = Callable[[Path, Mapping[str, str]], None]
Open = Callable[[Path], Project]

PIPELINE = """\
# the pipeline
stages:
  # loads
  load:
    call: work:load
    deps: {raw: rows.csv}
    outs: {table: table.parquet}

  fit:
    foreach: [a, b]
    do:
      cmd: cp names.txt ${item}.txt
      deps: [names.txt]
      outs: ["${item}.txt"]

  join:
    cmd: cat a.txt b.txt > joined.txt
    deps:
      - stage: fit   # both
      - stage: sub/dvc.yaml:last
    outs: [joined.txt]
"""
SUB = """\
stages:
  last:
    cmd: cp ../names.txt last.txt   # é
    deps:
      - ../names.txt
    outs:
      - last.txt
  after:
    cmd: cat ../a.txt > after.txt
    deps:
      - stage: ../pipeline.yaml:fit@a
    outs:
      - after.txt
"""
WORK = """\
def load(raw):
    return raw
"""


@pytest.fixture
def project(tmp_path: Path, write_files: Files, open_project: Open) -> Project:
    root = tmp_path / "a project"
    files = {"pipeline.yaml": PIPELINE, "work.py": WORK, "rows.csv": "x\n1\n2\n", "names.txt": "n\n"}
    write_files(root, {**files, "sub/dvc.yaml": SUB, ".ckptflow/config.yaml": ""})
    return open_project(root)


def stale(project: Project) -> list[str]:
    return [str(s.stage) for s in project.status().stages if s.state != "fresh"]


def text(project: Project, name: str = "pipeline.yaml") -> str:
    return (project.root / name).read_text()


def run(project: Project) -> None:
    from ckptflow.project import ReproOptions

    project.repro(check=True, options=ReproOptions(all_pipelines=True))
    assert stale(project) == []


@pytest.mark.parametrize("old", ["load", "fit", "join", "sub/dvc.yaml:last"])
def test_a_renamed_stage_is_as_finished_as_before(project: Project, old: str) -> None:
    run(project)
    edited = project.rename_stage(old, "other")
    assert stale(project) == []
    assert not any(s.local == "other" and s.name == old for s in project.stages(every=True))
    assert f"{old.partition(':')[2] or old}:" not in "".join(e.after for e in edited.edits)
    again = project.rename_stage(old.replace(old.rpartition(":")[2], "other"), old.rpartition(":")[2])
    assert {e.file for e in again.edits} == {e.file for e in edited.edits}
    assert (text(project), text(project, "sub/dvc.yaml")) == (PIPELINE, SUB)
    assert stale(project) == []


def test_a_renaming_changes_every_reference_and_nothing_else(project: Project) -> None:
    project.rename_stage("fit", "each")
    project.rename_stage("sub/dvc.yaml:last", "final")
    after = PIPELINE.replace("  fit:", "  each:").replace("stage: fit ", "stage: each ").replace(":last", ":final")
    assert text(project) == after
    after = SUB.replace("  last:", "  final:").replace("fit@a", "each@a")
    assert text(project, "sub/dvc.yaml") == after


def test_a_renamed_stage_still_shows_what_changed_in_its_code(project: Project, write_files: Files) -> None:
    run(project)
    project.rename_stage("load", "fetch")
    assert any(e.name.startswith(layout.stage_folder("fetch")) for e in project_store(project))
    write_files(project.root, {"work.py": "def load(raw):\n    return raw.slice(0)\n"})
    (view,) = project.why(["fetch"]).stages
    assert "slice(0)" in str(view)


def project_store(project: Project) -> list[Entry]:
    from ckptflow.store.local import LocalStore

    store = LocalStore(project.root / ".ckptflow/store")
    try:
        return list(store.list("checkpoints/"))
    finally:
        store.close()


def test_a_dry_edit_writes_nothing(project: Project) -> None:
    run(project)
    before = snapshot(project.root)
    for edited in (
        project.rename_stage("fit", "each", dry=True),
        project.remove_stages(["join"], outs=True, dry=True),
        project.set_stage("load", [parse_assignment("retries=2")], dry=True),
        project.freeze(["load", "sub/dvc.yaml:last"], dry=True),
        project.add_stage("new", {"cmd": "true"}, dry=True),
    ):
        assert edited.edits and all(e.before != e.after for e in edited.edits)
    assert snapshot(project.root) == before


def snapshot(root: Path) -> dict[str, bytes]:
    state = root / ".ckptflow"
    return {
        str(p): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and (state not in p.parents or "store" in p.parts)
    }


def test_a_removed_stage_leaves_the_lock_file_and_its_outs_stay(project: Project) -> None:
    run(project)
    edited = project.remove_stages(["load"])
    assert text(project) == PIPELINE.replace(PIPELINE[PIPELINE.index("  # loads") : PIPELINE.index("  fit:")], "")
    assert '"load"' not in text(project, "pipeline.lock") and '"join"' in text(project, "pipeline.lock")
    assert (project.root / "table.parquet").exists()
    assert edited.notes == ()


def test_outs_are_deleted_when_that_is_asked_for(project: Project) -> None:
    run(project)
    project.remove_stages(["join", "sub/dvc.yaml:after", "load"], outs=True)
    left = {p.name for p in project.root.rglob("*") if p.is_file() and ".ckptflow" not in p.parts}
    assert {"a.txt", "b.txt", "last.txt"} <= left and not {"joined.txt", "after.txt", "table.parquet"} & left
    assert stale(project) == []


def test_an_out_that_was_edited_is_not_deleted_and_nothing_is_changed(project: Project) -> None:
    run(project)
    (project.root / "joined.txt").unlink()
    (project.root / "joined.txt").write_text("mine\n")
    with pytest.raises(OutEdited):
        project.remove_stages(["join"], outs=True)
    assert text(project) == PIPELINE and (project.root / "joined.txt").read_text() == "mine\n"


def test_a_stage_that_is_named_by_others_cannot_go(project: Project) -> None:
    with pytest.raises(EditRefused) as caught:
        project.remove_stages(["fit"])
    assert [p.code for p in caught.value.problems] == ["CF190", "CF165", "CF165"]
    assert text(project) == PIPELINE


def test_who_reads_what_a_removed_stage_made_is_told(project: Project, write_files: Files) -> None:
    write_files(
        project.root, {"pipeline.yaml": PIPELINE + "  show:\n    cmd: cat joined.txt\n    deps: [joined.txt]\n"}
    )
    edited = project.remove_stages(["join"])
    assert edited.notes == ("`show` reads what `join` made; no stage makes it now",)


def test_dvcs_lock_file_follows(project: Project, write_files: Files) -> None:
    lock = "schema: '2.0'\nstages:\n  last:\n    cmd: x   # c\n  fit@a:\n    cmd: y\n"
    write_files(project.root, {"sub/dvc.lock": lock})
    project.rename_stage("sub/dvc.yaml:last", "final")
    assert text(project, "sub/dvc.lock") == lock.replace("last:", "final:")
    project.rename_stage("sub/dvc.yaml:final", "last")
    write_files(project.root, {"pipeline.yaml": PIPELINE.replace("      - stage: sub/dvc.yaml:last\n", "")})
    project.remove_stages(["sub/dvc.yaml:last"])
    assert text(project, "sub/dvc.lock") == "schema: '2.0'\nstages:\n  fit@a:\n    cmd: y\n"


def test_several_stages_of_several_files_at_once(project: Project) -> None:
    edited = project.freeze(["load", "fit", "sub/dvc.yaml:last"])
    assert [e.file for e in edited.edits] == ["pipeline.yaml", "sub/dvc.yaml"]
    assert text(project).count("frozen: true") == 2
    project.unfreeze(["load", "fit", "sub/dvc.yaml:last"])
    assert (text(project), text(project, "sub/dvc.yaml")) == (PIPELINE, SUB)


def test_all_files_are_written_or_none(project: Project) -> None:
    (project.root / "sub/dvc.yaml").chmod(0o444)
    with pytest.raises(EditRefused, match="read-only"):
        project.freeze(["load", "sub/dvc.yaml:last"])
    with pytest.raises(EditRefused, match="read-only"):
        project.rename_stage("fit", "each")
    assert text(project) == PIPELINE


def test_an_interrupted_renaming_puts_all_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run(project)
    before = snapshot(project.root)
    real = editing.texts.replace

    def replace(file: editing.TextFile, new: str) -> None:
        if file.name == "sub/dvc.yaml":
            raise KeyboardInterrupt
        real(file, new)

    monkeypatch.setattr(editing.texts, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        project.rename_stage("fit", "each")
    after = {k: v for k, v in snapshot(project.root).items() if "checkpoints" not in k}
    assert after == {k: v for k, v in before.items() if "checkpoints" not in k}
    assert stale(project) == []


def test_edits_beside_each_other_lose_nothing(project: Project) -> None:
    threads = [threading.Thread(target=project.add_stage, args=(f"s{n}", {"cmd": f"echo {n}"})) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"s{n}" for n in range(4)} <= {s.name for s in project.stages()}


def test_the_first_stage_begins_the_file(tmp_path: Path) -> None:
    project = Project(tmp_path, begin=True)
    project.add_stage("a", {"cmd": "true"}, dry=True)
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(EditRefused):
        project.add_stage("a", {"cmd": "true", "wrong": 1})
    assert [*tmp_path.iterdir()] == []
    project.add_stage("a", {"cmd": "true"})
    assert (tmp_path / "pipeline.yaml").read_text() == (
        "# yaml-language-server: $schema=.ckptflow/pipeline.schema.json\nstages:\n  a:\n    cmd: 'true'\n".replace(
            "'", '"'
        )
    )
    assert (tmp_path / ".ckptflow/pipeline.schema.json").exists()
    assert [s.name for s in Project(tmp_path).stages()] == ["a"]


def test_a_new_file_in_a_directory_of_a_project(project: Project) -> None:
    new = project.root / "new"
    new.mkdir()
    Project(new, file="pipeline.yaml", begin=True).add_stage("a", {"cmd": "true"})
    assert (new / "pipeline.yaml").read_text().startswith("# yaml-language-server: $schema=../.ckptflow/pipeline.")
    assert "new/pipeline.yaml:a" in [s.name for s in project.stages(every=True)]


def test_which_stages_are_listed(project: Project) -> None:
    def names(*targets: str, **how: bool) -> list[str]:
        return [s.name for s in project.stages(targets, **how)]

    assert names() == ["load", "fit@a", "fit@b", "join"]
    assert names(every=True) == [*names(), "sub/dvc.yaml:last", "sub/dvc.yaml:after"]
    assert names("fit") == ["fit@a", "fit@b"]
    assert names("sub") == names("sub/dvc.yaml") == ["sub/dvc.yaml:last", "sub/dvc.yaml:after"]
    assert names(".") == names() and names(".", recursive=True) == names(every=True)
    with pytest.raises(TargetNotFound):
        names("nowhere")


def test_how_a_stage_is_written(project: Project) -> None:
    found = project.stage_text("fit@a")
    assert (found.file, found.name, found.line) == ("pipeline.yaml", "fit", 9)
    assert found.lines[0] == "  fit:" and found.lines[-1].strip() == 'outs: ["${item}.txt"]'
    assert project.stage_text("load").lines[0] == "  # loads"
    assert project.stage_text("sub/dvc.yaml:last").lines[1].endswith("# é")
    with pytest.raises(TargetNotFound):
        project.stage_text("sub/dvc.yaml:nothing")
    with pytest.raises(TargetNotFound):
        project.stage_text("nowhere/dvc.yaml:last")


def test_a_stage_by_its_name_alone_where_no_file_is_near(
    tmp_path: Path, write_files: Files, open_project: Open
) -> None:
    stage = "stages:\n  {}:\n    cmd: 'true'\n"
    write_files(
        tmp_path,
        {
            ".ckptflow/config.yaml": "",
            "a/dvc.yaml": stage.format("x"),
            "b/dvc.yaml": stage.format("x") + "  y: {cmd: a}\n",
        },
    )
    project = open_project(tmp_path)
    project.freeze(["y"])
    assert "y: {cmd: a, frozen: true}" in text(project, "b/dvc.yaml")
    with pytest.raises(UsageError, match="several files"):
        project.freeze(["x"])
    with pytest.raises(TargetNotFound):
        project.freeze(["z"])


def test_assignments_are_values_too(project: Project) -> None:
    from ckptflow.spec.edit.typed import Op

    project.set_stage("load", [Assignment("retries", Op.SET, 2)])
    assert text(project) == PIPELINE.replace(
        "    outs: {table: table.parquet}\n", "    outs: {table: table.parquet}\n    retries: 2\n"
    )
