from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ckptflow.dvc.agree import difference, is_plain, run_keys
from ckptflow.dvc.lock import Noted, NotedStage
from ckptflow.ids import StageName
from ckptflow.spec.model import Dep, Out, OverParts, Stage

STAGE = Stage(
    StageName("s"),
    cmd=("run",),
    wdir="sub",
    deps=(Dep("in"), Dep("sub/raw")),
    outs=(Out("sub/out", "file"),),
    params={"lr": 0.5, "other.yaml:a.b": [1], "whole.yaml": {"x": 1, "y": None}},
)
NOTED = NotedStage(
    cmd=("run",),
    deps=(Noted("../in", "1"), Noted("raw", "2")),
    outs=(Noted("out", "3"),),
    params={"params.yaml": {"lr": 0.5}, "other.yaml": {"a.b": [1]}, "whole.yaml": {"x": 1, "y": None}},
)


def test_they_agree() -> None:
    assert difference(STAGE, NOTED) is None
    assert difference(replace(STAGE, cmd=("run\n",)), NOTED) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cmd": ("other",)}, "its command changed since DVC ran it"),
        ({"cmd": ("run", "more")}, "its command changed since DVC ran it"),
        ({"deps": STAGE.deps[:1]}, "dep sub/raw was removed since DVC ran it"),
        ({"deps": (*STAGE.deps, Dep("more"))}, "dep more was added since DVC ran it"),
        ({"outs": ()}, "out sub/out was removed since DVC ran it"),
        ({"params": {**STAGE.params, "lr": 1}}, "parameter lr (params.yaml) was changed since DVC ran it"),
        ({"params": {**STAGE.params, "z": 1}}, "parameter z (params.yaml) was added since DVC ran it"),
        ({"params": {"lr": 0.5, "other.yaml:a.b": [1]}}, "parameter x (whole.yaml) was removed since DVC ran it"),
        ({"params": {**STAGE.params, "whole.yaml": {"x": True, "y": None}}}, "parameter x (whole.yaml) was changed"),
    ],
)
def test_they_differ(fields: dict[str, Any], why: str) -> None:
    found = difference(replace(STAGE, **fields), NOTED)
    assert found is not None and found.startswith(why)


@pytest.mark.parametrize(
    ("ours", "dvcs", "why"),
    [
        ("echo 'é' x", "echo é x", None),
        ("echo 'a b'", "echo a b", "a value in its command is quoted here"),
        ("echo '*'", "echo *", "a value in its command is quoted here"),
        ("echo \"'x'\"", 'echo "x"', "its command changed"),
        ("echo 'x", "echo x", "its command changed"),
    ],
)
def test_quotes(ours: str, dvcs: str, why: str | None) -> None:
    found = difference(replace(STAGE, cmd=(ours,)), replace(NOTED, cmd=(dvcs,)))
    assert found is None if why is None else found is not None and found.startswith(why)


@pytest.mark.parametrize(
    "fields",
    [
        {"cmd": (), "call": "m:f"},
        {"chunk": OverParts("in")},
        {"env": {"A": "1"}},
        {"version": 1},
        {"packages": ("numpy",)},
        {"always_changed": True},
        {"deps": (), "params": {}, "outs": ()},
        {"deps": (Dep("*.csv"),)},
        {"deps": (Dep("https://x/y"),)},
    ],
)
def test_what_dvc_cannot_have_run(fields: dict[str, Any]) -> None:
    assert is_plain(STAGE) and not is_plain(replace(STAGE, **fields))


def test_the_names_of_the_run_cache() -> None:
    """What DVC 3.67.1 wrote for `count` in tests/compat/dvc3."""
    stage = Stage(
        StageName("count"),
        cmd=("wc -l < ../clean.txt > count.txt", 'echo "{\\"lines\\": 2}" > metrics.json'),
        wdir="sub",
        deps=(Dep("clean.txt"), Dep("parts")),
        outs=(Out("sub/count.txt", "file"), Out("sub/metrics.json", "file")),
        params={"../params.yaml": {"lr": 0.5}},
    )
    deps = {
        "parts": Noted("", "2e171288bf376f3f3136911e128504e7.dir"),
        "clean.txt": Noted("", "57b956583c81128dc3f31ecb9e4d84e6"),
    }
    names = {"72386baab22404f3793f1dda2aa066589fefe7da5877db2f470a6f18b30ad7da"}
    names.add("7fc5b971ff29a393ddea74e222b977143f706c72b12191f130a6dee249c585c4")
    assert set(run_keys(stage, deps)) < names
    assert len(run_keys(replace(stage, cmd=("one",)), deps)) == 2
