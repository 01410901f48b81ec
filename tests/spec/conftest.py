"""A project's files as a mapping, and the two ways in which reading them ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from ckptflow.errors import Problem, SpecError
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
    """Reads `on`, `yes` and dates as the texts that they are in YAML 1.2."""


_CoreSchema.yaml_implicit_resolvers = {
    first: [(tag, rx) for tag, rx in found if "timestamp" not in tag and not ("bool" in tag and first not in "tfTF")]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@pytest.fixture(scope="session")
def accepted() -> Callable[[str], bool]:
    """Return `accepted(text)`: whether an editor that has the JSON Schema finds nothing in a pipeline file."""
    validator = jsonschema.Draft7Validator(json_schema())

    def accepted_(text: str) -> bool:
        document: Any = yaml.load(text, Loader=_CoreSchema)
        return bool(validator.is_valid(document))

    return accepted_
