"""Groups of commands: nothing is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ckptflow.cli.commands import checkpoints, metrics, params, plots

PROBE = """
import sys
from ckptflow.cli.app import invoke
try:
    invoke({args!r})
except BaseException:
    pass
lead = "ckptflow.cli.commands."
print(sorted(n.removeprefix(lead) for n in sys.modules if n.startswith(lead)), file=sys.stderr)
print("ckptflow.project" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("args", "imported"),
    [
        (["--help"], []),
        (["metrics", "--help"], ["metrics", "metrics.group"]),
        (["checkpoints", "list", "--help"], ["checkpoints", "checkpoints.group", "checkpoints.list"]),
        (["plots", "show", "--help"], ["plots", "plots.group", "plots.show"]),
    ],
)
def test_help_imports_no_more_than_it_shows(args: list[str], imported: list[str]) -> None:
    code = PROBE.format(args=args)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.splitlines()
    assert said[-2:] == [str(imported), "False"]


@pytest.mark.parametrize("group", [metrics.command, params.command, plots.command, checkpoints.command])
def test_every_command_of_a_group_has_help(group: Any, run: Callable[..., Any]) -> None:
    for name in group.list_commands(None):
        ended = run(group.name, name, "--help")
        assert (ended.code, ended.out.startswith(f"Usage: ckptflow {group.name} {name}")) == (0, True)


def test_no_command_shows_the_help(run: Callable[..., Any]) -> None:
    for args in ((), ("plots",)):
        ended = run(*args)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("Usage: ckptflow")
