"""A project's files as a mapping, and the two ways in which reading them ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from ckptflow.errors import Problem, SpecError
from ckptflow.spec.compose import core_scalar
from ckptflow.spec.load import load_pipeline
from ckptflow.spec.model import Pipeline
from ckptflow.spec.schema import json_schema


class FakeFiles:
    """Files that are a mapping, with a note of what was asked for."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.asked: list[str] = []

    def read(self, path: str) -> str | None:
        self.asked.append(path)
        return self.texts.get(path)


@pytest.fixture(scope="session")
def load() -> Callable[..., Pipeline]:
    """Return `load(text, {path: text}, file=...)`: the pipeline."""

    def load_(text: str, others: dict[str, str] | None = None, file: str = "pipeline.yaml") -> Pipeline:
        return load_pipeline(file, FakeFiles({**(others or {}), file: text}))

    return load_


@pytest.fixture(scope="session")
def mistakes(load: Callable[..., Pipeline]) -> Callable[..., tuple[Problem, ...]]:
    """Return `mistakes(text, {path: text})`: the problems, none where the pipeline is valid."""

    def mistakes_(text: str, others: dict[str, str] | None = None, file: str = "pipeline.yaml") -> tuple[Problem, ...]:
        try:
            load(text, others, file)
        except SpecError as error:
            return error.problems
        return ()

    return mistakes_


class _CoreSchema(yaml.CSafeLoader):
    """Resolves plain scalars as YAML 1.2 does, which is what editors do: `on`, `12:30` and dates are texts."""


_CoreSchema.yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("<<$"))]}
_CoreSchema.add_implicit_resolver("core", re.compile("", re.DOTALL), None)
_CoreSchema.add_constructor("core", lambda loader, node: core_scalar(loader.construct_scalar(node)))


@pytest.fixture(scope="session")
def accepted() -> Callable[[str], bool]:
    """Return `accepted(text)`: whether an editor that has the JSON Schema finds nothing in a pipeline file."""
    validator = jsonschema.Draft7Validator(json_schema())

    def accepted_(text: str) -> bool:
        document: Any = yaml.load(text, Loader=_CoreSchema)
        return bool(validator.is_valid(document))

    return accepted_
