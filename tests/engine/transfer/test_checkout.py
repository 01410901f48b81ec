from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ckptflow.errors import OutEdited
from tests.engine.transfer.world import PIPELINE, Made, clone, content


def test_checkout_keeps_what_was_edited(make: Made, tmp_path: Path, open_project: Any) -> None:
    project = make("first")
    project.repro()
    total, squares = project.root / "data/total.json", project.root / "data/squares.parquet"
    right = total.read_bytes()
    total.unlink()
    total.write_text("by hand")
    shutil.rmtree(squares)
    with pytest.raises(OutEdited):
        project.checkout()
    assert (total.read_text(), squares.exists()) == ("by hand", False), "nothing was touched"
    done = project.checkout(force=True)
    assert {o.path: o.state for o in done.outs} == {"data/total.json": "changed", "data/squares.parquet": "added"}
    assert total.read_bytes() == right
    assert {o.state for o in project.checkout().outs} == {"unchanged"}


def test_checkout_follows_the_lock_file(make: Made) -> None:
    project = make("first")
    project.repro()
    old = (project.root / "pipeline.lock").read_text()
    right = content(project, "data")
    (project.root / "rows.csv").write_text("x\n5\n")
    project.repro()
    (project.root / "pipeline.lock").write_text(old)
    done = project.checkout()
    assert {o.state for o in done.outs} == {"changed"}
    assert content(project, "data") == right


def test_checkout_tells_what_is_missing(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first")
    first.repro(["squares"])
    second = clone(first, tmp_path / "second", open_project)
    done = second.checkout()
    assert [(m.out, "ckptflow pull" in m.hint) for m in done.missing] == [("data/squares.parquet", True)]
    named = second.checkout(["total"])
    assert [m.problem for m in named.missing] == ["it was not made yet: no lock file names it"]


def test_what_git_brought_stands_already(make: Made, tmp_path: Path, open_project: Any) -> None:
    uncached = PIPELINE.replace("{total: data/total.json}", "{total: {path: data/total.json, cache: false}}")
    first = make("first", uncached)
    first.repro()
    second = clone(first, tmp_path / "second", open_project)
    (second.root / "data").mkdir()
    shutil.copy(first.root / "data/total.json", second.root / "data/total.json")
    done = second.checkout(["total"])
    assert (done.missing, [o.state for o in done.outs]) == ((), ["unchanged"])
    third = clone(first, tmp_path / "third", open_project)
    (third.root / "data").mkdir()
    (third.root / "data/total.json").write_text("by hand")
    assert [m.out for m in third.checkout(["total"]).missing] == ["data/total.json"]
