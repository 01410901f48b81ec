from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints.garbage import Group
from ckptflow.checkpoints.verify import Finding, What
from ckptflow.engine.gc import Cleaned, GcOptions
from ckptflow.engine.inspect import Check
from ckptflow.engine.targets import ReproOptions
from ckptflow.errors import Failure, TargetNotFound
from ckptflow.events import ChunkFailed, Note
from ckptflow.ids import StageName
from ckptflow.plan.stale import Cause, Reason
from ckptflow.plan.view import PlanView, StageView

A = StageName("a")
CODE = Reason(Cause.CODE, "its code changed")
STALE = PlanView((StageView(A, "stale", 9, 2, 7, 0, (CODE,), (), (3, 4)),))

Run = Callable[..., Any]


def test_repro_hands_on_targets_and_flags(project: Any, run: Run) -> None:
    flags = "--file p.yaml -f -s --downstream -p -P --from a -k --for 1h30m --no-commit --retry-failed --limit-chunks 3"
    assert run("repro", "a", "b#3", *flags.split(), "-j", "2", "--executor", "local", "-q").code == 0
    options = ReproOptions(
        force=True,
        single_item=True,
        downstream=True,
        pipeline=True,
        all_pipelines=True,
        from_stage="a",
        keep_going=True,
        time_limit=5400.0,
        retry_failed=True,
        limit_chunks=3,
        commit=False,
    )
    assert project.calls == [
        ("find", ("p.yaml", {"jobs": "2", "executor": "local"})),
        ("repro", (("a", "b#3"), options)),
    ]


def test_repro_without_flags(project: Any, run: Run) -> None:
    run("repro")
    assert project.calls == [("find", (None, {})), ("repro", ((), ReproOptions()))]


@pytest.mark.parametrize(
    ("outcome", "signal", "code"),
    [
        ("ok", None, 0),
        ("failed", None, 1),
        ("timeout", None, 75),
        ("interrupted", 2, 130),
        ("interrupted", 15, 143),
        ("interrupted", None, 130),
    ],
)
def test_exit_codes_of_a_run(project: Any, run: Run, outcome: str, signal: int | None, code: int) -> None:
    project.outcome, project.signal = outcome, signal
    assert run("repro").code == code


def test_repro_tells_on_standard_error_only(project: Any, run: Run) -> None:
    ran = run("repro")
    assert ran.out == ""
    assert "a 2 of 9 chunks run" in ran.err
    assert ran.err.endswith("Done in 2.4s: 1 stage, 2 chunks run, 7 reused.\n")


def test_repro_json_is_one_object(project: Any, run: Run) -> None:
    ran = run("repro", "--json")
    assert json.loads(ran.out) == {
        "run": "r1",
        "ok": True,
        "outcome": "ok",
        "seconds": 2.4,
        "stages": [
            {
                "stage": "a",
                "state": "ran",
                "seconds": 1.0,
                "chunks": {"total": 9, "ran": 2, "reused": 7, "failed": 0},
                "items": {"ok": 2, "failed": 0, "skipped": 0},
                "reasons": ["its code changed"],
            }
        ],
    }
    assert "Done in" in ran.err


@pytest.mark.parametrize("args", [("-q", "repro"), ("repro", "-q")])
def test_quiet_repro_says_what_went_wrong_only(project: Any, run: Run, args: tuple[str, ...]) -> None:
    assert run(*args) == type(run(*args))(0, "", "")
    project.outcome, project.events = "failed", (ChunkFailed(A, 3, 1, Failure("exit", "status 3")),)
    ran = run(*args)
    assert ran.code == 1 and "status 3" in ran.err and "Done" not in ran.err


@pytest.mark.parametrize("args", [("-v", "repro"), ("repro", "-v")])
def test_verbose_repro_says_more(project: Any, run: Run, args: tuple[str, ...]) -> None:
    project.events = (Note("info", "read 2 files"),)
    assert "read 2 files" in run(*args).err
    assert "read 2 files" not in run("repro").err


def test_events_go_to_a_file(project: Any, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert run("repro", "--events", str(path)).code == 0
    kinds = [json.loads(line)["type"] for line in path.read_text().splitlines()]
    assert kinds == ["run.started", "stage.done", "run.ended"]


def test_events_to_nowhere_are_refused_before_the_run(project: Any, run: Run, tmp_path: Path) -> None:
    ran = run("repro", "--events", str(tmp_path / "no" / "events"))
    assert ran.code == 2 and "cannot write events" in ran.err
    assert not any(name == "repro" for name, _ in project.calls)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_events_on_a_full_disk_do_not_end_the_run(project: Any, run: Run) -> None:
    ran = run("repro", "--events", "/dev/full")
    assert ran.code == 0
    assert "Done in" in ran.err and "warning: a display of this run ended early: OSError" in ran.err


@pytest.mark.parametrize("command", [("repro", "--dry"), ("plan",)])
def test_a_dry_run_is_a_plan(project: Any, run: Run, command: tuple[str, ...]) -> None:
    project.view = STALE
    ran = run(*command, "a")
    assert ran.code == 0 and "2 of 9" in ran.out
    assert run(*command, "--exit-code").code == 10
    assert json.loads(run(*command, "--json").out)["stages"][0]["chunks"]["stale"] == 2
    assert {name for name, _ in project.calls} == {"find", "plan"}


def test_a_plan_with_nothing_to_do(project: Any, run: Run) -> None:
    ran = run("plan", "--exit-code")
    assert (ran.code, ran.out) == (0, "Nothing to do: 1 stage is up to date.\n")


def test_status(project: Any, run: Run) -> None:
    assert run("status", "a").out == "Everything is up to date: 1 stage, 1 chunk.\n"
    project.view = STALE
    ran = run("status", "--explain", "--chunks")
    assert ran.code == 0 and "Root cause:" in ran.out and "a: #3..4" in ran.out
    assert run("status", "--exit-code").code == 10
    assert json.loads(run("status", "--json").out)["pending"] is True
    assert project.calls[1] == ("status", (("a",), None))


def test_quiet_status_answers_by_its_exit_code(project: Any, run: Run) -> None:
    assert run("status", "-q") == type(run("status"))(0, "", "")
    project.view = STALE
    ran = run("status", "-q")
    assert (ran.code, ran.out, ran.err) == (10, "", "")


def test_why(project: Any, run: Run) -> None:
    project.view = STALE
    assert run("why", "a").out == "a is stale: 2 of 9 chunks to run\n  its code changed\n"


def test_dag(project: Any, run: Run) -> None:
    assert run("dag").out == "● a\n● b\n"
    assert run("dag", "--chunks").out == "● a  (9 chunks)\n● b\n"
    assert run("dag", "--mermaid").out.startswith("flowchart TD\n")
    assert run("dag", "--dot").out.startswith("digraph")
    assert json.loads(run("dag", "--json").out) == {"nodes": ["a", "b"], "edges": [["a", "b"]], "chunks": {"a": 9}}


def test_show(project: Any, run: Run) -> None:
    assert (
        run("show", "a", "-n", "2").out.splitlines()[0] == "data/a.parquet  parquet, 2 rows, 1 chunk, 10 B, made by a"
    )
    assert project.calls[1] == ("show", ("a", 2))
    assert json.loads(run("show", "a", "--json").out)["preview"] == [[1], [2]]


def test_show_of_what_is_not_there(project: Any, run: Run) -> None:
    project.error = TargetNotFound("x", hint="outs are a")
    assert run("show", "x").code == 5


def test_verify(project: Any, run: Run) -> None:
    assert run("verify").out == "The store is sound.\n"
    assert run("verify", "-q").out == ""
    project.findings = (Finding(What.OBJECT, "ab12", "its bytes are others", "run repro"),)
    ran = run("verify", "--deep", "a")
    assert ran.code == 6 and "object ab12: its bytes are others" in ran.out
    assert project.calls[-1] == ("verify", (True, ("a",)))
    assert json.loads(run("verify", "--json").out)["findings"][0]["what"] == "object"


def test_log(project: Any, run: Run) -> None:
    assert run("log", "-n", "3").out.splitlines()[1].startswith("r1   2026-11-23T10:15:00Z")
    assert project.calls[1] == ("log", (3,))
    assert json.loads(run("log", "--json").out)["runs"][0]["ran"] == 2


def test_doctor(project: Any, run: Run) -> None:
    ran = run("doctor")
    assert ran.code == 0 and "pyarrow" in ran.out
    project.checks = (Check("disk", False, "0 GB free", "free some space"),)
    ran = run("doctor")
    assert ran.code == 1 and "= help: free some space" in ran.out
    assert json.loads(run("doctor", "--json").out)["ok"] is False


def test_config(project: Any, run: Run) -> None:
    assert run("config", "jobs").out == "4\n"
    lines = {line.split()[0]: line for line in run("config").out.splitlines()}
    assert lines["jobs"].split() == ["jobs", "4", "command", "line"]
    assert lines["durability"].split() == ["durability", "batch", "default"]
    assert json.loads(run("config", "--json").out)["jobs"] == {"value": 4, "from": "command line"}
    ran = run("config", "job")
    assert ran.code == 2 and "did you mean `jobs`?" in ran.err


def test_schema(run: Run) -> None:
    assert json.loads(run("schema").out)["$schema"].startswith("http://json-schema.org/draft-07/")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run: Run, shell: str) -> None:
    if shell == "bash":
        pytest.importorskip("shutil").which("bash") or pytest.skip("needs bash")
    ran = run("completion", shell)
    assert ran.code == 0 and "_CKPTFLOW_COMPLETE" in ran.out


def test_directory_option(project: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub dir").mkdir()
    run("-C", "sub dir", "status")
    assert Path.cwd() == tmp_path / "sub dir"


@pytest.mark.parametrize("args", [("--color", "always", "status"), ("status", "--color", "always")])
def test_color_before_and_after_the_command(project: Any, run: Run, args: tuple[str, ...]) -> None:
    project.error = TargetNotFound("x")
    assert run(*args).err.startswith("\x1b[")
    assert run("status").err.startswith("error")


CHECKPOINT_COMMANDS = ("list", "show", "verify", "prune", "remove", "restore")
STAGE_COMMANDS = ("add", "set", "list", "show", "rename", "remove")


def test_help(run: Run, golden: Callable[[str, str], None]) -> None:
    names = ["repro", "plan", "status", "why", "dag", "show", "log", "freeze", "unfreeze", "init", "verify", "doctor"]
    names += ["config", "schema", "completion", "stage", *(f"stage {name}" for name in STAGE_COMMANDS)]
    names += ["import-dvc", "diff", "metrics", "metrics show", "metrics diff", "params", "params diff"]
    names += ["checkpoints", *(f"checkpoints {name}" for name in CHECKPOINT_COMMANDS)]
    names += ["plots", "plots show", "plots diff", "push", "pull", "fetch", "checkout"]
    text = run("--help").out
    for name in names:
        text += f"\n--- {name}\n{run(*name.split(), '--help').out}"
    golden("help.txt", text)


def test_gc_hands_on_what_counts(project: Any, run: Run) -> None:
    assert (
        run("gc", "-a", "--rev", "v1", "--rev", "v2", "--keep-runs", "0", "--grace", "0", "-r", "far", "-j", "3").code
        == 0
    )
    options = GcOptions(branches=True, revisions=("v1", "v2"), keep_runs=0, grace=0.0)
    assert project.calls[-1] == ("gc", (options, "far", 3))
    run("gc", "-T", "-A", "--grace", "12h", "--yes")
    assert project.calls[-1] == ("gc", (GcOptions(tags=True, commits=True, grace=43200.0, yes=True), None, None))
    assert run("gc", "--grace", "soon").code == 2


def test_gc_that_has_to_wait_ends_as_locked(project: Any, run: Run) -> None:
    project.cleaned = Cleaned("store", (Group("load", 1, 10, "why"),), counted="the workspace", waiting="run r1")
    assert run("gc", "--yes").code == 11
    ran = run("gc", "--yes", "--json")
    assert ran.code == 11 and json.loads(ran.out)["groups"] == [{"what": "load", "count": 1, "bytes": 10, "why": "why"}]
