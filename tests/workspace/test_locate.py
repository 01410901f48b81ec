from __future__ import annotations

import pytest

from ckptflow.errors import ProjectNotFound
from ckptflow.workspace.discover import walk
from ckptflow.workspace.locate import find_project


def test_the_nearest_pipeline_upwards(tmp_path, write):
    write("pipeline.yaml")
    write("sub/deep/x")
    found = find_project(tmp_path / "sub/deep")
    assert (found.root, found.file) == (tmp_path, "pipeline.yaml")
    assert found.state == tmp_path / ".ckptflow"
    assert found.lock == tmp_path / "pipeline.lock"
    write("sub/dvc.yaml")
    assert find_project(tmp_path / "sub/deep").file == "dvc.yaml"
    assert find_project(tmp_path / "sub/deep").root == tmp_path / "sub"


def test_our_file_comes_before_dvcs(tmp_path, write):
    write("pipeline.yaml")
    write("dvc.yaml")
    assert find_project(tmp_path).file == "pipeline.yaml"


def test_a_lock_file_of_our_own_beside_dvcs(tmp_path, write):
    write("dvc.yaml")
    write("dvc.lock")
    assert find_project(tmp_path).lock.name == "dvc.ckptflow.lock"


def test_a_named_file(tmp_path, write):
    write("sub/other.yaml")
    assert find_project(tmp_path, "sub/other.yaml").root == tmp_path / "sub"
    (tmp_path / ".ckptflow").mkdir()
    found = find_project(tmp_path, "sub/other.yaml")
    assert (found.root, found.file) == (tmp_path, "sub/other.yaml")
    with pytest.raises(ProjectNotFound, match=r"nothing\.yaml"):
        find_project(tmp_path, "nothing.yaml")


def test_two_files_in_one_directory_have_two_locks(tmp_path, write):
    write("a.yaml")
    write("b.yaml")
    assert find_project(tmp_path, "a.yaml").lock != find_project(tmp_path, "b.yaml").lock


def test_no_project(tmp_path):
    with pytest.raises(ProjectNotFound) as error:
        find_project(tmp_path)
    assert "ckptflow init" in error.value.hint


def test_a_marker_makes_the_root(tmp_path, write):
    write("sub/dvc.yaml")
    (tmp_path / ".dvc").mkdir()
    found = find_project(tmp_path / "sub")
    assert (found.root, found.file, found.here) == (tmp_path, "sub/dvc.yaml", "sub")
    assert found.lock_of("sub/dvc.yaml") == tmp_path / "sub/dvc.ckptflow.lock"
    (tmp_path / "sub/.git").mkdir()  # another repository
    assert find_project(tmp_path / "sub").root == tmp_path / "sub"


def test_without_a_pipeline_file_upwards_all_below_are_meant(tmp_path, write):
    write("a/dvc.yaml")
    write("b/pipeline.yaml")
    write("b/dvc.yaml")
    found = find_project(tmp_path)
    assert (found.root, found.file) == (tmp_path, "")
    assert found_files(found) == ("a/dvc.yaml", "b/pipeline.yaml")


def test_pipeline_files_are_found_below_but_not_everywhere(tmp_path, write):
    for name in ("dvc.yaml", "a/b/dvc.yaml", "a/pipeline.yaml", ".hidden/dvc.yaml", "node_modules/x/dvc.yaml"):
        write(name)
    write("venv/pyvenv.cfg")
    write("venv/lib/dvc.yaml")
    write("other/.dvc/config")
    write("other/dvc.yaml")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert found_files(find_project(tmp_path)) == ("dvc.yaml", "a/pipeline.yaml", "a/b/dvc.yaml")
    write("pipeline.yaml")
    assert found_files(find_project(tmp_path, "dvc.yaml"))[0] == "dvc.yaml"
    assert found_files(find_project(tmp_path))[0] == "pipeline.yaml"
    write("mine.yaml")
    alone = find_project(tmp_path, "mine.yaml")
    assert (alone.alone, found_files(alone)) == (True, ("mine.yaml",))


def found_files(location):
    return location.files((directory, names) for directory, _, names in walk(str(location.root)))


@pytest.mark.parametrize("name", [".dvcignore", ".ckptflowignore"])
def test_what_is_ignored(tmp_path, write, name):
    for file in ("dvc.yaml", "old/dvc.yaml", "a/old/dvc.yaml", "a/keep/dvc.yaml", "b/dvc.yaml"):
        write(file)
    (tmp_path / name).write_text("old/\n")
    (tmp_path / "b" / name).write_text("dvc.yaml\n")
    assert found_files(find_project(tmp_path)) == ("dvc.yaml", "a/keep/dvc.yaml")
