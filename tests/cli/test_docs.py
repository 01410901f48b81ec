from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ckptflow.cli.app import _SECTIONS
from ckptflow.cli.exits import Exit
from ckptflow.errors import CkptflowError

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
FROM_WORKERS = {"CF013": "dep-changed", "CF032": "exit", "CF033": "dep-changed"}  # leave a worker as a failure's kind
ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def test_every_exit_code_is_documented() -> None:
    table = TEXT.split("## Exit codes")[1].split("\n\n")[1]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == sorted(Exit)


def test_every_command_is_documented() -> None:
    table = TEXT.split("## Targets")[0]
    documented = set(re.findall(r"^\| `([\w-]+)", table, re.M))
    assert documented == {name for section in _SECTIONS.values() for name in section}


def test_every_error_code_is_documented_and_tested() -> None:
    """In docs/errors.md stands what the source can say and nothing else, and each code, or its class, in a test."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ckptflow").rglob("*.py"))
    codes = set(re.findall(r"\bCF\d{3}\b", source))
    assert documented_codes() == codes
    tests = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in (".py", ".yaml", ".txt") and path != Path(__file__)
    )
    names = {cls.code: cls.__name__ for cls in subclasses(CkptflowError) if "code" in vars(cls)}
    named = {code for code in codes if re.search(rf"\b({code}|{names.get(code, code)})\b", tests)}
    named |= {code for code, kind in FROM_WORKERS.items() if f'"{kind}"' in tests}
    assert codes - named == set()


def documented_codes() -> set[str]:
    found: set[str] = set()
    for first, last in re.findall(r"^\| CF(\d{3})(?: to CF(\d{3}))? \|", ERRORS, re.M):
        found.update(f"CF{number:03}" for number in range(int(first), int(last or first) + 1))
    return found


def subclasses(cls: type[CkptflowError]) -> Iterator[type[CkptflowError]]:
    yield cls
    for each in cls.__subclasses__():
        yield from subclasses(each)
