from __future__ import annotations

import pytest

from ckptflow.dvc.listing import listing_md5, read_listing
from ckptflow.dvc.lock import Noted, NotedStage, read_datasets, read_lock, read_run, read_tracked, relative, rooted
from ckptflow.errors import SpecError

LOCK = """\
schema: '2.0'
stages:
  a@1:
    cmd: echo
    deps:
    - path: x
      hash: md5
      md5: 0123
      size: 3
      isexec: true
    - path: s3://b/c
      etag: abc
    params:
      params.yaml: {lr: 0.5, n: }
    outs:
    - {path: old, md5: 77.dir, nfiles: 2}
  b:
    cmd: [one, two]
"""


def test_a_lock() -> None:
    found = read_lock("dvc.lock", LOCK)
    assert found == {
        "a@1": NotedStage(
            cmd=("echo",),
            deps=(Noted("x", "0123", executable=True), Noted("s3://b/c", None, legacy=True)),
            outs=(Noted("old", "77.dir", legacy=True),),
            params={"params.yaml": {"lr": 0.5, "n": None}},
        ),
        "b": NotedStage(("one", "two")),
    }
    first = LOCK.partition("stages:\n")[2]
    assert read_lock("dvc.lock", first) == found, "schema 1.0 has the stages at the top"
    assert read_lock("dvc.lock", "") == read_lock("dvc.lock", "schema: '2.0'\n") == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("schema: '3.0'", 1, "schema that this version does not read: 3.0"),
        ("- a", 1, "a list where DVC writes a mapping"),
        ("schema: '2.0'\nstages:\n  a: {deps: []}", 3, "stage without `cmd`"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, deps: {}}", 3, "a mapping where DVC writes a list"),
        ("schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs: [{md5: 1}]", 5, "without `path`"),
        ("schema: '2.0'\nstages:\n  a:\n    cmd: {}", 4, "no text where DVC writes one"),
        ("schema: '2.0'\n<<<<<<< HEAD\nstages: {}\n=======\n", 2, "git left a conflict"),
        ("schema: '2.0'\nstages: [", 3, "not valid YAML"),
    ],
)
def test_what_dvc_does_not_write(text: str, line: int, words: str) -> None:
    with pytest.raises(SpecError) as error:
        read_lock("sub/dvc.lock", text)
    problem = error.value.problems[0]
    assert problem.place is not None
    assert problem.code in ("CF086", "CF101")
    assert (problem.place.file, problem.place.line) == ("sub/dvc.lock", line) and words in problem.message


def test_datasets() -> None:
    text = "schema: '2.0'\ndatasets:\n- {name: a, type: dvc, rev_lock: 12ab}\n- {type: url}\nstages: {}\n"
    assert read_datasets("dvc.lock", text) == {"a": {"name": "a", "type": "dvc", "rev_lock": "12ab"}}
    assert read_datasets("dvc.lock", LOCK) == {}
    with pytest.raises(SpecError, match="a list"):
        read_datasets("dvc.lock", "datasets: {a: 1}\n")


def test_a_run() -> None:
    assert read_run("x", "cmd: echo\nouts: [{path: y, hash: md5, md5: '12'}]").outs == (Noted("y", "12"),)


def test_a_dvc_file() -> None:
    tracked = read_tracked("data/x.dvc", "outs:\n- {md5: '1', path: x, cache: false, persist: true}\nmeta: {a: 1}\n")
    assert tracked.base == "data" and not tracked.cmd
    assert (tracked.outs[0].cache, tracked.outs[0].persist, tracked.outs[0].metric) == (False, True, False)
    stage = read_tracked("old/s.dvc", "cmd: x\nwdir: ..\nlocked: true\nouts: [{path: m, metric: {type: json}}]\n")
    assert (stage.cmd, stage.base, stage.frozen, stage.outs[0].metric) == (("x",), ".", True, True)


@pytest.mark.parametrize(
    ("path", "base", "written"),
    [
        ("x", ".", "x"),
        ("sub/x", "sub", "x"),
        ("x", "sub", "../x"),
        ("a/b/x", "a/c/d", "../../b/x"),
        ("../x", "sub", "../../x"),
        ("/abs/x", "sub", "/abs/x"),
        ("sub", "sub", "."),
    ],
)
def test_paths_there_and_back(path: str, base: str, written: str) -> None:
    assert relative(path, base) == written
    assert rooted(base, written) == path


def test_listings() -> None:
    text = b'[{"md5": "d644", "relpath": "a"}, {"md5": "d645", "relpath": "b \\u00e9"}]'
    assert read_listing(text) == [("a", "d644"), ("b é", "d645")]
    assert listing_md5([("b é", "d645"), ("a", "d644")]) == "43fd58d8d8992e4a095d48a43ed4a50a.dir"
    for bad in (b"[1]", b"[", b"\xff", b'[{"md5": "1"}]', b'[{"md5": "1", "relpath": "../x"}]', b'{"a": 1}'):
        assert read_listing(bad) is None
