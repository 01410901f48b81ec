from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.cli.quick import is_plain, try_quick
from ckptflow.engine import fresh
from ckptflow.workspace import discover

RESULT = {"stages": [{"stage": "a", "state": "fresh", "chunks": {"total": 3, "ran": 0, "reused": 3, "failed": 0}}]}


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is as it was."""
    monkeypatch.setattr(discover, "find_upwards", lambda start: (start, "pipeline.yaml"))
    monkeypatch.setattr(fresh, "still_fresh", lambda *asked: seen(RESULT))


def seen(result: Any, *, plain: bool = True) -> fresh.Witness:
    return fresh.Witness([], [], [], [], stages=len(result["stages"]), plain=plain, result=json.dumps(result))


class Broken(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str, /) -> int:
        raise self.error


def test_says_that_there_is_nothing_to_do(witness: None, run: Callable[..., Any]) -> None:
    ran = run("repro")
    assert (ran.code, ran.out, ran.err) == (0, "", "Nothing to do: 1 stage is up to date.\n")
    ran = run("repro", "-q", "--json")
    assert (ran.code, json.loads(ran.out)["stages"], ran.err) == (0, RESULT["stages"], "")


def test_what_superseded_code_has_made_is_told_each_time(
    witness: None, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    mixed = {"stages": [{**RESULT["stages"][0], "chunks": {"total": 3, "ran": 0, "reused": 3, "superseded": 2}}]}
    monkeypatch.setattr(fresh, "still_fresh", lambda *asked: seen(mixed, plain=False))
    told = "a: 2 of 3 chunks were made by superseded code; `ckptflow repro --refresh-mixed` makes them again"
    assert run("repro").err.splitlines() == ["Nothing to do: 1 stage is up to date.", told]


@pytest.mark.parametrize(
    "args",
    [
        ["repro", "--", "a"],
        ["repro", "-f"],
        ["repro", "--dry"],
        ["repro", "-j", "2"],
        ["repro", "--refresh-mixed"],
        ["repro", "--keep-finished"],
    ],
)
def test_more_than_a_plain_repro_goes_the_ordinary_way(witness: None, args: list[str]) -> None:
    assert try_quick(args) is None


def test_no_project_goes_the_ordinary_way() -> None:
    assert try_quick(["repro"]) is None


def test_a_directory_that_is_gone_is_told_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ran = run("repro")
    assert ran.code != 0 and ran.err.startswith("error[")


@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(), 0), (OSError(28, "No space left on device"), 1)])
def test_a_result_that_cannot_be_written(
    witness: None, monkeypatch: pytest.MonkeyPatch, error: OSError, code: int
) -> None:
    monkeypatch.setattr("sys.stdout", Broken(error))
    assert try_quick(["repro", "--json"]) == code


def test_nobody_need_hear_that_there_is_nothing_to_do(witness: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Broken(OSError(5, "Input/output error")))
    assert try_quick(["repro"]) == 0


def test_closed_streams_go_the_ordinary_way(witness: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert try_quick(["repro"]) is None


@pytest.mark.parametrize("args", [["repro"], ["repro", "-q", "--json"]])
def test_what_is_plain_is_run_without_click(tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "pipeline.yaml").write_text("stages:\n  a: {cmd: echo x > x, outs: [x]}\n")
    code = f"import sys; from ckptflow.cli.main import main; print(main({args!r}), 'click' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0 False"
    assert (tmp_path / "x").read_text() == "x\n"


def test_what_is_no_plain_repro_is_for_click_to_read() -> None:
    assert is_plain(["repro", "a", "--json"])
    assert not any(map(is_plain, ([], ["status"], ["repro", "-k"], ["repro", "--", "a"], ["-q", "repro"])))
