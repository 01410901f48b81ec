from __future__ import annotations

import fcntl
import mmap
import os
import subprocess
import sys

import pytest

from ckptflow.store.writers import may_be_written

pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="no leases on this system")


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "x"
    path.write_text("text")

    def ask() -> bool:
        with open(path, "rb") as file:
            return may_be_written(file.fileno())

    if ask():
        pytest.skip("no leases on this file system")
    ask.path = path
    return ask


def test_a_file_that_nobody_has_open(asked):
    assert not asked()
    with open(asked.path, "rb"):
        assert not asked(), "readers do no harm"


def test_one_that_is_open_for_writing_here(asked):
    with open(asked.path, "ab"):
        assert asked()
    assert not asked()


def test_or_in_another_process(asked):
    code = "import sys; file = open(sys.argv[1], 'r+b'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(asked.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert asked()
        other.stdin.close()
    assert not asked()


def test_or_mapped(asked):
    fd = os.open(asked.path, os.O_RDWR)
    mapped = mmap.mmap(fd, 4)
    os.close(fd)
    assert asked()
    mapped.close()
    assert not asked()
