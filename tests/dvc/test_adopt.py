"""What is up to date under DVC is up to date under ckptflow: nothing runs, and a change runs what it touches."""

from __future__ import annotations

from pathlib import Path

import pytest
from switch_project import Switch
from twins_program import Program
from twins_project import Twin

PIPELINE = """
vars:
  - sizes: {small: 1, large: 2}
stages:
  prepare:
    cmd: ran prepare; cp in.txt clean.txt; mkdir -p parts; cp in.txt parts/a; cp in.txt "parts/b é"
    deps: [in.txt, raw]
    params: [clean.limit, conf/more.yaml: [a.b]]
    outs: [clean.txt, parts]
  size:
    foreach: ${sizes}
    do:
      cmd: ran size-${key}; head -n ${item} clean.txt > size-${key}.txt
      deps: [clean.txt]
      outs: ["size-${key}.txt"]
  count:
    cmd:
      - ran count
      - wc -l < ../clean.txt > count.txt
      - 'echo "{\\"lines\\": 3}" > metrics.json'
    wdir: sub
    deps: [../clean.txt, ../parts]
    params: [{../conf/more.yaml: null}]
    outs: [count.txt]
    metrics: [metrics.json: {cache: false}]
  report:
    cmd: |
      ran report
      cat size-small.txt sub/count.txt > report.txt
    deps: [size-small.txt, sub/count.txt]
    outs: [report.txt: {persist: true}]
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "in.txt": "one\r\ntwo\r\nthree\r\n",
    "raw/x": "1\n",
    "raw/.hidden": "2\n",
    "raw/deep/y": "3\n",
    "params.yaml": "clean: {limit: 1.e-3, unused: 1}\n",
    "conf/more.yaml": "a: {b: [1, yes]}\nc: null\n",
    "sub/keep": "",
}
STAGES = ("prepare", "size@small", "size@large", "count", "report")
REUSED = dict.fromkeys(STAGES, "reused") | {"": ""}


@pytest.fixture
def empty(dvc_program: Program, our_program: Program, tmp_path: Path) -> Switch:
    return Switch(Twin.made("dvc", dvc_program, tmp_path), our_program)


@pytest.fixture
def project(empty: Switch) -> Switch:
    """A project that DVC has just run."""
    empty.write(FILES)
    assert len(empty.dvc("repro").stages) == 5
    return empty


def test_nothing_runs(project: Switch) -> None:
    assert project.status() == dict.fromkeys(STAGES, (0, 1))
    before = project.twin.files()
    assert project.states() == REUSED
    assert project.twin.files() == before
    assert project.states() == dict.fromkeys(STAGES, "fresh") | {"": ""}
    assert project.dvc("repro").stages == (), "and DVC agrees still"


def test_outs_come_out_of_the_cache(project: Switch) -> None:
    before = project.twin.files()
    project.remove("clean.txt", "parts", "size-small.txt", "sub/metrics.json")
    assert project.status() == dict.fromkeys(STAGES, (0, 1))
    assert project.states() == REUSED
    assert project.twin.files() == before


def test_a_lost_cache_is_no_loss_while_the_outs_are_there(project: Switch) -> None:
    project.forget_cache()
    project.remove("report.txt")
    states = project.states()
    assert states == REUSED | {"report": "ran", "": "report"}


def test_a_damaged_cache_is_noticed(project: Switch) -> None:
    project.remove("report.txt")
    for path in project.twin.root.glob(".dvc/cache/files/md5/*/*"):
        path.chmod(0o644)
        path.write_text("damaged")
    assert project.states() == REUSED | {"report": "ran", "": "report"}


@pytest.mark.parametrize(
    ("files", "ran"),
    [
        ({"raw/deep/z": "4\n"}, "prepare"),
        ({"conf/more.yaml": "a: {b: [1, yes]}\nc: 0\n"}, "count"),
        ({"conf/more.yaml": "a: {b: [1, no]}\nc: null\n"}, "prepare count"),
        ({"params.yaml": "clean: {limit: 0.001, unused: 2}\n"}, ""),
        ({"params.yaml": "clean: {limit: 0.002}\n"}, "prepare"),
        ({"dvc.yaml": PIPELINE.replace("deps: [in.txt, raw]", "deps: [in.txt]")}, "prepare"),
        ({"dvc.yaml": PIPELINE.replace("small: 1", "small: 2")}, "size-small report"),
        ({"dvc.yaml": PIPELINE.replace("sizes: {", "sizes: {huge: 9, ")}, "size-huge"),
        ({"in.txt": "one\r\ntwo\r\n"}, "prepare size-small size-large count report"),
    ],
)
def test_what_changed_runs_and_nothing_else(project: Switch, files: dict[str, str], ran: str) -> None:
    project.write(files)
    stale = {name for name, (stale, _) in project.status().items() if stale}
    assert bool(stale) == bool(ran)
    found = project.states()[""].split()
    if "size-small" in ran and "prepare" in ran and len(found) == 4:
        found.append("report")  # the first lines are the same, so report has nothing to do
    assert sorted(found) == sorted(ran.split())


def test_an_out_that_was_edited_is_kept(project: Switch) -> None:
    project.twin.write("clean.txt", "by hand\n")
    ran = project.ckptflow("repro", code=1)
    assert "`clean.txt` was changed by hand" in ran.ended.err and ran.stages == ()
    assert (project.twin.root / "clean.txt").read_text() == "by hand\n"
    assert project.states("--force")["prepare"] == "ran"


def test_an_older_out_of_dvcs_may_be_replaced(project: Switch) -> None:
    old = project.twin.files()
    project.write({"in.txt": "other\n"})
    project.dvc("repro")
    project.write({name: old[name].decode() for name in ("clean.txt", "size-large.txt")})
    project.dvc("checkout")  # what stands there is DVC's: it knows both versions
    for name in ("clean.txt", "size-large.txt"):
        project.twin.write(name, "")
        (project.twin.root / name).write_bytes(old[name])
    assert project.states() == REUSED
    assert (project.twin.root / "clean.txt").read_text() == "other\n"


def test_the_run_cache_counts(project: Switch) -> None:
    before = project.twin.files()
    project.write({"in.txt": "other\n"})
    project.dvc("repro")
    project.write({"in.txt": FILES["in.txt"]})
    (project.twin.root / "in.txt").write_bytes(before["in.txt"])
    states = project.states()
    assert states == REUSED | {"report": "ran", "": "report"}, "DVC's run cache has no stages with `persist`"
    assert project.twin.files() == before


def test_dvcignore_holds(empty: Switch) -> None:
    empty.write(
        {
            ".dvcignore": "*.log\n/raw/skip/\n!keep.log\n",
            "dvc.yaml": "stages: {s: {cmd: ran s; cp -r raw out, deps: [raw], outs: [out]}}",
            "raw/a": "1",
            "raw/b.log": "2",
            "raw/keep.log": "3",
            "raw/skip/c": "4",
            "raw/deep/d.log": "5",
            "raw/__pycache__/e.pyc": "6",
        }
    )
    empty.dvc("repro")
    empty.write({"raw/b.log": "other", "raw/skip/new": ""})
    assert empty.states() == {"s": "reused", "": ""}


@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy"])
def test_every_link_of_dvcs(empty: Switch, link: str) -> None:
    empty.dvc("config", "cache.type", link)
    empty.write(FILES)
    empty.dvc("repro")
    before = empty.twin.files()
    assert empty.states() == REUSED
    assert empty.twin.files() == before


def test_a_cache_elsewhere(empty: Switch, tmp_path: Path) -> None:
    empty.dvc("config", "--local", "cache.dir", str(tmp_path / "shared cache"))
    empty.write(FILES)
    empty.dvc("repro")
    empty.remove("clean.txt", "parts")
    assert empty.states() == REUSED


def test_tracked_data_is_put_in_place(empty: Switch) -> None:
    empty.write(
        {
            "data/a": "1",
            "data/deep/b": "2",
            "file.txt": "3",
            "dvc.yaml": "stages: {s: {cmd: ran s; cat data/*/b > out, deps: [data/deep, file.txt], outs: [out]}}",
        }
    )
    empty.dvc("add", "data", "file.txt")
    empty.dvc("repro")
    empty.remove("data", "file.txt")
    said = empty.ckptflow("status", code=1).ended.err
    assert "`ckptflow repro` puts it in place" in said
    assert empty.states() == {"s": "reused", "": ""}
    assert (empty.twin.root / "data/a").read_text() == "1"
    (empty.twin.root / "file.txt").write_text("may be written to")
    empty.remove("data", "file.txt")
    empty.forget_cache()
    assert "`dvc pull data.dvc`" in empty.ckptflow("repro", code=1).ended.err


def test_stages_that_dvc_always_runs_run(empty: Switch) -> None:
    text = """
        stages:
          callback: {cmd: ran callback}
          always: {cmd: ran always; cp in always.txt, deps: [in], outs: [always.txt], always_changed: true}
          frozen: {cmd: ran frozen; cp in frozen.txt, deps: [in], outs: [frozen.txt]}
        """
    empty.write({"in": "1\n", "dvc.yaml": text})
    empty.dvc("repro")
    empty.write({"in": "2\n", "dvc.yaml": text.replace("[frozen.txt]", "[frozen.txt], frozen: true")})
    states = empty.states()
    assert (states["always"], states["frozen"]) == ("ran", "frozen")
    assert sorted(states[""].split()) == ["always", "callback"]


def test_options_in_commands(empty: Switch) -> None:
    empty.write(
        {
            "params.yaml": "opts: {lr: 0.1, name: a b, on: true, off: false, list: [1, x], deep: {k: 'v'}}\nword: é\n",
            "dvc.yaml": "stages: {s: {cmd: 'ran s; echo ${opts} ${word} > out', outs: [out]}}",
        }
    )
    empty.dvc("repro")
    assert empty.states() == {"s": "reused", "": ""}
