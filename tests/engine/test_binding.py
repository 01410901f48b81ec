from __future__ import annotations

import pytest

from ckptflow.engine.binding import check_signature, form_of, passed
from ckptflow.engine.tasks import keyword_values
from ckptflow.fingerprint.code import Codebase, ModuleText
from ckptflow.formats.forms import Form
from ckptflow.ids import StageName, digest
from ckptflow.spec.model import Dep, Out, Stage


class OneModule:
    def __init__(self, text):
        self.text = text

    def module(self, name):
        return ModuleText("m", "m.py", self.text, False, digest(self.text.encode())) if name == "m" else None


def signature(text):
    return Codebase(OneModule(text)).identify("m:f").signature


def stage(**fields):
    return Stage(StageName("s"), call="m:f", **fields)


def problems(text, **fields):
    return [(p.code, p.message, p.hint) for p in check_signature(stage(**fields), signature(text))]


@pytest.mark.parametrize(
    ("annotation", "form"),
    [
        ("pa.Table", Form.TABLE),
        ("pyarrow.Table", Form.TABLE),
        ("pa.RecordBatchReader", Form.READER),
        ("pd.DataFrame", Form.PANDAS),
        ("pl.DataFrame", Form.POLARS),
        ("pl.LazyFrame", Form.POLARS_LAZY),
        ("Path", Form.PATH),
        ("list[Path]", Form.PATHS),
        ("Dataset", Form.DATASET),
        ("bytes", Form.BYTES),
        ("str", Form.TEXT),
        ("int", Form.NATURAL),
        ("'pa.Table'", Form.TABLE),
    ],
)
def test_annotations_choose_the_form(annotation, form):
    imports = (
        "import pyarrow as pa, pyarrow\nimport pandas as pd\nimport polars as pl\n"
        "from pathlib import Path\nfrom ckptflow import Dataset\n"
    )
    found = signature(f"{imports}\ndef f(x: {annotation}, y): pass\n")
    assert form_of(Dep("p", "x"), found) is form
    assert form_of(Dep("p", "y"), found) is Form.NATURAL
    assert form_of(Dep("p"), found) is Form.NATURAL


def test_values_and_what_is_passed():
    declared = stage(
        params={"a.p": 1},
        args={"q": {"z": 1, "b": [{"y": 1, "a": 2}]}},
        deps=(Dep("d", "d"), Dep("unnamed")),
        outs=(Out("o", "parquet", "o"), Out("f", "file", "f"), Out("g", "dir")),
    )
    assert passed(declared) == {"p": "param", "q": "argument", "d": "dep", "f": "out"}
    values = keyword_values(declared)
    assert list(values["q"]) == ["b", "z"], "the order of a mapping is no part of the recipe"
    assert list(values["q"]["b"][0]) == ["a", "y"]


def test_what_fits():
    fields = {"deps": (Dep("d", "x"),), "params": {"p": 1}}
    assert problems("def f(x, p): pass", **fields) == []
    assert problems("def f(x, *, p, more=1): pass", **fields) == []
    assert problems("def f(**all): pass", **fields) == []
    assert problems("def f(x, p, *rest, **more): pass", **fields) == []


def test_what_does_not_fit():
    fields = {"deps": (Dep("d", "rows"),)}
    assert problems("def f(row): pass", **fields)[0] == (
        "CF172", "stage `s`: `m:f` takes no `rows` (dep)", "did you mean `row`?",
    )  # fmt: skip
    codes = [code for code, _, _ in problems("def f(row): pass", **fields)]
    assert codes == ["CF172", "CF174"]
    assert problems("def f(rows, /): pass", **fields)[-1][0] == "CF173"
    assert problems("async def f(rows): pass", **fields)[0][0] == "CF171"
    assert problems("def f(): pass", **fields)[0][2] == "the function takes nothing"
