"""One fixture, `place`: every kind of bucket in turn, empty. A new driver is one more entry in `KINDS`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ckptflow.store.bucket import Bucket
from ckptflow.store.buckets.opening import open_bucket
from tests.servers.emulators import find_azurite, find_gcs
from tests.servers.process import Process, free_port
from tests.servers.rclone import find_rclone

_numbers = itertools.count(1)
TIMEOUT = 20.0


@dataclass(frozen=True)
class Place:
    """A bucket under test. `guards`: it honours conditions, at least in one process.

    `elsewhere()` opens one that does not exist (None: they all do); `again()` opens the same one once more, as another
    process would.
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


def _azure(**more: Any) -> Callable[[Any, Path], Place]:
    def make(request: Any, tmp_path: Path) -> Place:
        fresh = request.getfixturevalue("azurite_bucket")
        options = {**fresh.options, **more}
        return Place(
            request.param,
            lambda: open_bucket(fresh.url, options, root=tmp_path, timeout=TIMEOUT),
            lambda: open_bucket("az://no-such-container/some/project", options, root=tmp_path, timeout=TIMEOUT),
        )

    return make


def _gcs(request: Any, tmp_path: Path) -> Place:
    fresh = request.getfixturevalue("gcs_bucket")
    options = {**fresh.options, "driver": "fsspec"}
    return Place(
        request.param,
        lambda: open_bucket(fresh.url, options, root=tmp_path, timeout=TIMEOUT),
        lambda: open_bucket("gs://no-such-bucket/some/project", options, root=tmp_path, timeout=TIMEOUT),
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
    "obstore on azurite": _azure(),
    "adlfs on azurite": _azure(driver="fsspec"),
    "gcsfs on an emulator": _gcs,
}

# gcsfs asks a second service what kind of bucket it has, and the emulator does not have that. Read when it is imported.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

_EMULATORS = "is not installed: sh .ci/setup-emulators"
MISSING: dict[str, str] = {}
"""Kinds that cannot be tested here, and why; `test_conformance` says so once for each."""

if find_azurite() is None:
    MISSING |= dict.fromkeys(("obstore on azurite", "adlfs on azurite"), f"Azurite {_EMULATORS}")
if find_gcs() is None:
    MISSING["gcsfs on an emulator"] = f"gcp-storage-emulator {_EMULATORS}"
for _kind, _package, _extra in (
    ("adlfs on azurite", "adlfs", "azure"),
    ("gcsfs on an emulator", "gcsfs", "gcs"),
):
    if find_spec(_package) is None:
        MISSING[_kind] = f"{_package} is not installed; it comes with the extra `{_extra}`"
HERE = [kind for kind in KINDS if kind not in MISSING]


class Served:
    """A directory served by `rclone serve`, by some protocol."""

    def __init__(self, protocol: str, *arguments: str) -> None:
        program = find_rclone()
        assert program is not None
        self._process = Process(protocol)
        self.directory = self._process.directory / "served"
        self.directory.mkdir()
        self.port = free_port()
        command = [program, "serve", protocol, "--addr", f"127.0.0.1:{self.port}", "--dir-cache-time", "0"]
        cache = str(self._process.directory / "cache")
        env = {"RCLONE_CONFIG": str(self._process.empty), "RCLONE_CACHE_DIR": cache}
        self._process.start([*command, *arguments, str(self.directory)], env=env)
        self._process.await_port(self.port)

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture(scope="session")
def http_server() -> Iterator[Served]:
    server = Served("http")
    yield server
    server.stop()


@pytest.fixture(params=HERE)
def place(request: Any, tmp_path: Path) -> Place:
    return KINDS[request.param](request, tmp_path)


@pytest.fixture
def bucket(place: Place) -> Bucket:
    return place.bucket
