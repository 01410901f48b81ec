from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ckptflow.checkpoints.verify import Finding, What
from ckptflow.engine.transfer import Lack
from ckptflow.errors import Locked, OutEdited
from ckptflow.store.bucket import Unavailable

from .conftest import Ran

Run = Callable[..., Ran]
LACK = Lack("a", "data/a", "the remote does not have it", "`ckptflow repro a` makes it again")


def test_push(project: Any, run: Run) -> None:
    ran = run("push", "a", "-r", "storage", "-j", "4")
    assert (ran.code, ran.out, ran.err) == (0, "", "storage has everything that is finished here.\n")
    flags = {"branches": False, "tags": False, "commits": False}
    assert project.calls[-1] == ("push", (("a",), {"remote": "storage", "jobs": 4, "dry": False, **flags}))
    dry = run("push", "-n", "-a", "-T", "-A")
    assert dry.err == "Would send 1,002 objects (4.1 MB), 1,000 records, 3 documents to storage, s3://b/p.\n"
    assert project.calls[-1][1][1]["branches"] is project.calls[-1][1][1]["commits"] is True


def test_fetch(project: Any, run: Run) -> None:
    ran = run("fetch")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "Fetched 7 objects (70 B), 5 records from storage, s3://b/p in 0.5s.\n"
    doc = json.loads(run("fetch", "--json").out)
    assert [doc[key] for key in ("remote", "url", "objects", "bytes", "records", "requests", "missing")] == [
        *("storage", "s3://b/p", 7, 70, 5, 3),
        [],
    ]
    assert doc["outs"] == {"total": 2, "complete": 2}


def test_checkout(project: Any, run: Run) -> None:
    ran = run("checkout", "--force", "a")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "added    data/a\nchanged  data/b\n1 out unchanged.\n"
    assert project.calls[-1] == ("checkout", (("a",), True))
    doc = json.loads(run("checkout", "--json").out)
    assert (doc["added"], doc["changed"], doc["unchanged"]) == (["data/a"], ["data/b"], 1)


def test_pull(project: Any, run: Run) -> None:
    ran = run("pull", "-f")
    assert ran.code == 0
    assert "Fetched 7 objects" in ran.err and "added    data/a" in ran.err
    doc = json.loads(run("pull", "--json").out)
    assert (doc["objects"], doc["added"], doc["ok"]) == (7, ["data/a"], True)
    assert "Would fetch" in run("pull", "--dry").err
    assert [name for name, _ in project.calls if name != "find"][-1] == "fetch", "a dry pull places nothing"


@pytest.mark.parametrize("command", ["push", "fetch", "checkout", "pull"])
def test_what_is_missing(project: Any, run: Run, command: str) -> None:
    project.missing = (LACK,)
    project.notes = ("old was left out",) if command != "checkout" else ()
    ran = run(command, "-q")
    said = "missing: data/a of a: the remote does not have it\n  = help: `ckptflow repro a` makes it again\n"
    assert ran.err.endswith(said) and (not project.notes or ran.err.startswith("warning: old was left out\n"))
    assert (ran.code, ran.out) == (1, "")
    doc = json.loads(run(command, "--json").out)
    assert (doc["ok"], doc["missing"][0]["out"], doc["missing"][0]["help"]) == (False, "data/a", LACK.hint)
    assert len(doc["missing"]) == 1
    project.missing = (Lack("a", "data/a", "it is damaged", "help", damaged=True),)
    assert run(command).code == 6


@pytest.mark.parametrize("command", ["push", "fetch", "checkout", "pull"])
def test_errors_and_exit_codes(project: Any, run: Run, command: str) -> None:
    for error, code in (
        (Unavailable("no answer", hint="look at the network"), 6),
        (OutEdited("edited"), 1),
        (Locked("the pipeline", "run r1"), 11),
        (KeyboardInterrupt(), 130),
    ):
        project.error = error
        assert run(command).code == code
    assert run(command, "--nonsense").code == 2
    assert run("push", "-j", "0").code == 2


def test_verify_a_remote(project: Any, run: Run) -> None:
    ran = run("verify", "-r", "storage", "a")
    assert (ran.code, ran.out) == (0, "The remote `storage` is sound.\n")
    assert project.calls[-1] == (
        "verify_remote",
        (("a",), {"remote": "storage", "jobs": None, "deep": False, "repair": False}),
    )
    project.findings = (Finding(What.RECORD, "ab12", "it names what is not there", "run it"),)
    ran = run("verify", "-r", "storage", "--deep", "--repair", "--json")
    doc = json.loads(ran.out)
    assert (ran.code, doc["remote"], doc["findings"][0]["name"]) == (6, "storage", "ab12")
    assert run("verify", "--repair").code == run("verify", "-j", "2").code == 2
