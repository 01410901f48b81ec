"""A file that another process maps has the digest that reading it gives, whatever becomes of that process."""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys

import pytest

from ckptflow.ids import digest
from ckptflow.store import hashing, mapped
from ckptflow.store.hashing import hash_file
from ckptflow.store.mapped import hash_mapped

PAGE = mmap.ALLOCATIONGRANULARITY
WINDOW = 4 * PAGE


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file large enough to be mapped."""
    monkeypatch.setattr(hashing, "_VERY_LARGE", 2 << 20)
    path = tmp_path / "file"
    path.write_bytes(random.Random(2).randbytes((2 << 20) + 7))
    return path


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Let a program of this text stand in for the one that maps; `mapper` is that one, imported."""

    def replace(text):
        path = tmp_path / "program.py"
        folder = os.path.dirname(mapped._PROGRAM)
        path.write_text(f"import os, sys, time\nsys.path.append({folder!r})\nimport mapper\n{text}\n")
        monkeypatch.setattr(mapped, "_PROGRAM", str(path))

    return replace


@pytest.mark.parametrize("windows", [0, 1, 3])
@pytest.mark.parametrize("more", [-PAGE - 1, -1, 0, 1, PAGE])
def test_the_digest_is_that_of_the_bytes(tmp_path, windows, more):
    data = random.Random(1).randbytes(max(0, windows * WINDOW + more))
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        assert hash_mapped(file.fileno(), WINDOW) == digest(data)


def test_a_very_large_file_is_mapped_and_not_read(file, monkeypatch):
    monkeypatch.setattr(hashing, "_block", None)
    assert hash_file(file) == digest(file.read_bytes())


@pytest.mark.parametrize("left", [1 << 20, (2 << 20) + 1])
def test_a_file_that_is_shortened_meanwhile_is_read(file, program, left):
    """To less than a page within the last one: what is missing would be zeros."""
    data = file.read_bytes()
    program(
        f"""
def shortened(*args, real=mapper.mmap, **how):
    made = real(*args, **how)
    os.truncate({str(file)!r}, {left})
    return made
mapper.mmap = shortened
mapper.main()"""
    )
    with file.open("rb") as opened:
        assert hash_mapped(opened.fileno()) is None
    file.write_bytes(data)
    assert hash_file(file) == digest(data[:left])


@pytest.mark.parametrize(
    "text",
    [
        "os.kill(os.getpid(), 9)",
        "raise MemoryError",
        "pass",
        "os.write(1, b'0123')",
        "sys.argv[2] = str(1 << 30); mapper.main()",
    ],
)
def test_without_an_answer_the_file_is_read(file, program, capfd, text):
    program(text)
    assert hash_file(file) == digest(file.read_bytes())
    assert capfd.readouterr() == ("", "")


def test_where_no_process_can_be_started_the_file_is_read(file, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(file.parent / "none"))
    assert hash_file(file) == digest(file.read_bytes())


def test_who_stops_waiting_leaves_no_process_and_no_descriptor(file, program, tmp_path):
    left = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    program(f"{left}\ntime.sleep(0.3)\nos.kill(os.getppid(), {int(signal.SIGUSR1)})\ntime.sleep(600)")
    before = os.listdir("/dev/fd")

    def interrupt(*_):
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            hash_file(file)
    finally:
        signal.signal(signal.SIGUSR1, former)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert len(os.listdir("/dev/fd")) == len(before)


def test_it_ends_when_nobody_asks_any_more(file):
    """As another than its parent: whose parent has ended has another one."""
    size = file.stat().st_size
    for asks, said in ((os.getpid(), 64), (os.getppid(), 0)):
        with file.open("rb") as data:
            ended = subprocess.run(
                [sys.executable, "-I", "-S", mapped._PROGRAM, mapped._LIBRARIES, str(size), str(WINDOW), str(asks)],
                stdin=data,
                capture_output=True,
                check=True,
            )
        assert (len(ended.stdout), ended.stderr) == (said, b"")


def test_who_waits_for_all_that_was_started_does_no_harm(file, monkeypatch):
    real = os.waitpid

    def stolen(pid, options):
        real(pid, options)
        raise ChildProcessError

    monkeypatch.setattr(os, "waitpid", stolen)
    monkeypatch.setattr(hashing, "_block", None)
    assert hash_file(file) == digest(file.read_bytes())
