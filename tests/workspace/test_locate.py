from __future__ import annotations

import pytest

from ckptflow.errors import ProjectNotFound
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
