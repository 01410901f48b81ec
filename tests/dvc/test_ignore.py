"""`.dvcignore` is read as git reads `.gitignore`: git itself is asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptflow.dvc.ignore import Ignore

NAMES = ["a", "b", "ab", "a.txt", "b.txt", "c", "[x]", "!a", "a b"]
PATHS = [*NAMES, *(f"{d}/{n}" for d in ("a", "b", "c") for n in NAMES), "a/c/a.txt", "a/b/c/ab", "c/a/a/b"]
PATTERNS = [
    "a", "/a", "a/", "/a/", "*.txt", "!a.txt", "!*.txt", "a/*", "a/**", "**/b", "**/b/", "a/**/b", "/**/c", "**",
    "*", "!*", "?", "a?", "[ab]", "[!a]*", "[a-b].txt", "[]x]", "\\[x]", "\\!a", "\\a", "#a", "", "   ", "a/c/", "c/a",
    "/c/a/", "a b", "[", "[a", "**a", "a**", "*/b", "*/*/b", "/*", "!/a", "!a/", "c/**/b", "**/**/c", "a//b", "[z-a]",
]  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    root = tmp_path_factory.mktemp("work")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def asked(work: Path, lines: list[str], paths: list[str]) -> set[str]:
    """Return which paths git would ignore."""
    (work / ".gitignore").write_text("\n".join(lines) + "\n")
    text = "\0".join(paths) + "\0"
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    ended = subprocess.run(command, cwd=work, input=text, capture_output=True, text=True)
    return set(ended.stdout.split("\0")) - {""}


def ours(lines: list[str], paths: list[str]) -> set[str]:
    rules = Ignore().plus(".", lines)
    return {path for path in paths if rules.leaves_out(path)}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_one_pattern(work: Path, pattern: str) -> None:
    assert ours([pattern], PATHS) == asked(work, [pattern], PATHS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PATTERNS), max_size=6))
def test_several_patterns(work: Path, lines: list[str]) -> None:
    assert ours(lines, PATHS) == asked(work, lines, PATHS)


def test_directories_and_files_of_one_name() -> None:
    rules = Ignore().plus(".", ["a/"])
    assert rules.leaves_out("a", directory=True) and not rules.leaves_out("a")


def test_rules_of_a_directory_hold_below_it_and_come_later() -> None:
    rules = Ignore().plus(".", ["*.log"]).plus("sub", ["!keep.log", "/x"])
    assert rules.leaves_out("keep.log") and not rules.leaves_out("sub/keep.log")
    assert rules.leaves_out("sub/x") and not rules.leaves_out("x") and not rules.leaves_out("sub/deep/x")


def test_blanks_do_not_count() -> None:
    assert Ignore().plus(".", ["  a  ", "\tb\r"]).leaves_out("a")
