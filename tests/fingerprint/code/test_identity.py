"""What counts and what does not for the function `m:f`.

The cases are in the text files beside this one: a title, then the module `m`, or several files each under its path,
with one edit marked in them as `<<old|>new>>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.fingerprint.code import CodeIdentity

Identity = Callable[..., CodeIdentity]
EDIT = re.compile(r"<<(.*?)\|>(.*?)>>", re.DOTALL)


Files = dict[str, str]


def cases(name: str) -> dict[str, tuple[Files, Files]]:
    """Return title -> (files before, files after)."""
    found: dict[str, tuple[Files, Files]] = {}
    for case in Path(__file__).with_name(name).read_text("utf-8").removeprefix("=== ").split("\n=== "):
        title, text = case.split("\n", 1)
        before, after = EDIT.sub(r"\1", text), EDIT.sub(r"\2", text)
        assert before != after and title not in found, title
        found[title] = files(before), files(after)
    return found


def files(text: str) -> Files:
    """Return path -> text; `m.py` where no path is given."""
    if not text.startswith("--- "):
        return {"m.py": text}
    parts = re.split(r"^--- (.*)\n?", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


COUNTS = cases("counts.txt") | cases("across_counts.txt")
DOES_NOT_COUNT = cases("does_not_count.txt") | cases("across_does_not_count.txt")
WRITTEN_OTHERWISE = {
    "line ends": ("def f():\n    return '''a\nb'''\n", "def f():\r\n    return '''a\r\nb'''\r\n"),
    "old line ends": ("def f():\n    return 1\n", "def f():\r    return 1\r"),
    "byte order mark": ("def f():\n    return 1\n", "\ufeffdef f():\n    return 1\n"),
    "encoding cookie": ("def f():\n    return 'é'\n", "# -*- coding: latin-1 -*-\ndef f():\n    return 'é'\n"),
    "tabs": ("def f():\n    return 1\n", "def f():\n\treturn 1\n"),
    "form feed": ("def f():\n    return 1\n", "\fdef f():\n    return 1\n"),
}


@pytest.mark.parametrize("case", COUNTS)
def test_counts(case: str, identity: Identity) -> None:
    before, after = map(identity, COUNTS[case])
    assert before.symbols != after.symbols
    assert before.digest != after.digest


@pytest.mark.parametrize("case", DOES_NOT_COUNT)
def test_does_not_count(case: str, identity: Identity) -> None:
    before, after = map(identity, DOES_NOT_COUNT[case])
    assert before.symbols == after.symbols
    assert before.digest == after.digest
    assert before.holes == after.holes == ()


@pytest.mark.parametrize("case", WRITTEN_OTHERWISE)
def test_how_a_file_is_written_does_not_count(case: str, identity: Identity) -> None:
    before, after = map(identity, WRITTEN_OTHERWISE[case])
    assert before.digest == after.digest
