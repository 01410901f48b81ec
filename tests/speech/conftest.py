"""Corpora in the three layouts, written with real encoders, and projects with the pipeline of the repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.speech.synthetic import MAKERS
from tests.e2e.place import Place, is_running
from tests.speech.world import TRACED, Corpus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """An empty corpus."""
    return Corpus(tmp_path / "corpora" / "corpus")


@pytest.fixture
def running() -> Callable[[int], bool]:
    """Whether a process runs."""
    return is_running


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Return `made(name, utterances)`: a made-up corpus of so many utterances, made once. Nobody may change it."""
    known: dict[tuple[str, int], Path] = {}

    def make(name: str, utterances: int) -> Path:
        if (name, utterances) not in known:
            root = tmp_path_factory.mktemp("corpora") / name
            MAKERS[name](root, utterances)
            known[name, utterances] = root
        return known[name, utterances]

    return make


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Place]:
    """Return `project(name, corpus)`: a project with the repository's speech pipeline, for that corpus alone.

    `traced`: what the audio stage begins is traced to `side`. Once there are UNTIL traces, what begins waits for
    `place.let("go")`.
    """

    def make(name: str, corpus: Path, *, traced: bool = False, **sizes: int) -> Place:
        root = tmp_path / "project"
        root.mkdir()
        shutil.copytree(ROOT / "stages", root / "stages", ignore=shutil.ignore_patterns("__pycache__", "aml"))
        text = (ROOT / "speech.yaml").read_text(encoding="utf-8")
        params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["speech"]
        params["corpora"] = {name: params["corpora"][name] | {"root": "data/corpora/corpus"}}
        params["chunk"] |= sizes
        (root / "params.yaml").write_text(yaml.safe_dump({"speech": params}))
        (root / "data/corpora").mkdir(parents=True)
        shutil.copytree(corpus, root / "data/corpora/corpus", symlinks=True)
        side = tmp_path / "side.txt"
        side.touch()
        if traced:
            assert "stages.speech.measuring:facts" in text
            text = text.replace("stages.speech.measuring:facts", "traced:facts")
            (root / "traced.py").write_text(TRACED)
        (root / "speech.yaml").write_text(text, encoding="utf-8")
        env = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_")}
        env |= {"SIDE": str(side), "XDG_CONFIG_HOME": str(tmp_path / "config"), "CKPTFLOW_JOBS": "2", "NO_COLOR": "1"}
        return Place(root, side, env)

    return make
