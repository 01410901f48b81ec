"""The digest of a file is that of its bytes, whatever its size."""

from __future__ import annotations

import os

import pytest

from ckptflow.ids import digest
from ckptflow.store.hashing import hash_file


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 128 << 20, (128 << 20) + 5])
def test_of_every_size(tmp_path, size):
    data = os.urandom(1 << 16) * (size >> 16) + os.urandom(size & 0xFFFF)
    (tmp_path / "file").write_bytes(data)
    assert hash_file(tmp_path / "file") == digest(data)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "none")
