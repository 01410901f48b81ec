"""What DVC 3.67.1 left of a small project (`dvc3`: `dvc-yaml` is its dvc.yaml, `dot-dvc` its .dvc) is taken over.

The directory `parts` was removed from the workspace; DVC's cache has it. `_as_of_dvc_2` makes of it what DVC 2 would
have left: text hashed with the line ends of Unix, objects at the top of the cache.
"""

from __future__ import annotations

import json
import re
import shutil
from hashlib import md5
from pathlib import Path

import pytest

from ckptflow.project import Project, import_dvc

HERE = Path(__file__).parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(HERE / "dvc3", copy)
    (copy / "dvc-yaml").rename(copy / "dvc.yaml")
    (copy / "dot-dvc").rename(copy / ".dvc")
    return copy


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}


def _as_of_dvc_2(root: Path) -> None:
    def old(data: bytes) -> str:
        return md5(data.replace(b"\r\n", b"\n")).hexdigest()

    names = {}
    for path in [p for p in root.glob(".dvc/cache/files/md5/*/*") if not p.name.endswith(".dir")]:
        names[path.parent.name + path.name] = old(path.read_bytes())
        _put(root, names[path.parent.name + path.name], path.read_bytes())
    for path in root.glob(".dvc/cache/files/md5/*/*.dir"):
        rows = [{**row, "md5": names[row["md5"]]} for row in json.loads(path.read_bytes())]
        data = json.dumps(rows, sort_keys=True).encode()
        names[path.parent.name + path.name] = f"{md5(data).hexdigest()}.dir"
        _put(root, names[path.parent.name + path.name], data)
    raw = {name: old((root / "raw" / name).read_bytes()) for name in (".b", "a")}
    listing = json.dumps([{"md5": m, "relpath": n} for n, m in sorted(raw.items())], sort_keys=True).encode()
    shutil.rmtree(root / ".dvc/cache/files")
    shutil.rmtree(root / ".dvc/cache/runs")
    for file in ("dvc.lock", "in.txt.dvc"):
        text = (root / file).read_text()
        for new, name in names.items():
            text = text.replace(new, name)
        text = re.sub(r"(path: raw\n.*?md5: )\S+", rf"\g<1>{md5(listing).hexdigest()}.dir", text, flags=re.S)
        (root / file).write_text(re.sub(r" +hash: md5\n", "", text))


def _put(root: Path, name: str, data: bytes) -> None:
    path = root / ".dvc/cache" / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize("version", [2, 3])
def test_nothing_is_run(root: Path, env: dict[str, str], version: int) -> None:
    if version == 2:
        _as_of_dvc_2(root)
    project = Project(root, env=env)
    plan = project.status()
    assert [(s.stage, s.stale, s.reusable) for s in plan.stages] == [("prepare", 0, 1), ("count", 0, 1)]
    assert [s.reasons[0].text for s in plan.stages] == ["DVC has made it; its outs are taken over"] * 2
    assert not (root / ".ckptflow").exists()
    (root / "clean.txt").unlink()
    (root / "in.txt").unlink()
    result = project.repro()
    assert [(s.stage, s.state) for s in result.stages] == [("prepare", "reused"), ("count", "reused")]
    assert (root / "parts/b é").read_bytes() == (root / "clean.txt").read_bytes() == b"one\r\ntwo\n"
    assert [s.state for s in project.repro().stages] == ["fresh", "fresh"]


def test_it_is_imported(root: Path, env: dict[str, str]) -> None:
    done = import_dvc(root, env=env)
    assert [(s.stage, s.state) for s in done.stages] == [("prepare", "taken"), ("count", "taken")]
    assert (root / "pipeline.lock").exists()
    assert not Project(root, env=env).status().pending


def test_the_run_cache_is_asked_where_the_lock_is_lost(root: Path, env: dict[str, str]) -> None:
    (root / "dvc.lock").unlink()
    assert [s.state for s in Project(root, env=env).repro().stages] == ["reused", "reused"]


def test_an_edited_out_is_told_of(root: Path, env: dict[str, str]) -> None:
    (root / "clean.txt").write_text("mine")
    first = Project(root, env=env).status().stages[0]
    assert first.reasons[-1].text == "`clean.txt` was changed by hand"


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("raw/new", "", "raw changed since DVC ran it"),
        ("params.yaml", "lr: 0.25", "parameter lr (params.yaml) was changed since DVC ran it"),
        ("params.yaml", "lr: '0.5'", "parameter lr (params.yaml) was changed since DVC ran it"),
    ],
)
def test_why_not(root: Path, env: dict[str, str], file: str, text: str, why: str) -> None:
    (root / file).write_text(text)
    first = Project(root, env=env).status().stages[0]
    assert (first.stale, first.reasons[0].text) == (1, why)


def test_only_what_the_cache_really_has(root: Path, env: dict[str, str]) -> None:
    for path in root.glob(".dvc/cache/files/md5/*/*.dir"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b'"a"', b'"../../a"'))
    first = Project(root, env=env).status().stages[0]
    why = "out parts is not as DVC made it, and not in DVC's cache (`dvc pull` may fetch it)"
    assert (first.stale, first.reasons[0].text) == (1, why)
