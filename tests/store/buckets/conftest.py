"""One fixture, `place`: every kind of bucket in turn, empty. A new driver is one more entry in `KINDS`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ckptflow.store.bucket import Bucket
from ckptflow.store.buckets.opening import open_bucket

_numbers = itertools.count(1)
TIMEOUT = 20.0


@dataclass(frozen=True)
class Place:
    """A bucket under test. `guards`: it honours conditions; `elsewhere(n)` opens the n-th bucket that does not exist;
    `again()` opens the same one once more, as another process would.
    """

    kind: str
    again: Callable[[], Bucket]
    elsewhere: Callable[[], Bucket] | None
    guards: bool = True

    @property
    def bucket(self) -> Bucket:
        return self.again()


def _memory(request: Any, tmp_path: Path) -> Place:
    url = f"memory://conformance/{next(_numbers)}"
    return Place("memory", lambda: open_bucket(url, {}, root=tmp_path, timeout=TIMEOUT), None)


def _directory(request: Any, tmp_path: Path) -> Place:
    (tmp_path / "remote").mkdir()
    return Place(
        "directory",
        lambda: open_bucket("remote", {}, root=tmp_path, timeout=TIMEOUT),
        lambda: open_bucket("not-mounted", {}, root=tmp_path, timeout=TIMEOUT),
    )


def _s3(fixture: str, guards: bool, **more: Any) -> Callable[[Any, Path], Place]:
    def make(request: Any, tmp_path: Path) -> Place:
        fresh = request.getfixturevalue(fixture)
        options = {**fresh.options, **more}
        return Place(
            request.param,
            lambda: open_bucket(fresh.url, options, root=tmp_path, timeout=TIMEOUT),
            lambda: open_bucket("s3://no-such-bucket/some/project", options, root=tmp_path, timeout=TIMEOUT),
            guards,
        )

    return make


def _fsspec_memory(request: Any, tmp_path: Path) -> Place:
    url = f"memory://by-fsspec/{next(_numbers)}"
    return Place("fsspec memory", lambda: open_bucket(url, {"driver": "fsspec"}, root=tmp_path, timeout=TIMEOUT), None)


def _fsspec_directory(request: Any, tmp_path: Path) -> Place:
    (tmp_path / "remote").mkdir()
    options = {"driver": "fsspec"}
    return Place(
        "fsspec directory",
        lambda: open_bucket(f"file://{tmp_path}/remote", options, root=tmp_path, timeout=TIMEOUT),
        lambda: open_bucket(f"file://{tmp_path}/not-mounted", options, root=tmp_path, timeout=TIMEOUT),
    )


KINDS: dict[str, Callable[[Any, Path], Place]] = {
    "memory": _memory,
    "directory": _directory,
    "fsspec memory": _fsspec_memory,
    "fsspec directory": _fsspec_directory,
    "obstore on moto": _s3("moto_bucket", True),
    "s3fs on moto": _s3("moto_bucket", True, driver="fsspec"),
    "obstore on rclone": _s3("rclone_bucket", False),
    "s3fs on rclone": _s3("rclone_bucket", False, driver="fsspec"),
}


@pytest.fixture(params=KINDS)
def place(request: Any, tmp_path: Path) -> Place:
    return KINDS[request.param](request, tmp_path)


@pytest.fixture
def bucket(place: Place) -> Bucket:
    return place.bucket
