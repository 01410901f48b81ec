"""The digest of a file is that of its bytes, whatever its size."""

from __future__ import annotations

import errno
import os
import random
import threading

import pytest

from ckptflow.ids import digest
from ckptflow.store import hashing
from ckptflow.store.hashing import hash_file


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 128 << 20, (128 << 20) + 5])
def test_of_every_size(tmp_path, size):
    data = os.urandom(1 << 16) * (size >> 16) + os.urandom(size & 0xFFFF)
    (tmp_path / "file").write_bytes(data)
    assert hash_file(tmp_path / "file") == digest(data)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "none")


@pytest.mark.parametrize("more", [0, 1, (2 << 20) - 1, 2 << 20])
def test_a_large_file_is_read_ahead(tmp_path, monkeypatch, more):
    monkeypatch.setattr(hashing, "_LARGE", 3 << 20)
    data = random.Random(1).randbytes((8 << 20) + more)
    (tmp_path / "file").write_bytes(data)
    threads = set(threading.enumerate())
    assert hash_file(tmp_path / "file") == digest(data)
    assert set(threading.enumerate()) <= threads


def test_what_goes_wrong_ahead_is_raised():
    class Bad:
        """A disk that fails behind the first blocks."""

        blocks = 2

        def readinto(self, block):
            self.blocks -= 1
            if self.blocks < 0:
                raise OSError(errno.EIO, "input/output error")
            return len(block)

    threads = set(threading.enumerate())
    read = []
    with pytest.raises(OSError, match="input/output"):
        read += map(len, hashing._ahead(Bad()))
    assert set(threading.enumerate()) <= threads


def test_who_stops_reading_leaves_no_thread(tmp_path):
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    threads = set(threading.enumerate())
    with (tmp_path / "file").open("rb", buffering=0) as file:
        blocks = hashing._ahead(file)
        next(blocks)
        blocks.close()
    assert set(threading.enumerate()) <= threads
