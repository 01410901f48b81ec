"""Metrics, params, plots and paths between git revisions, runs and the workspace."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PIPELINE = """
stages:
  train:
    cmd: python3 train.py
    deps: [train.py, raw]
    params: [lr, {conf.py: [Model.layers]}]
    outs: [model.bin, d]
    metrics: [m.json, {kept.yaml: {cache: false}}]
    plots:
      - hist.csv: {x: step, title: Loss}
      - img.svg
metrics: [hand.json]
params: [extra.toml]
plots:
  - both: {x: step, y: {hist.csv: [loss, acc]}}
"""
TRAIN = """
import json, os, re
lr = float(re.search("lr: (.*)", open("params.yaml").read())[1])
json.dump({"loss": lr * 2, "deep": {"n": 1, "list": [1]}}, open("m.json", "w"))
open("kept.yaml", "w").write(f"score: {lr}\\n")
open("model.bin", "w").write(str(lr))
os.makedirs("d", exist_ok=True)
open("d/same", "w").write("1")
open(f"d/at-{lr}", "w").write("moved")
open("hist.csv", "w").write(f"step,acc,loss\\n0,0.5,1\\n1,0.75,{lr}\\n")
open("img.svg", "w").write(f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="{lr}"/></svg>')
"""
IGNORED = "raw/\nm.json\nmodel.bin\nhist.csv\nimg.svg\nd/\n"


@pytest.fixture
def git(place: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    who = {f"GIT_{role}_{what}": f"a@{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    place.env |= {**who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(*args: str) -> None:
        subprocess.run(["git", *args], cwd=place.root, env=place.env, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    return run


@pytest.fixture
def project(place: Any, git: Callable[..., None]) -> Any:
    """A project below the repository's root: committed after a run, then changed and run again."""
    repository = place.root
    place.root = repository / "sub"
    place.pipeline(PIPELINE)
    place.write("train.py", TRAIN)
    place.write("params.yaml", "lr: 0.1\nother: [1, 2]\n")
    place.write("conf.py", "class Model:\n    layers = 2\n    name = 'x'\n")
    place.write("extra.toml", "[t]\nk = 1\n")
    place.write("hand.json", '{"human": 1}')
    place.write("raw/a", "1")
    place.write(".gitignore", IGNORED)
    first = place.repro().json["run"]
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1")
    place.write("params.yaml", "lr: 0.3\nother: [1, 2, 3]\n")
    place.write("conf.py", "class Model:\n    layers = 4\n    name = 'y'\n")
    place.write("extra.toml", "[t]\nk = 2\n")
    place.write("hand.json", '{"human": 2}')
    place.write("raw/b", "2")
    place.runs = (first, place.repro().json["run"])
    return place


def values(place: Any, *args: str, code: int = 0) -> Any:
    ended = place.run(*args, "--json")
    assert ended.code == code, ended.err
    return ended.json


def test_metrics_of_revisions_runs_and_the_workspace(project: Any) -> None:
    expected = {
        "hand.json": {"human": {"old": 1, "new": 2, "diff": 1}},
        "kept.yaml": {"score": {"old": 0.1, "new": 0.3, "diff": pytest.approx(0.2)}},
        "m.json": {"loss": {"old": 0.2, "new": 0.6, "diff": pytest.approx(0.4)}},
    }
    first, second = project.runs
    for versions in ([], ["v1"], ["HEAD", "workspace"], [first], [first, second], ["main", second]):
        assert values(project, "metrics", "diff", *versions) == expected, versions
    assert values(project, "metrics", "diff", second) == {}
    same = values(project, "metrics", "diff", second, "--all", "--targets", "m.json")
    assert list(same["m.json"]) == ["deep.n", "loss"]
    shown = values(project, "metrics", "show", "-T", "m.json")
    assert {name: doc["data"]["m.json"]["data"]["loss"] for name, doc in shown.items()} == {"workspace": 0.6, "v1": 0.2}


def test_values_are_the_same_after_everything_here_is_gone(project: Any) -> None:
    first, second = project.runs
    before = values(project, "metrics", "diff", first, second), values(project, "params", "diff", first, second)
    for name in ("m.json", "kept.yaml", "hand.json", "params.yaml", "conf.py", "extra.toml", "hist.csv"):
        (project.root / name).unlink()
    project.write("params.yaml", "lr: 9\n")
    project.write("conf.py", "class Model: layers = 1\n")
    after = values(project, "metrics", "diff", first, second), values(project, "params", "diff", first, second)
    assert before == after


def test_params(project: Any) -> None:
    declared = {
        "conf.py": {"Model.layers": {"old": 2, "new": 4, "diff": 2}},
        "params.yaml": {"lr": {"old": 0.1, "new": 0.3, "diff": pytest.approx(0.2)}},
    }
    assert values(project, "params", "diff", "--deps") == declared
    every = values(project, "params", "diff")
    assert every["params.yaml"]["other"] == {"old": "[1, 2]", "new": "[1, 2, 3]"}
    assert every["extra.toml"] == {"t.k": {"old": 1, "new": 2, "diff": 1}}
    assert every["conf.py"] == declared["conf.py"]
    whole = values(project, "params", "diff", "--targets", "conf.py")
    assert whole["conf.py"]["Model.name"] == {"old": "x", "new": "y"}


def test_paths(project: Any) -> None:
    first, second = project.runs
    for versions in ([], [first], [first, second]):
        found = values(project, "diff", *versions)
        names = {group: [entry["path"] for entry in entries] for group, entries in found.items()}
        assert names["renamed"] == [{"old": "d/at-0.1", "new": "d/at-0.3"}]
        assert names["modified"] == ["d/", "hist.csv", "img.svg", "kept.yaml", "m.json", "model.bin", "raw"]
        assert names["added"] == names["deleted"] == names.get("not in cache", []) == []
    assert not any(values(project, "diff", second).values())
    only = values(project, "diff", "--targets", "d", "--show-hash")
    assert [entry["path"] for entry in only["modified"]] == ["d/"]
    said = project.run("diff")
    assert said.out.endswith("1 file renamed, 6 files modified\n")
    assert "| modified | m.json" in project.run("diff", "--md").out


def test_what_the_store_lost_is_said(project: Any) -> None:
    first, _ = project.runs
    for path in (project.root / ".ckptflow/store/objects").rglob("*"):
        if path.is_file() and path.read_bytes() == b'{"loss": 0.2, "deep": {"n": 1, "list": [1]}}':
            path.unlink()
    ended = project.run("metrics", "diff", first, "--json")
    assert (ended.code, list(ended.json)) == (0, ["hand.json", "kept.yaml", "m.json"])
    assert ended.json["m.json"]["loss"] == {"old": None, "new": 0.6}
    assert f"`m.json` is not there in {first}" in ended.err
    assert {"path": "m.json"} in values(project, "diff", first)["not in cache"]


def test_one_page_of_plots(project: Any) -> None:
    ended = project.run("plots", "diff")
    assert ended.code == 0, ended.err
    page = Path(ended.out.strip())
    assert page == project.root / "ckptflow_plots" / "index.html"
    text = page.read_text()
    assert text.count("data:image/svg+xml;base64,") == 2
    assert all(f"<span>{name}</span>" in text for name in ("HEAD", "workspace", "HEAD loss", "workspace acc"))
    data = values(project, "plots", "diff", "v1", "main", project.runs[1], "--targets", "hist.csv")["data"]
    (chart,) = data["hist.csv"]
    assert list(data) == ["hist.csv"]
    assert (chart["title"], chart["x_label"], chart["y_label"]) == ("Loss", "step", "loss")
    assert [points[1]["y"] for points in chart["datapoints"].values()] == [0.1, 0.1, 0.3]
    said = values(project, "plots", "show", "both", "-y", "acc", "-x", "loss", "--title", "T", "m.json", code=1)
    (chart,) = said["data"]["both"]
    assert chart["title"] == "T"
    assert [(p["x"], p["y"]) for p in chart["datapoints"]["workspace"]] == [(1, 0.5), (0.3, 0.75)]
    assert [(e["name"], e["code"]) for e in said["errors"]] == [("m.json", "CF303")]


def test_mistakes(project: Any, git: Callable[..., None]) -> None:
    for args, code, word in (
        (("metrics", "diff", "mian"), 5, "did you mean `main`?"),
        (("metrics", "diff", "20200101T000000Z-0000"), 5, "no revision or run"),
        (("params", "diff", "--targets", "none.yaml"), 5, "none.yaml"),
        (("diff", "--targets", "none"), 5, "none"),
        (("metrics", "show", "../x"), 5, "name a file of the project"),
        (("plots", "show", "hits.csv"), 5, "did you mean `hist.csv`?"),
        (("plots", "show", "--template", "scater"), 1, "did you mean `scatter`?"),
        (("plots", "show", "hist.csv", "-y", "lss"), 1, "did you mean `loss`?"),
        (("metrics", "shwo"), 2, "did you mean `ckptflow metrics show`?"),
        (("metrics",), 2, "Usage:"),
    ):
        ended = project.run(*args)
        assert (ended.code, word in ended.err) == (code, True), (args, ended)
        assert "Traceback" not in ended.err
    project.write("m.json", '{"a": ')
    ended = project.run("metrics", "show", "--json")
    assert ended.code == 1
    assert ended.json["workspace"]["data"]["m.json"]["error"]["msg"].startswith("m.json:1:")
    assert "hand.json" in ended.json["workspace"]["data"]


def test_without_git_only_the_workspace_and_runs(place: Any) -> None:
    place.pipeline("stages: {s: {cmd: 'cp p m.json', deps: [p], metrics: [m.json]}}")
    runs = []
    for number in (1, 2):
        place.write("p", json.dumps({"x": number}))
        runs.append(place.repro().json["run"])
    assert values(place, "metrics", "show")["workspace"]["data"] == {"m.json": {"data": {"x": 2}}}
    assert values(place, "metrics", "diff", *runs)["m.json"]["x"]["diff"] == 1
    ended = place.run("metrics", "diff")
    assert ended.code == 1
    assert "in no git repository" in ended.err


def test_before_the_first_commit_and_before_the_project(place: Any, git: Callable[..., None]) -> None:
    place.pipeline("stages: {s: {cmd: 'true'}}\nmetrics: [m.json]\n")
    place.write("m.json", '{"x": 1}')
    ended = place.run("metrics", "diff")
    assert (ended.code, "no commit yet" in ended.err) == (5, True)
    git("commit", "-qm", "empty", "--allow-empty")
    assert values(place, "metrics", "diff") == {"m.json": {"x": {"old": None, "new": 1}}}
    assert values(place, "diff")["modified"] == []


def test_a_project_that_was_dvcs(place: Any, git: Callable[..., None]) -> None:
    """Contents that only DVC's cache has are found by `dvc.lock`, and compared with what lies here by MD5."""
    place.write("dvc.yaml", "stages: {s: {cmd: 'true', deps: [in], outs: [d], metrics: [m.json]}}")
    kept = hashlib.md5(b'{"x": 1}').hexdigest()
    place.write(f".dvc/cache/files/md5/{kept[:2]}/{kept[2:]}", '{"x": 1}')
    place.write("in", "1")
    place.write("d/f", "hello")
    listing = '[{"md5": "5d41402abc4b2a76b9719d911017c592", "relpath": "f"}]'
    lock = (
        "schema: '2.0'\nstages: {s: {cmd: 'true', deps: [{path: in, hash: md5, md5: c4ca4238a0b923820dcc509a6f75849b}],"
        " outs: [{path: m.json, hash: md5, md5: FILE}, {path: d, hash: md5, md5: DIR.dir}]}}\n"
    )
    name = hashlib.md5(listing.encode()).hexdigest()
    place.write(f".dvc/cache/files/md5/{name[:2]}/{name[2:]}.dir", listing)
    place.write("dvc.lock", lock.replace("DIR", name).replace("FILE", kept))
    place.write(".gitignore", ".dvc/cache\nd\nm.json\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    place.write("m.json", '{"x": 3}')
    assert values(place, "metrics", "diff")["m.json"]["x"] == {"old": 1, "new": 3, "diff": 2}
    found = values(place, "diff")
    assert [entry["path"] for entry in found["modified"]] == ["m.json"]
    place.write(f".dvc/cache/files/md5/{kept[:2]}/{kept[2:]}", '{"x": 9}')
    assert values(place, "metrics", "diff")["m.json"]["x"] == {"old": None, "new": 3}  # damaged, so not there
    place.write("d/f", "changed")
    assert [entry["path"] for entry in values(place, "diff")["modified"]] == ["d/", "d/f", "m.json"]
