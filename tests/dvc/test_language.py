"""The language alone: what DVC resolves a `dvc.yaml` to, ckptflow resolves it to, stage by stage in the same order;
and what DVC refuses is refused.

`language.yaml` holds the texts. A text is marked `refused: CODE` where both refuse it, and where the two are to
differ `ckptflow_refuses: CODE`, `dvc_refuses: true` or `commands: {stage: [...]}` (ckptflow's own, where it quotes a
value that DVC pastes), each with a word why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from twins_program import Program
from twins_project import Twin

from ckptflow.errors import SpecError
from ckptflow.spec.load import load_pipeline
from ckptflow.spec.model import Stage

HERE = Path(__file__).parent
TEXTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "language.yaml").read_text())


class Texts:
    """Files that are a mapping."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> str | None:
        return self._texts.get(path)


def ours(files: dict[str, str]) -> list[dict[str, Any]]:
    """Return what ckptflow makes of the files, in the form of `twins_resolved`."""
    pipelines = [name for name in files if name.endswith("dvc.yaml")]
    first, *others = sorted(pipelines, key=lambda name: name.count("/"))
    return [_stage(stage) for stage in load_pipeline(first, Texts(files), others=others).stages.values()]


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "cmd": [line for text in stage.cmd for line in text.splitlines()],
        "wdir": stage.wdir,
        "deps": sorted(dep.path for dep in stage.deps),
        "params": sorted(stage.params),
        "outs": sorted([out.path, out.kind.value, out.cache, out.persist] for out in stage.outs),
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
    }


@pytest.fixture(scope="session")
def theirs(dvc_program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]] | str]:
    """What DVC makes of all texts: the stages, or why it refuses one. One process for all: each costs its start."""
    home = tmp_path_factory.mktemp("language")
    twins = [Twin.made("dvc", dvc_program, home / str(number)) for number in range(len(TEXTS))]
    for twin, text in zip(twins, TEXTS.values(), strict=True):
        for path, content in text["files"].items():
            twin.write(path, content)
    roots = [str(twin.root) for twin in twins]
    ended = dvc_program.run(*roots, cwd=home, env=twins[0].env, main="twins_resolved:main")
    assert ended.code == 0, ended.said
    return dict(zip(TEXTS, json.loads(ended.out), strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_both_read_the_same(name: str, theirs: dict[str, list[dict[str, Any]] | str]) -> None:
    text, expected = TEXTS[name], theirs[name]
    refused = text.get("refused")
    assert isinstance(expected, str) is bool(refused or text.get("dvc_refuses")), expected
    codes = refused or text.get("ckptflow_refuses")
    if codes:
        with pytest.raises(SpecError) as error:
            ours(text["files"])
        assert [problem.code for problem in error.value.problems] == codes.split()
        return
    found = ours(text["files"])
    if not isinstance(expected, str):
        for stage in expected:
            stage["cmd"] = text.get("commands", {}).get(stage["name"], stage["cmd"])
        assert found == expected
