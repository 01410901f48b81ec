"""`import-dvc` on projects that DVC has run: afterwards nothing runs again, and DVC works as before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from switch_project import Switch
from twins_program import Program
from twins_project import Twin

FILES = {
    "dvc.yaml": """\
        # how it is made
        stages:
          prepare:
            cmd: ran prepare; cp in.txt clean.txt   # a copy
            deps: [in.txt]
            outs: [clean.txt]
        """,
    "sub/dvc.yaml": """\
        stages:
          count: {cmd: ran count; wc -l < ../clean.txt > count.txt, deps: [../clean.txt], outs: [count.txt]}
          frozen: {cmd: ran frozen; echo 1 > frozen.txt, outs: [frozen.txt]}
        """,
    "in.txt": "one\n",
}


@pytest.fixture
def empty(dvc_program: Program, our_program: Program, tmp_path: Path) -> Switch:
    return Switch(Twin.made("dvc", dvc_program, tmp_path), our_program)


@pytest.fixture
def project(empty: Switch) -> Switch:
    """Pipelines in two directories that DVC has run, and its remotes."""
    empty.write({name: _plain(text) for name, text in FILES.items()})
    empty.dvc("repro", "-P")
    empty.dvc("remote", "add", "-d", "store", "s3://bucket/path")
    empty.dvc("remote", "modify", "store", "endpointurl", "http://127.0.0.1:1")
    empty.dvc("remote", "modify", "--local", "store", "secret_access_key", "SECRET")
    empty.dvc("remote", "add", "disk", "../disk")
    return empty


def _plain(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


def _states(switch: Switch, *argv: str) -> dict[str, str]:
    return {s["stage"]: s["state"] for s in switch.document("import-dvc", *argv)["stages"]}


def test_a_project_is_imported(project: Switch) -> None:
    root = project.twin.root
    before = project.everything()
    states = _states(project)
    assert states == dict.fromkeys(("prepare", "sub/pipeline.yaml:count", "sub/pipeline.yaml:frozen"), "taken")
    first = "# yaml-language-server: $schema=.ckptflow/pipeline.schema.json\n"
    assert (root / "pipeline.yaml").read_text() == first + _plain(FILES["dvc.yaml"])
    assert (root / "sub/pipeline.yaml").read_text().startswith(first.replace("=.ckpt", "=../.ckpt"))
    assert project.ckptflow("status").ended.out == "Everything is up to date: 3 stages, 3 chunks.\n"
    assert project.states("-P") == dict.fromkeys(states, "fresh") | {"": ""}
    now = project.everything()
    kept = {name for name in before if name != ".gitignore"}
    assert {name: now[name] for name in kept} == {name: before[name] for name in kept}
    assert project.dvc("repro", "-P").stages == ()


def test_remotes_become_settings(project: Switch) -> None:
    root = project.twin.root
    project.ckptflow("import-dvc")
    shown = project.document("config")
    assert shown["remote"]["value"] == "store"
    assert shown["remotes"]["value"] == {"disk": "../disk", "store": "s3://bucket/path (endpoint_url, secret)"}
    assert "SECRET" not in (root / ".ckptflow/config.yaml").read_text()
    local = root / ".ckptflow/config.local.yaml"
    assert "SECRET" in local.read_text() and local.stat().st_mode & 0o077 == 0
    assert "/.ckptflow/config.local.yaml" in (root / ".gitignore").read_text().splitlines()


def test_dry_says_all_and_writes_nothing(project: Switch) -> None:
    before = project.everything()
    said = project.ckptflow("import-dvc", "--dry").ended.out
    assert project.everything() == before and not (project.twin.root / ".ckptflow").exists()
    assert "3 up to date (3 to be taken over from DVC)" in said and "SECRET" not in said
    assert "+# yaml-language-server: $schema=../.ckptflow/pipeline.schema.json" in said


def test_again_it_changes_nothing(project: Switch) -> None:
    project.ckptflow("import-dvc")
    before = project.everything()
    assert set(_states(project).values()) == {"fresh"}
    records = {name for name in before if "/records/" in name or "/locks/" in name}
    now = project.everything()
    assert {n: t for n, t in now.items() if n not in records} == {n: t for n, t in before.items() if n not in records}
    assert "note:" not in project.ckptflow("import-dvc").ended.out


def test_a_pipeline_that_is_there_is_kept(project: Switch) -> None:
    text = "stages: {other: {cmd: ran other; echo > x, outs: [x]}}\n"
    project.write({"pipeline.yaml": text})
    said = project.ckptflow("import-dvc").ended.out
    assert "pipeline.yaml is there already and differs from dvc.yaml: it is kept (--force replaces it)" in said
    assert (project.twin.root / "pipeline.yaml").read_text() == text
    project.ckptflow("import-dvc", "--force")
    assert "prepare" in (project.twin.root / "pipeline.yaml").read_text()


def test_one_file_alone(project: Switch) -> None:
    project.ckptflow("import-dvc", "--file", "sub/dvc.yaml")
    assert not (project.twin.root / "pipeline.yaml").exists()
    assert project.states("-P")[""] == ""
    assert "there is no `no/dvc.yaml`" in project.ckptflow("import-dvc", "--file", "no/dvc.yaml", code=2).ended.err


def test_what_is_stale_is_named(project: Switch) -> None:
    project.write({"in.txt": "two\n"})
    said = project.ckptflow("import-dvc").ended.out
    assert "3 stages: 1 up to date (1 taken over from DVC), 2 to run. Nothing was run." in said
    assert "  prepare: in.txt changed since DVC ran it\n" in said
    assert "  sub/pipeline.yaml:count: it has not run here before; follows prepare\n" in said
    assert project.states()[""] == "prepare"


def test_outs_in_the_cache_alone_are_put_in_place(project: Switch) -> None:
    before = project.twin.files()
    project.remove("clean.txt", "sub/count.txt")
    assert set(_states(project, "--dry").values()) == {"taken"}
    assert set(_states(project).values()) == {"taken"}
    now = project.twin.files()
    assert {name: now[name] for name in before} == before


def test_an_edited_out_is_left_alone(project: Switch) -> None:
    project.twin.write("clean.txt", "mine\n")
    for flags in (("--dry",), ()):
        states = _states(project, *flags)
        assert states["prepare"] == "stale" and states["sub/pipeline.yaml:frozen"] == "taken"
    assert (project.twin.root / "clean.txt").read_text() == "mine\n"


def test_a_missing_dep_stands_in_nobodys_way_but_its_readers(project: Switch) -> None:
    project.remove("in.txt")
    for flags in (("--dry",), ()):
        assert _states(project, *flags) == {
            "prepare": "stale",
            "sub/pipeline.yaml:count": "stale",
            "sub/pipeline.yaml:frozen": "taken",
        }


def test_tracked_deps(project: Switch) -> None:
    project.dvc("add", "in.txt")
    project.remove("in.txt")
    assert _states(project, "--dry")["prepare"] == "unknown"
    assert set(_states(project).values()) == {"taken"}
    assert (project.twin.root / "in.txt").read_text() == "one\n"


def test_stages_of_dvc_before_1_0(empty: Switch) -> None:
    empty.write({"in.txt": "one\r\n", "old/in2": "2\n"})
    (empty.twin.root / "in.txt").write_bytes(b"one\r\n")
    empty.write(
        {
            "make clean.dvc": """\
cmd: echo ${HOME} > /dev/null; cat in.txt > clean.txt
deps:
- md5: 5bbf5a52328e7439ae6e719dfe712200
  path: in.txt
outs:
- md5: 5bbf5a52328e7439ae6e719dfe712200
  path: clean.txt
  cache: true
  metric: false
""",
            "old/Dvcfile": """\
wdir: ..
cmd: ran old; wc -c clean.txt > old/out
deps:
- {md5: 5bbf5a52328e7439ae6e719dfe712200, path: clean.txt}
outs:
- {md5: null, path: old/out, cache: false, metric: true}
""",
        }
    )
    (empty.twin.root / "clean.txt").write_bytes(b"one\r\n")
    states = _states(empty)
    assert states == {"make-clean": "taken", "old/pipeline.yaml:Dvcfile": "stale"}
    text = (empty.twin.root / "old/pipeline.yaml").read_text()
    assert "  Dvcfile:\n    cmd: ran old; wc -c clean.txt > old/out\n    wdir: ..\n" in text
    assert "    metrics:\n    - old/out:\n        cache: false\n" in text
    assert empty.states("-P")[""] == "old"


def test_no_project_of_dvcs(empty: Switch) -> None:
    assert "there is no dvc.yaml" in empty.ckptflow("import-dvc", code=4).ended.err


def test_what_cannot_be_read_is_refused_before_anything_is_written(project: Switch) -> None:
    project.write({"sub/dvc.yaml": "stages: {a: {cmd: x, dpes: [y]}}"})
    before = project.everything()
    assert "did you mean `deps`?" in project.ckptflow("import-dvc", code=4).ended.err
    assert project.everything() == before


def test_line_ends_stay(empty: Switch) -> None:
    empty.write({"in": ""})
    (empty.twin.root / "dvc.yaml").write_bytes(b"stages:\r\n  s: {cmd: cp in out, deps: [in], outs: [out]}\r\n")
    empty.ckptflow("import-dvc")
    assert (empty.twin.root / "pipeline.yaml").read_bytes().count(b"\r\n") == 3


def test_it_may_be_called_from_below(project: Switch) -> None:
    ended = project.ours.run("import-dvc", "sub", cwd=project.twin.root, env=project.twin.env)
    assert ended.code == 0 and (project.twin.root / "pipeline.yaml").exists()
    assert os.path.isdir(project.twin.root / ".ckptflow")
