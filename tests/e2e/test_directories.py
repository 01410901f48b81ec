"""Pipelines in several directories of one project: names, edges, targets from anywhere, locks beside each file."""

from __future__ import annotations

import json

import pytest

FILES = {
    "dvc.yaml": """
        stages:
          report:
            cmd: echo report 1 >> "$SIDE"; cat train/*.txt > report.txt
            deps: [{stage: train/dvc.yaml:fit}]
            outs: [report.txt]
    """,
    "prep/dvc.yaml": """
        stages:
          clean:
            cmd: echo clean 1 >> "$SIDE"; tr a-z A-Z < raw.txt > clean.txt
            deps: [raw.txt]
            outs: [clean.txt]
          other:
            cmd: echo other 1 >> "$SIDE"; echo other > other.txt
            outs: [other.txt]
    """,
    "prep/raw.txt": "hello\n",
    "train/dvc.yaml": """
        stages:
          fit:
            foreach: ${models}
            do:
              cmd: echo fit-${item} 1 >> "$SIDE"; (echo ${item}; cat ../prep/clean.txt) > fit-${item}.txt
              deps: [../prep/clean.txt]
              outs: ["fit-${item}.txt"]
    """,
    "train/params.yaml": "models: [a, b]\n",
    "train/deep/notes.txt": "",
}
FITS = ["fit-a", "fit-b"]


@pytest.fixture
def project(place):
    (place.root / ".ckptflow").mkdir()
    for name, text in FILES.items():
        place.write(name, text)
    return place


def ran(project, *args, at=".", code=0):
    project.forget()
    ended = project.run("repro", "--json", *args, cwd=project.root / at)
    assert ended.code == code, ended.err
    return project.traces()


def test_a_file_needs_what_other_files_make(project):
    assert ran(project) == ["clean", *FITS, "report"]
    assert project.content("report.txt")[""] == b"a\nHELLO\nb\nHELLO\n"
    names = {file: set(json.loads((project.root / file).read_text())["stages"]) for file in LOCKS}
    assert names == {LOCKS[0]: {"report"}, LOCKS[1]: {"clean"}, LOCKS[2]: {"fit@a", "fit@b"}}
    assert ran(project) == []
    assert ran(project, "-P") == ["other"]


LOCKS = ("dvc.ckptflow.lock", "prep/dvc.ckptflow.lock", "train/dvc.ckptflow.lock")


@pytest.mark.parametrize(
    ("at", "args", "expected"),
    [
        ("prep", [], ["clean", "other"]),
        ("train", [], ["clean", *FITS]),
        ("train/deep", [], ["clean", *FITS]),
        ("train", ["fit@b"], ["clean", "fit-b"]),
        ("train", ["fit"], ["clean", *FITS]),
        ("train", ["fit-a.txt"], ["clean", "fit-a"]),
        ("train", ["fit@*"], ["clean", *FITS]),
        ("train", ["../prep/dvc.yaml:other"], ["other"]),
        ("train", ["../prep/dvc.yaml"], ["clean", "other"]),
        ("train", ["../prep"], ["clean", "other"]),
        ("train", ["-R", "../prep"], ["clean", "other"]),
        ("train/deep", ["../../prep/dvc.yaml:clean"], ["clean"]),
        (".", ["prep/dvc.yaml:other"], ["other"]),
        (".", ["dvc.yaml:report"], ["clean", *FITS, "report"]),
        (".", ["train/dvc.yaml:fit@a"], ["clean", "fit-a"]),
        (".", ["train/dvc.yaml:fit"], ["clean", *FITS]),
        (".", ["train/fit-b.txt"], ["clean", "fit-b"]),
        ("prep", ["-p", "other"], ["other"]),
        ("prep", ["-p", "clean"], ["clean", *FITS, "report"]),
        ("prep", ["clean", "--downstream"], ["clean", *FITS, "report"]),
        ("prep", ["-P"], ["clean", *FITS, "report", "other"]),
    ],
)
def test_targets_from_anywhere(project, at, args, expected):
    assert sorted(ran(project, *args, at=at)) == sorted(expected)


def test_what_is_not_there_is_said(project):
    ended = project.run("repro", "fit@c", cwd=project.root / "train")
    assert ended.code == 5
    assert "did you mean `train/dvc.yaml:fit@" in ended.err
    project.write("prep/dvc.yaml", "stages: {clean: {cmd: x, outs: [../report.txt]}}")
    ended = project.run("status")
    assert ended.code == 4
    assert "prep/dvc.yaml:1:33" in ended.err
    assert "CF153" in ended.err


def test_no_file_of_its_own_in_the_root(project):
    (project.root / "dvc.yaml").unlink()
    assert sorted(ran(project)) == ["clean", *FITS, "other"]
    assert ran(project, "train/dvc.yaml:fit@a") == []


def test_a_pipeline_file_inside_an_out_is_data(project):
    project.write("prep/dvc.yaml", "stages: {copy: {cmd: 'mkdir out; echo nonsense > out/dvc.yaml', outs: [out]}}")
    project.write("train/dvc.yaml", "stages: {}")
    project.write("dvc.yaml", "stages: {s: {cmd: 'cat prep/out/dvc.yaml > o', deps: [prep/out], outs: [o]}}")
    ran(project)
    assert project.run("status", "-q").code == 0
    assert ran(project) == []


def test_two_files_run_at_once(project):
    project.write("prep/dvc.yaml", "stages: {slow: {cmd: 'echo slow 1 >> \"$SIDE\"; sleep 20'}}")
    project.write("train/dvc.yaml", "stages: {quick: {cmd: 'echo quick 1 >> \"$SIDE\"'}}")
    project.write("dvc.yaml", "stages: {}")
    slow = project.start("repro", cwd=project.root / "prep")
    project.await_traces(1)
    assert project.run("repro", cwd=project.root / "train").code == 0
    assert project.traces() == ["slow", "quick"]
    slow.terminate()
    assert project.finish(slow).code == 143


def test_what_is_ignored_does_not_count_until_it_is_no_more(project):
    ran(project, "-P")
    project.write(".dvcignore", "extra/\n")
    project.write("extra/dvc.yaml", "stages: {more: {cmd: 'echo more 1 >> \"$SIDE\"', deps: [../prep/raw.txt]}}")
    assert ran(project, "-P") == []
    assert ran(project, "-P") == []
    project.write(".dvcignore", "# nothing\n")
    assert ran(project, "-P") == ["more"]
