from __future__ import annotations

import pytest

from ckptflow.spec.pyparams import python_values

TEXT = '''
"""Params."""
import os
from x import y

LR = 1e-3
NEGATIVE: int = -2
NAME = "a" "b"
LIST = [1, (2, 3), {"k": None}]
SET = {"b", "a"}
TABLE = {1: True, "n": {"deep": 0.5}}
HOME = os.environ["HOME"]
MIXED = [1, HOME]
BYTES = b"x"
IMAGINARY = 1 + 2j
DECLARED: int
a = b = 1
c, d = 1, 2
LR += 1
if True:
    HIDDEN = 1


def f():
    LOCAL = 1


class Train:
    epochs = 10
    name: str = "t"

    class Inner:
        x = 1

    def __init__(self, n):
        self.layers = [8, 8]
        self.n = n
        other.m = 1
        local = 2

    def later(self):
        self.late = 1


class Empty:
    pass
'''


def test_literals_at_the_top_and_in_classes() -> None:
    assert python_values(TEXT) == {
        "LR": 0.001,
        "NEGATIVE": -2,
        "NAME": "ab",
        "LIST": [1, [2, 3], {"k": None}],
        "SET": ["a", "b"],
        "TABLE": {"1": True, "n": {"deep": 0.5}},
        "Train": {"epochs": 10, "name": "t", "Inner": {"x": 1}, "layers": [8, 8]},
        "Empty": {},
    }


def test_a_text_that_is_no_python() -> None:
    with pytest.raises(SyntaxError):
        python_values("X = (")
