from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

from ckptflow.cli import starter

Run = Callable[..., Any]


def tree(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def test_what_is_written(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "my project"
    ran = run("init", str(root))
    assert ran.code == 0
    files = tree(root)
    assert sorted(files) == [
        ".ckptflow/config.yaml",
        ".ckptflow/pipeline.schema.json",
        ".gitignore",
        "data/orders.csv",
        "params.yaml",
        "pipeline.yaml",
        "stages.py",
    ]
    assert ran.out.endswith(f"Next:  cd '{root}' && ckptflow repro\n")
    assert json.loads(files[".ckptflow/pipeline.schema.json"])["$schema"]
    assert "/.ckptflow/store/" in files[".gitignore"].splitlines()


def test_a_second_time_changes_nothing(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path))
    before = tree(tmp_path)
    ran = run("init", str(tmp_path))
    assert ran.code == 0 and "created" not in ran.out
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["stages.py", "params.yaml", "data/orders.csv", "stages/__init__.py"])
def test_what_is_there_is_kept_and_the_example_left_out(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine: 1\n")
    ran = run("init", str(tmp_path))
    assert ran.code == 0 and "already" in ran.out
    files = tree(tmp_path)
    assert files[name] == "mine: 1\n"
    assert files["pipeline.yaml"] == starter.BARE_PIPELINE
    assert not {"stages.py", "params.yaml", "data/orders.csv"} - {name} & set(files)


@pytest.mark.parametrize("name", ["pipeline.yaml", "dvc.yaml"])
def test_a_pipeline_that_is_there_is_adopted(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("stages: {a: {cmd: 'true'}}\n")
    ran = run("init", str(tmp_path))
    assert sorted(tree(tmp_path)) == sorted(
        [".ckptflow/config.yaml", ".ckptflow/pipeline.schema.json", ".gitignore", name]
    )
    assert "Next:" in ran.out and ran.out.endswith("ckptflow repro\n")


def test_bare(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("init", "--bare")
    assert "stages.py" not in tree(tmp_path)
    assert ran.out.endswith("Next:  edit pipeline.yaml\n")


def test_gitignore_is_added_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n.ckptflow/store/\n# no end of line")
    run("init", str(tmp_path))
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[:3] == ["*.pyc", ".ckptflow/store/", "# no end of line"]
    assert "/.ckptflow/store/" not in lines and "/.ckptflow/logs/" in lines


def test_a_place_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run("init", str(tmp_path / "file" / "project"))
    assert ran.code == 2 and "cannot write" in ran.err


def test_a_dangling_link_is_not_written_through(run: Run, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / "pipeline.yaml")
    run("init", str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


def test_the_example_is_the_same_every_time() -> None:
    assert starter.orders_csv(50) == starter.orders_csv(50)
    assert starter.orders_csv(50).count("\n") == 51


def test_the_examples_functions_work_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(starter.orders_csv())
    module: dict[str, Any] = {}
    exec(compile(starter.STAGES, "stages.py", "exec"), module)
    orders = module["load"](pyarrow.csv.read_csv(path))
    customers = module["customers"](orders, large_order=400.0)
    assert orders.num_rows == 5000
    assert sum(customers["orders"].to_pylist()) == 5000
    assert customers.equals(module["customers"](orders, large_order=400.0))
    empty = module["customers"](orders.slice(0, 0), large_order=400.0)
    assert empty.schema == customers.schema and empty.num_rows == 0
    assert isinstance(customers, pa.Table)
