from __future__ import annotations

import re
from pathlib import Path

from ckptflow.cli.app import _SECTIONS
from ckptflow.cli.exits import Exit

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def test_every_exit_code_is_documented() -> None:
    table = TEXT.split("## Exit codes")[1].split("\n\n")[1]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == sorted(Exit)


def test_every_command_is_documented() -> None:
    table = TEXT.split("## Targets")[0]
    documented = set(re.findall(r"^\| `([\w-]+)", table, re.M))
    assert documented == {name for section in _SECTIONS.values() for name in section}
