"""Two machines that have cloned one small repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .machines import Machine, Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """A stage of forty chunks, and two that read its out."""
    return Origin.small(tmp_path / "origin.git")


@pytest.fixture
def machine(origin: Origin, tmp_path: Path) -> Callable[..., Machine]:
    """Makes a machine with a name: `machine("a")`."""

    def machine(name: str, **env: str) -> Machine:
        return Machine.clone(origin, tmp_path, name, **env)

    return machine
