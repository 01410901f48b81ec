from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ckptflow.errors import SpecError


def complete(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    monkeypatch.setenv("_CKPTFLOW_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    ran = run()
    assert ran.code == 0, os.environ["COMP_WORDS"]
    return [line for line in ran.out.split("\n")[1::3] if line]


def test_commands_are_completed(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(run, monkeypatch, "ckptflow sta") == ["status", "stage"]


def test_targets_are_completed(project: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    out = SimpleNamespace(path="data/nodes.parquet")
    stages = {"load": SimpleNamespace(name="load", outs=()), "nodes": SimpleNamespace(name="nodes", outs=(out,))}
    project.pipeline = SimpleNamespace(stages=stages)
    assert complete(run, monkeypatch, "ckptflow repro n") == ["nodes"]
    assert complete(run, monkeypatch, "ckptflow show data") == ["data/nodes.parquet"]


def test_a_broken_project_completes_nothing(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def find(self: Any, **kwargs: Any) -> Any:
        raise SpecError(())

    monkeypatch.setattr("ckptflow.cli.session.Session.project", find)
    assert complete(run, monkeypatch, "ckptflow repro n") == []
