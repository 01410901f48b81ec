"""`artifacts list` and `datasets list`: what all pipeline files of a project give a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow import Project

Run = Callable[..., Any]

TOP = """\
artifacts:
  model:
    path: models/m.pkl
    type: model
    labels: [small, fast]
    desc: |
      The best
      of all
    meta: {from: here}
datasets:
  - {name: faces, type: dvc, url: https://example.org/faces, rev: main, path: data}
  - {name: rows, type: dc, url: dc://rows}
"""
NOTED = """\
schema: '2.0'
datasets:
- {name: faces, type: dvc, url: https://example.org/faces, rev: main, path: data, rev_lock: 12ab}
- {name: rows, type: dc, url: dc://rows, version: 3}
- {name: gone, type: url, url: https://example.org}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two pipeline files, worked in at its top."""
    (tmp_path / "sub").mkdir()
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text(TOP)
    (tmp_path / "dvc.lock").write_text(NOTED)
    (tmp_path / "sub" / "dvc.yaml").write_text("artifacts: {plain: {path: out.txt}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_artifacts_for_people(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("artifacts", "list").out.splitlines() == [
        "ARTIFACT            TYPE   PATH          LABELS       DESCRIPTION",
        "model               model  models/m.pkl  small, fast  The best",
        "sub/dvc.yaml:plain         sub/out.txt",
    ]
    monkeypatch.chdir(here / "sub")
    names = [line.split()[0] for line in run("artifacts", "list").out.splitlines()[1:]]
    assert names == ["plain", "../dvc.yaml:model"]


def test_artifacts_for_programs(run: Run, here: Path) -> None:
    assert json.loads(run("artifacts", "list", "--json").out) == {
        "artifacts": [
            {
                "artifact": "model",
                "file": "dvc.yaml",
                "path": "models/m.pkl",
                "type": "model",
                "desc": "The best\nof all\n",
                "labels": ["small", "fast"],
                "meta": {"from": "here"},
            },
            {
                "artifact": "sub/dvc.yaml:plain",
                "file": "sub/dvc.yaml",
                "path": "sub/out.txt",
                "type": None,
                "desc": None,
                "labels": [],
                "meta": None,
            },
        ]
    }


def test_datasets(run: Run, here: Path) -> None:
    assert run("datasets", "list").out.splitlines() == [
        "DATASET  TYPE  REV   LOCKED  PATH  URL",
        "faces    dvc   main  12ab    data  https://example.org/faces",
        "rows     dc          3             dc://rows",
    ]
    faces, rows = json.loads(run("datasets", "list", "--json").out)["datasets"]
    assert (faces["dataset"], faces["lock"]) == ("faces", {"rev_lock": "12ab"})
    assert rows["lock"] == {"version": 3}


def test_none(run: Run, here: Path) -> None:
    (here / "dvc.yaml").write_text("stages: {}\n")
    (here / "sub" / "dvc.yaml").unlink()
    assert run("artifacts", "list").out == "No artifacts.\n"
    assert run("datasets", "list").out == "No datasets.\n"


def test_in_python(here: Path) -> None:
    project = Project(here)
    assert [(a.name, a.file, a.path) for a in project.artifacts()] == [
        ("model", "dvc.yaml", "models/m.pkl"),
        ("plain", "sub/dvc.yaml", "sub/out.txt"),
    ]
    assert [(d.name, d.rev, dict(d.lock)) for d in project.datasets()] == [
        ("faces", "main", {"rev_lock": "12ab"}),
        ("rows", None, {"version": 3}),
    ]


def test_nothing_of_dvc_is_read_without_it(here: Path) -> None:
    (here / "dvc.lock").unlink()
    (here / ".dvc").rmdir()
    assert [dict(dataset.lock) for dataset in Project(here).datasets()] == [{}, {}]
