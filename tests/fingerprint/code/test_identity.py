"""What counts and what does not, inside one module `m`, for the function `m:f`.

The cases are in `counts.txt` and `does_not_count.txt`: a title, then a text with an edit marked in it as `<<old|>new>>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.fingerprint.code import CodeIdentity

Identity = Callable[..., CodeIdentity]
EDIT = re.compile(r"<<(.*?)\|>(.*?)>>", re.DOTALL)


def cases(name: str) -> dict[str, tuple[str, str]]:
    """Return title -> (text before, text after)."""
    found: dict[str, tuple[str, str]] = {}
    for case in Path(__file__).with_name(name).read_text("utf-8").removeprefix("=== ").split("\n=== "):
        title, text = case.split("\n", 1)
        before, after = EDIT.sub(r"\1", text), EDIT.sub(r"\2", text)
        assert before != after and title not in found, title
        found[title] = before, after
    return found


COUNTS = cases("counts.txt")
DOES_NOT_COUNT = cases("does_not_count.txt") | {
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
