"""`remote ...`, from the command line to the files and to real places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.cli.commands import remote

Run = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, worked in; beside it a directory that can be a remote."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pipeline.yaml").write_text("stages: {a: {cmd: echo 1 > a.txt, outs: [a.txt]}}")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return root


def test_every_command_has_help(run: Run) -> None:
    for name in remote.command.list_commands(None):
        ended = run("remote", name, "--help")
        assert (ended.code, ended.out.startswith(f"Usage: ckptflow remote {name}")) == (0, True)


def test_add_list_set_remove(run: Run, here: Path) -> None:
    assert run("remote", "list").out == "No remotes: `ckptflow remote add NAME URL` adds one.\n"
    assert run("remote", "check").out == "No remotes: `ckptflow remote add NAME URL` adds one.\n"
    ran = run("remote", "add", "near", "../there", "--default")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Added remote `near` to .ckptflow/config.yaml.\nRemote `near` can be used; ")
    args = ("--option", "region=eu", "--option", "secret=hidden", "--trust", "--no-check")
    ran = run("remote", "add", "far", "s3://bucket/x", *args)
    assert ran.code == 0 and "hidden" not in ran.out + ran.err
    assert (
        "note: `options.secret` holds what looks like a credential: it is kept in .ckptflow/config.local.yaml"
        in ran.out
    )
    assert run("remote", "list").out.splitlines() == [
        "REMOTE  URL            OPTIONS",
        "far     s3://bucket/x  region=eu, secret=***, trusted",
        "near *  ../there",
    ]
    listed = json.loads(run("remote", "list", "--json").out)["remotes"]
    assert [(r["name"], r["default"], r["trust"]) for r in listed] == [("far", False, True), ("near", True, False)]
    assert listed[0]["options"] == {"region": "eu", "secret": "***"}
    ran = run("remote", "set", "far", "default=true", "options.region=", "trust=")
    assert ran.out == "Changed remote `far` in .ckptflow/config.yaml.\n"
    assert "far *   s3://bucket/x  secret=***" in run("remote", "list").out
    assert run("remote", "set", "far", "default=true").out == "Nothing to change.\n"
    assert "hidden" not in run("config").out + run("config", "--json").out
    assert run("remote", "remove", "far").out.startswith("Removed remote `far` from .ckptflow/config.local.yaml, ")
    assert "hidden" not in (here / ".ckptflow/config.local.yaml").read_text()


def test_one_that_cannot_be_reached_is_added_with_a_warning(run: Run, here: Path) -> None:
    ran = run("remote", "add", "gone", "../not-mounted")
    assert (ran.code, ran.out) == (0, "Added remote `gone` to .ckptflow/config.yaml.\n")
    assert ran.err.startswith("warning: reach: there is no directory ") and "= help: is its disk mounted?" in ran.err
    assert ran.err.endswith("Remote `gone` cannot be used.\n")
    assert "gone" in run("remote", "list").out


def test_check(run: Run, here: Path) -> None:
    run("remote", "add", "near", "../there", "--no-check")
    ran = run("remote", "check", "near")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err, lines[0]) == (0, "", "near  ../there")
    assert lines[1] == "✓ reach                empty: the first `push` makes it a store"
    assert all(line.startswith("✓ ") for line in lines[1:-1])
    assert lines[-1].startswith("Remote `near` can be used; ")
    run("remote", "add", "gone", "../not-mounted", "--no-check")
    ran = run("remote", "check")
    assert ran.code == 6 and "Remote `gone` cannot be used." in ran.out and "Remote `near` can be used" in ran.out
    ran = run("remote", "check", "--json")
    doc = json.loads(ran.out)
    assert (ran.code, doc["ok"], [r["usable"] for r in doc["remotes"]]) == (6, False, ["no", "yes"])
    assert run("remote", "check", "near", "--json").code == 0


def test_check_of_a_server_that_ignores_conditions(run: Run, here: Path, rclone_bucket: Any) -> None:
    options = [f"{key}={value}" for key, value in rclone_bucket.options.items() if key != "client_kwargs"]
    args = [arg for option in options for arg in ("--option", option)]
    ran = run("remote", "add", "weak", rclone_bucket.url, *args, "--option", "region=us-east-1")
    assert ran.code == 0, ran.err
    assert "warning: conditional create: ignored: a name that exists is overwritten" in ran.out
    assert "  = so: two machines that make this remote at the very same time may disagree about its id" in ran.out
    assert "Remote `weak` can be used, less well than it could be; " in ran.out
    assert run("remote", "check", "weak").code == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("add", "near", "../there"), 2, "there is a remote `near` already"),
        (("add", "x", "s3:bucket"), 2, "is no URL"),
        (("add", "x", "/mnt/x", "--option", "region"), 2, "`region` is no key=value"),
        (("add", "x", "/mnt/x", "--option", "region="), 2, "option `region` has no value"),
        (("set", "nera", "trust=true"), 2, "did you mean `near`?"),
        (("set", "near", "tust=true"), 2, "did you mean `trust`?"),
        (("set", "near"), 2, "Missing argument"),
        (("set", "near", "options.region="), 2, "has no `options.region`"),
        (("remove", "nera"), 2, "error[CF017]: there is no remote `nera`"),
        (("check", "nera"), 2, "there is no remote `nera`"),
        (("rm", "near"), 2, "did you mean `ckptflow remote remove`?"),
    ],
)
def test_mistakes(run: Run, here: Path, args: tuple[str, ...], code: int, said: str) -> None:
    run("remote", "add", "near", "../there", "--no-check")
    before = (here / ".ckptflow/config.yaml").read_text()
    ran = run("remote", *args)
    assert (ran.code, ran.out) == (code, "") and said in ran.err
    assert (here / ".ckptflow/config.yaml").read_text() == before
