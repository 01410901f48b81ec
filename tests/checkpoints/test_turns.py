"""Who brings an object holds the turn for it: others wait, and find it there."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from ckptflow.checkpoints.remote import TURNS
from ckptflow.checkpoints.turns import taking_turns
from ckptflow.ids import digest
from ckptflow.store import layout

from .test_remote import Counted, Machine

A, B = (digest(text) for text in (b"a", b"b"))
MANY = [digest(str(n).encode()) for n in range(3000)]

HOLD = """
import sys
from pathlib import Path
from ckptflow.checkpoints.turns import taking_turns

with taking_turns(Path(sys.argv[1]), sys.argv[2:], lambda: None):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path, *names):
    """Another process that holds the turn for these objects until its `stdin` is closed."""
    command = [sys.executable, "-c", HOLD, str(path), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "mine\n"
        try:
            yield process
        finally:
            process.stdin.close()


def never():
    raise AssertionError("nobody has it")


def test_one_waits_for_the_other_and_is_told(tmp_path):
    with held(tmp_path / "turns", A) as other:
        with taking_turns(tmp_path / "turns", [B, A], other.stdin.close) as waited:
            assert waited
        assert other.wait(30) == 0
    with taking_turns(tmp_path / "turns", [A], never) as waited:
        assert not waited


def test_nobody_waits_for_other_objects(tmp_path):
    with held(tmp_path / "turns", A), taking_turns(tmp_path / "turns", [B], never) as waited:
        assert not waited


@pytest.mark.parametrize(("theirs", "mine"), [([A], MANY), (MANY[:1500], [A])])
def test_very_many_count_as_all(tmp_path, theirs, mine):
    with (
        held(tmp_path / "turns", *theirs) as other,
        taking_turns(tmp_path / "turns", mine, other.stdin.close) as waited,
    ):
        assert waited


def test_the_dead_hold_nothing(tmp_path):
    with held(tmp_path / "turns", A) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(30)
        with taking_turns(tmp_path / "turns", [A], never) as waited:
            assert not waited


def test_what_ends_the_waiting_is_raised(tmp_path):
    with held(tmp_path / "turns", A), pytest.raises(AssertionError), taking_turns(tmp_path / "turns", [A], never):
        raise RuntimeError("it was not waited for")


def test_where_there_is_no_place_for_the_file_nobody_waits(tmp_path):
    with taking_turns(tmp_path / "nowhere" / "turns", [A], never) as waited:
        assert not waited


def test_what_another_process_has_brought_meanwhile_is_not_fetched(tmp_path):
    bucket = Counted()
    one, two = Machine(tmp_path / "one", bucket), Machine(tmp_path / "two", bucket)
    names = [one.objects.put(text) for text in (b"a", b"b")]
    one.send([], names)
    two.look()
    folder = tmp_path / "two" / "remotes" / "origin"
    with held(folder / TURNS, A) as other:

        def brought():
            two.store.put(layout.object_name(A), b"a")
            other.stdin.close()

        two.remote.check = brought
        bucket.calls.clear()
        two.remote.fetch(names)
    assert two.objects.get(A) == b"a"
    assert two.objects.get(B) == b"b"
    assert two.remote.fetched.objects == 1
    with held(folder / TURNS, B):
        bucket.calls.clear()
        two.far.prepare(names)
    assert not bucket.calls, "what is here is not asked for, whoever has the turn"
