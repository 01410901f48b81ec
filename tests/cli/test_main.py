from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow import __version__, errors
from ckptflow.cli.exits import Exit, exit_code

ROOT = Path(__file__).parents[2]


def ckptflow(*args: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | kwargs.pop("env", {})
    command = [sys.executable, "-m", "ckptflow.cli.main", *args]
    return subprocess.run(command, text=True, env=env, check=False, **({"capture_output": True} | kwargs))


PROBLEM = errors.Problem("CF112", "unknown field `dpes`", errors.Place("pipeline.yaml", 23, 5, "    dpes:", 4), "deps?")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SpecError((PROBLEM,)), 4),
        (errors.ProjectNotFound("no pipeline.yaml here"), 4),
        (errors.UsageError("cannot be"), 2),
        (errors.TargetNotFound("x"), 5),
        (errors.StoreError("gone"), 6),
        (errors.StoreDamaged("bad"), 6),
        (errors.Locked("the pipeline", "pid 7"), 11),
        (errors.StageError("a failed"), 1),
        (errors.DepMissing("no raw.csv"), 1),
        (errors.OutEdited("out.csv was edited"), 1),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 0),
        (RuntimeError("boom"), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_exit_codes(project: Any, run: Callable[..., Any], error: BaseException, code: int) -> None:
    project.error = error
    ran = run("status")
    assert ran.code == code
    assert ran.out == ""
    assert "Traceback" not in ran.err
    if isinstance(error, errors.CkptflowError):
        assert ran.err.startswith("error[CF")


def test_every_error_for_users_has_an_exit_code() -> None:
    def kinds(of: type[errors.CkptflowError]) -> set[type[errors.CkptflowError]]:
        return {of}.union(*(kinds(sub) for sub in of.__subclasses__()))

    for kind in kinds(errors.CkptflowError):
        assert exit_code(kind.__new__(kind)) in set(Exit) - {Exit.DONE}


def test_errors_are_json_too(project: Any, run: Callable[..., Any]) -> None:
    project.error = errors.SpecError((PROBLEM,))
    ran = run("status", "--json")
    doc = json.loads(ran.out)
    assert (ran.code, doc["ok"], doc["exit"]) == (4, False, 4)
    assert doc["problems"][0]["line"] == 23
    assert "pipeline.yaml:23:5" in ran.err


def test_wrong_command_lines_are_json_too(run: Callable[..., Any]) -> None:
    ran = run("status", "--josn", "--json")
    assert ran.code == 2
    assert json.loads(ran.out)["message"] == "there is no option `--josn`"


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["stauts"], "did you mean `ckptflow status`?"),
        (["run"], "did you mean `ckptflow repro`?"),
        (["repro", "--forec"], "did you mean `--force`?"),
        (["qqqqq"], "`ckptflow --help` lists the commands"),
        (["repro", "--for", "3x"], "`ckptflow repro --help`"),
        (["repro", "-j", "0"], "`ckptflow repro --help`"),
        (["repro", "--exit-code"], "`ckptflow repro --help`"),
        (["why"], "`ckptflow why --help`"),
        (["-C", "/nowhere/at/all", "status"], ""),
    ],
)
def test_a_wrong_command_line_says_what_is_right(run: Callable[..., Any], args: list[str], hint: str) -> None:
    ran = run(*args)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.err


def test_an_unexpected_error_is_one_line_and_a_traceback_with_v(project: Any, run: Callable[..., Any]) -> None:
    project.error = RuntimeError("boom")
    assert run("status").err.splitlines() == [
        "error[CF900]: RuntimeError: boom",
        "  = help: this is a bug in ckptflow; run again with -v for the traceback",
    ]
    assert "Traceback" in run("-v", "status").err
    assert "Traceback" in run("status", "-v").err


def test_debug_variable_shows_tracebacks(
    project: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CKPTFLOW_DEBUG", "1")
    project.error = errors.StoreError("gone")
    ran = run("status")
    assert ran.code == 6 and "Traceback" in ran.err and "error[CF010]: gone" in ran.err


def test_an_unexpected_error_is_json_even_with_v(project: Any, run: Callable[..., Any]) -> None:
    project.error = RuntimeError("boom")
    assert json.loads(run("status", "--json", "-v").out)["message"] == "RuntimeError: boom"


def test_what_follows_two_dashes_is_no_option(project: Any, run: Callable[..., Any]) -> None:
    project.error = errors.TargetNotFound("--json")
    assert run("status", "--", "--json").out == ""


def test_version_loads_nothing_but_the_package_itself() -> None:
    code = (
        "import sys, ckptflow; before = set(sys.modules); from ckptflow.cli.main import main; main(['--version']);"
        "print(*sorted(m for m in set(sys.modules) - before if m != '__future__'))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert ran.stdout.splitlines() == [f"ckptflow {__version__}", "ckptflow.cli ckptflow.cli.main"]


def test_version_as_an_option_among_others(run: Callable[..., Any]) -> None:
    assert run("-q", "--version").out == f"ckptflow {__version__}\n"


def test_no_command_shows_the_help(run: Callable[..., Any]) -> None:
    ran = run()
    assert "repro" in ran.out + ran.err
    assert ran.code in (0, 2)


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = ckptflow("schema", stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_exit_code_is_kept_when_nobody_reads(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = ckptflow("status", "--json", cwd=tmp_path, stdout=writing, stderr=writing, capture_output=False)
    finally:
        os.close(writing)
    assert ran.returncode == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:
        ran = ckptflow("schema", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ran.returncode == 1
    assert "No space left" in ran.stderr and "Traceback" not in ran.stderr


def test_closed_streams_are_no_error() -> None:
    code = "import sys; sys.stdout = sys.stderr = None; from ckptflow.cli.main import main; sys.exit(main(['schema']))"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


def test_ascii_terminals_get_escapes(tmp_path: Path) -> None:
    ran = ckptflow("status", "dätä", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert ran.returncode == 4 and ran.stderr.isascii()
