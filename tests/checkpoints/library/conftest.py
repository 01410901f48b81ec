"""A manager on a local disk, in memory, and on S3 (moto): what one does, the others do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import leases

_numbers = itertools.count()


@pytest.fixture(params=["local", "memory", "s3"])
def make(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> Callable[..., CheckpointManager]:
    """Return what makes managers of one base."""
    options: dict[str, Any] = {}
    if request.param == "local":
        base = str(tmp_path / "checkpoints")
    elif request.param == "memory":
        base = f"memory://tests/{next(_numbers)}"
    else:
        bucket = request.getfixturevalue("moto_bucket")
        base, options = f"{bucket.url}/checkpoints", bucket.options
    return lambda **given: CheckpointManager(base, **{"options": options, **given})


@pytest.fixture
def manager(make) -> CheckpointManager:
    return make()


@pytest.fixture
def local(tmp_path) -> CheckpointManager:
    """A manager on a local disk."""
    return CheckpointManager(tmp_path / "checkpoints")


@pytest.fixture(autouse=True)
def _no_lease_is_left():
    yield
    assert leases._held == []
