"""Edge. Fixtures: a server a session (and a worker of xdist), started when first asked for; a fresh bucket a test.

A test that asks for `moto_bucket` finds the server without faults and with nothing counted, and leaves it so. It should
still ask for the counts of its own bucket: what it left running may send requests for a while.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .azurite import AzuriteServer
from .emulators import find_azurite, find_gcs
from .fresh import FreshBucket
from .gcs import GcsServer
from .moto import MotoServer
from .rclone import RcloneServer, find_rclone


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    """S3 by moto."""
    pytest.importorskip("moto", reason="moto is not installed; it comes with the extra `test`")
    server = MotoServer()
    yield server
    server.stop()


@pytest.fixture
def moto_bucket(moto_server: MotoServer) -> Iterator[FreshBucket]:
    """An empty bucket on it."""
    moto_server.calm()
    moto_server.reset()
    bucket = moto_server.create_bucket()
    yield bucket
    moto_server.calm()
    moto_server.drop_bucket(bucket)


@pytest.fixture(scope="session")
def rclone_server() -> Iterator[RcloneServer]:
    """S3 by rclone."""
    if find_rclone() is None:
        pytest.skip("rclone is not installed; it comes with the extra `test`")
    server = RcloneServer()
    yield server
    server.stop()


@pytest.fixture
def rclone_bucket(rclone_server: RcloneServer) -> Iterator[FreshBucket]:
    """An empty bucket on it."""
    bucket = rclone_server.create_bucket()
    yield bucket
    rclone_server.drop_bucket(bucket)


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[AzuriteServer]:
    """Azure's blob storage."""
    if find_azurite() is None:
        pytest.skip("Azurite is not installed: sh .ci/setup-emulators")
    server = AzuriteServer()
    yield server
    server.stop()


@pytest.fixture
def azurite_bucket(azurite_server: AzuriteServer) -> Iterator[FreshBucket]:
    """An empty container on it."""
    bucket = azurite_server.create_bucket()
    yield bucket
    azurite_server.drop_bucket(bucket)


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """Google's storage."""
    if find_gcs() is None:
        pytest.skip("gcp-storage-emulator is not installed: sh .ci/setup-emulators")
    server = GcsServer()
    yield server
    server.stop()


@pytest.fixture
def gcs_bucket(gcs_server: GcsServer) -> Iterator[FreshBucket]:
    """An empty bucket on it."""
    bucket = gcs_server.create_bucket()
    yield bucket
    gcs_server.drop_bucket(bucket)
