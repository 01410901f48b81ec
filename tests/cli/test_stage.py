"""`stage ...`, `freeze` and `unfreeze`, from the command line to the file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

PIPELINE = """\
stages:
  # loads
  load:
    cmd: cat raw.csv > a.csv   # as it is
    deps:
    - raw.csv
    outs:
    - a.csv
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one stage, in a directory with a space, worked in."""
    root = tmp_path / "my project"
    root.mkdir()
    (root / "pipeline.yaml").write_text(PIPELINE)
    (root / "raw.csv").write_text("x\n1\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return root


def added(here: Path) -> str:
    """Return what came to the pipeline file, without indentation."""
    text = (here / "pipeline.yaml").read_text()
    assert text.startswith(PIPELINE)
    return "\n".join(line[2:] for line in text.removeprefix(PIPELINE).splitlines())


def test_a_stage_with_all_flags_of_dvc(run: Run, here: Path) -> None:
    (here / "params.yaml").write_text("lr: 1\nepochs: 2\n")
    (here / "o.yaml").write_text("a: 1\nb: 2\n")
    args = "-n train -d a.csv -d x.py -o m1 -O m2 --outs-persist m3 --outs-persist-no-cache m4 -m j1 -M j2"
    args += " --plots p1 --plots-no-cache p2 -p epochs,lr -p o.yaml:a,b --desc Train --always-changed"
    ran = run("stage", "add", *args.split(), "python", "x.py", "-o", "two words", 'say "hi"', "")
    assert (ran.code, ran.out) == (0, "Added stage `train` to pipeline.yaml.\n")
    assert (
        added(here)
        == """
train:
  desc: Train
  cmd: 'python x.py -o "two words" say "hi" ""'
  deps:
  - a.csv
  - x.py
  params:
  - epochs
  - lr
  - o.yaml:
    - a
    - b
  outs:
  - m3:
      persist: true
  - m4:
      cache: false
      persist: true
  - m2:
      cache: false
  - m1
  metrics:
  - j1
  - j2:
      cache: false
  plots:
  - p1
  - p2:
      cache: false
  always_changed: true""".replace(
            '\'python x.py -o "two words" say "hi" ""\'', 'python x.py -o "two words" say "hi" ""'
        )
    )


def test_a_stage_that_calls_a_function(run: Run, here: Path) -> None:
    args = "totals --call work:totals -d table=a.csv -o totals=t.parquet --arg limit=5 --arg names=[a,b]"
    args += " --chunk over=table,rows=10 --env LANG=C --workers 2 --retries 1 --timeout 5m --on-error continue"
    assert run("stage", "add", *args.split()).code == 0
    assert (
        added(here)
        == """
totals:
  call: work:totals
  args: {limit: 5, names: [a, b]}
  deps: {table: a.csv}
  env: {LANG: C}
  chunk: {over: table, rows: 10}
  outs: {totals: t.parquet}
  workers: 2
  retries: 1
  timeout: 5m
  on_error: continue"""
    )


def test_a_name_first_or_among_the_options(run: Run, here: Path) -> None:
    for args in (["a", "-d", "raw.csv", "true", "-n"], ["-d", "raw.csv", "b", "true", "-n"], ["c", "--", "true", "-n"]):
        assert run("stage", "add", *args).code == 0
    stages = json.loads(run("stage", "list", "--json").out)["stages"]
    assert [s["stage"] for s in stages] == ["load", "a", "b", "c"]
    assert (here / "pipeline.yaml").read_text().count("cmd: true -n") == 3


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "no name"),
        (["a"], "does nothing"),
        (["a", "--call", "m:f", "true"], "not both"),
        (["a", "--call", "m:f", "-d", "x=1.csv", "-d", "y"], "some have none"),
        (["a", "--call", "m:f", "-d", "x=1.csv", "-d", "x=2.csv"], "same name"),
        (["a", "--call", "m:f", "--arg", "x"], "no NAME=VALUE"),
        (["a", "--call", "m:f", "--chunk", "by=x"], "no DEP:COLUMN"),
        (["a", "--run", "--dry", "true"], "--run does not go with --dry"),
    ],
)
def test_a_new_stage_that_is_not_described_well(run: Run, here: Path, args: list[str], says: str) -> None:
    ran = run("stage", "add", *args)
    assert ran.code == 2 and says in ran.err
    assert (here / "pipeline.yaml").read_text() == PIPELINE


def test_a_name_that_is_taken_needs_force(run: Run, here: Path) -> None:
    ran = run("stage", "add", "load", "true")
    assert ran.code == 4 and "error[CF191]" in ran.err and "--force" in ran.err
    assert run("stage", "add", "load", "-f", "-d", "raw.csv", "true").code == 0
    assert (here / "pipeline.yaml").read_text() == (
        'stages:\n  # loads\n  load:\n    cmd: "true"   # as it is\n    deps:\n    - raw.csv\n'
    )


def test_a_new_stage_can_be_run_at_once(run: Run, here: Path) -> None:
    ran = run("-q", "stage", "add", "count", "-d", "raw.csv", "-o", "n.txt", "--run", "wc -l < raw.csv > n.txt")
    assert ran.code == 0 and (here / "n.txt").read_text().strip() == "2"
    assert run("stage", "add", "bad", "-o", "b.txt", "--run", "exit 3").code == 1


def test_the_first_stage_of_a_directory(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("stage", "add", "a", "--dry", "true")
    assert ran.out.splitlines()[:2] == ["--- /dev/null", "+++ b/pipeline.yaml"] and [*tmp_path.iterdir()] == []
    assert run("stage", "add", "a", "true").code == 0
    assert (tmp_path / "pipeline.yaml").read_text().startswith("# yaml-language-server: $schema=.ckptflow/pipeline.")
    assert json.loads((tmp_path / ".ckptflow/pipeline.schema.json").read_text())["title"]
    assert run("stage", "add", "--file", "other.yaml", "b", "true").code == 0
    assert (tmp_path / "other.yaml").exists()


def test_a_dry_edit_is_a_diff_that_patch_takes(run: Run, here: Path) -> None:
    (here / "pipeline.yaml").write_bytes(PIPELINE.rstrip("\n").replace("\n", "\r\n").encode())
    before = (here / "pipeline.yaml").read_bytes()
    ran = run("stage", "set", "load", "retries=2", "cmd=true", "--dry")
    assert ran.code == 0 and ran.err == ""
    assert (here / "pipeline.yaml").read_bytes() == before
    assert "\\ No newline at end of file" in ran.out
    (here / "change.diff").write_bytes(ran.out.encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "change.diff"], cwd=here, check=True, capture_output=True)
    patched = (here / "pipeline.yaml").read_bytes()
    (here / "pipeline.yaml").write_bytes(before)
    assert run("stage", "set", "load", "retries=2", "cmd=true").code == 0
    assert (here / "pipeline.yaml").read_bytes() == patched


def test_a_diff_is_coloured_on_request(run: Run, here: Path) -> None:
    ran = run("--color", "always", "freeze", "load", "--dry")
    assert "\x1b[32m+    frozen: true\x1b[0m" in ran.out


def test_fields_are_set_and_unset(run: Run, here: Path) -> None:
    assert run("stage", "set", "load", "deps+=b.csv", "outs.a.csv.cache=false", "--unset", "deps.raw.csv").code == 0
    assert run("stage", "set", "load", "deps-=b.csv").out == "Changed stage `load` in pipeline.yaml.\n"
    text = (here / "pipeline.yaml").read_text()
    assert "deps" not in text and "    - a.csv:\n        cache: false\n" in text and "# as it is" in text
    assert run("stage", "set", "load", "outs.a.csv.cache=false").out == "Nothing to change.\n"
    assert run("stage", "set", "load").code == 2
    assert run("stage", "set", "load", "x").code == 2
    assert run("-q", "stage", "set", "load", "retries=1").out == ""


def test_an_edit_that_would_make_the_file_invalid_says_why(run: Run, here: Path) -> None:
    ran = run("stage", "set", "load", "retries=many", "wdri=x")
    assert ran.code == 4 and ran.out == ""
    assert [line for line in ran.err.splitlines() if line.startswith(("error", "Nothing"))] == [
        "error[CF190]: this edit would make pipeline.yaml invalid",
        "error[CF111]: `retries` takes a whole number of at least 0, not a text (`many`)",
        "error[CF110]: unknown key `wdri` in stage `load`",
        "Nothing was changed.",
    ]
    assert "pipeline.yaml:9:14" in ran.err and "did you mean `wdir`?" in ran.err
    assert (here / "pipeline.yaml").read_text() == PIPELINE


def test_a_stage_that_is_not_there(run: Run, here: Path) -> None:
    for args in (
        ["stage", "set", "laod", "a=1"],
        ["stage", "show", "laod"],
        ["stage", "rename", "laod", "x"],
        ["stage", "remove", "laod"],
        ["freeze", "laod"],
        ["unfreeze", "laod"],
        ["stage", "list", "laod"],
    ):
        ran = run(*args)
        assert ran.code == 5 and "did you mean `load`?" in ran.err, args


def test_how_a_stage_is_shown(run: Run, here: Path) -> None:
    (here / "params.yaml").write_text("names: [x, y]\n")
    group = (
        "\n  fit:\n    foreach: ${names}\n    do:\n      cmd: echo ${item} > ${item}.txt\n      outs: ['${item}.txt']\n"
    )
    (here / "pipeline.yaml").write_text(PIPELINE + group)
    assert run("stage", "show", "load").out == PIPELINE.removeprefix("stages:\n")
    assert run("stage", "show", "fit@x").out == group.removeprefix("\n")
    assert run("stage", "show", "--resolved", "fit").out == (
        "fit@x:\n  cmd: echo x > x.txt\n  outs:\n    - x.txt\n\nfit@y:\n  cmd: echo y > y.txt\n  outs:\n    - y.txt\n"
    )
    doc = json.loads(run("stage", "show", "fit", "--json").out)
    assert (doc["stage"], doc["file"], doc["line"]) == ("fit", "pipeline.yaml", 10)
    assert doc["resolved"]["fit@y"] == {"cmd": "echo y > y.txt", "outs": ["y.txt"]}


def test_a_stage_of_an_invalid_file_is_shown_all_the_same(run: Run, here: Path) -> None:
    (here / "pipeline.yaml").write_text(PIPELINE + "    wrong: 1\n")
    assert run("stage", "show", "load").code == 0
    assert json.loads(run("stage", "show", "load", "--json").out)["resolved"] is None
    assert run("stage", "show", "load", "--resolved").code == 4


def test_how_stages_are_listed(run: Run, here: Path) -> None:
    more = """
  fit:
    desc: |
      Fits it

      at length
    cmd: x
  report:
    cmd: y
    deps: [a.csv]
    metrics: [m.json]
    outs: [r.txt, s.txt]
  check:
    cmd: z
    deps: [a.csv, r.txt]
  idle:
    cmd: w
"""
    (here / "pipeline.yaml").write_text(PIPELINE + more + f"  long:\n    cmd: v\n    desc: {'word ' * 40}\n")
    (here / "sub").mkdir()
    (here / "sub/dvc.yaml").write_text("stages:\n  load:\n    cmd: x\n    outs: [a.csv]\n")
    (here / ".ckptflow").mkdir()
    assert run("stage", "list").out.splitlines() == [
        "load    Outputs a.csv",
        "fit     Fits it",
        "report  Outputs r.txt, s.txt; Reports m.json",
        "check   Depends on a.csv, r.txt",
        "idle    No outputs or dependencies",
        f"long    {'word ' * 15}word…",
    ]
    assert run("stage", "list", "--all", "--name-only").out.split() == [
        *("load", "fit", "report", "check", "idle", "long"),
        "sub/dvc.yaml:load",
    ]
    assert run("stage", "list", "sub").out == "sub/dvc.yaml:load  Outputs a.csv\n"
    assert run("stage", "list", "fit", "load", "--name-only").out.split() == ["load", "fit"]


def test_names_are_those_of_the_directory_where_one_stands(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".ckptflow").mkdir()
    (here / "sub").mkdir()
    (here / "sub/dvc.yaml").write_text("stages:\n  last:\n    cmd: x\n")
    monkeypatch.chdir(here / "sub")
    assert run("stage", "list", "--all", "--name-only").out.split() == ["last", "../pipeline.yaml:load"]
    assert run("freeze", "last", "../pipeline.yaml:load").code == 0
    assert "frozen: true" in (here / "pipeline.yaml").read_text()


def test_renaming_and_removing(run: Run, here: Path) -> None:
    assert run("stage", "rename", "load", "fetch").out == "Renamed `load` to `fetch` in pipeline.yaml.\n"
    assert (here / "pipeline.yaml").read_text() == PIPELINE.replace("  load:", "  fetch:")
    ran = run("stage", "rename", "fetch", "no:name")
    assert ran.code == 4 and "CF118" in ran.err
    run("stage", "add", "next", "-d", "a.csv", "true")
    ran = run("stage", "remove", "fetch")
    assert ran.out == (
        "Removed `fetch` from pipeline.yaml.\nnote: `next` reads what `fetch` made; no stage makes it now\n"
    )


def test_a_read_only_file(run: Run, here: Path) -> None:
    (here / "pipeline.yaml").chmod(0o444)
    ran = run("freeze", "load")
    assert ran.code == 4 and "error[CF194]: pipeline.yaml cannot be written: it is read-only" in ran.err
    assert (here / "pipeline.yaml").read_text() == PIPELINE
    assert run("freeze", "load", "--dry").code == 0


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["stage", "crate"], "did you mean `ckptflow stage add`?"),
        (["stage", "rm"], "did you mean `ckptflow stage remove`?"),
        (["stage", "qqqq"], "`ckptflow stage --help` lists the commands"),
        (["stage", "add", "--ouuts", "x"], "did you mean"),
    ],
)
def test_a_wrong_command_says_what_is_right(run: Run, here: Path, args: list[str], hint: str) -> None:
    ran = run(*args)
    assert ran.code == 2 and hint in ran.err


def test_the_help_of_the_group_imports_no_command_of_it() -> None:
    code = (
        "import sys; from ckptflow.cli.main import main; main(['stage', '--help']);"
        "print(*(m for m in sys.modules if m.startswith('ckptflow.cli.commands.')), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ran.stderr.split()) == {"ckptflow.cli.commands.stage", "ckptflow.cli.commands.stage.group"}
    assert "rename" in ran.stdout
