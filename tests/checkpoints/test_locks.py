import errno
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from ckptflow.checkpoints import locks
from ckptflow.checkpoints.locks import STORE, hold, holder, share
from ckptflow.errors import Locked, StoreError
from ckptflow.store import layout

HOLD = """
import sys, time
from pathlib import Path
from ckptflow.checkpoints.locks import hold
with hold(Path(sys.argv[1]), sys.argv[2:], run="their-run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Start another process that holds locks until its standard input is closed."""
    running = []

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_free_lock_is_taken_and_given_back(tmp_path):
    for _ in range(2):
        with hold(tmp_path, ["load", "train@fr"], run="ours", timeout=0):
            assert holder(tmp_path, "load").run == "ours"
            assert holder(tmp_path, "load").pid == os.getpid()
        assert holder(tmp_path, "load") is None


def test_the_name_says_nothing_about_paths(tmp_path):
    with hold(tmp_path, ["../../x", "a/b", "ü"], timeout=0):
        pass
    assert {p.parent for p in tmp_path.rglob("*.lock")} == {tmp_path / "locks"}


def test_a_held_lock_says_who_holds_it(tmp_path, other):
    process = other("load")
    with pytest.raises(Locked) as caught, hold(tmp_path, ["load"], timeout=0):
        pass
    assert caught.value.what == "load"
    for part in ("their-run", str(process.pid), "since"):
        assert part in caught.value.holder


def test_other_locks_are_free(tmp_path, other):
    other("load")
    with hold(tmp_path, ["train"], timeout=0):
        pass


def test_nothing_is_held_after_a_timeout(tmp_path, other):
    other("b")
    with pytest.raises(Locked), hold(tmp_path, ["a", "b", "c"], timeout=0):
        pass
    with hold(tmp_path, ["a", "c"], timeout=0):
        pass


def test_waiting_is_told_once_and_ends(tmp_path, other):
    process = other("load")
    told = []

    def on_wait(what, who):
        told.append((what, who))
        threading.Timer(0.2, process.stdin.close).start()

    with hold(tmp_path, ["load"], on_wait=on_wait, timeout=30):
        assert holder(tmp_path, "load").pid == os.getpid()
    assert [what for what, _ in told] == ["load"]
    assert "their-run" in told[0][1]


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path, other):
    process = other("load")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert holder(tmp_path, "load").run == "their-run"  # what it wrote is still there and does not matter
    with hold(tmp_path, ["load"], run="ours", timeout=0):
        assert holder(tmp_path, "load").run == "ours"


def test_what_stands_in_the_file_decides_nothing(tmp_path):
    path = tmp_path / layout.lock_name("load")
    path.parent.mkdir()
    for text in (b"", b"{", b'{"host": "h", "pid": 1, "since": "s", "run": "r"}', b"\xff" * 100):
        path.write_bytes(text)
        with hold(tmp_path, ["load"], timeout=0):
            pass


def test_a_lock_is_not_taken_twice_by_one_process(tmp_path):
    with hold(tmp_path, ["load"]), pytest.raises(Locked), hold(tmp_path, ["load"], timeout=0):
        pass


def test_a_removed_lock_file_does_not_give_two_holders(tmp_path, monkeypatch):
    path = tmp_path / layout.lock_name("load")
    real = locks._open

    def remove_after_open(store_dir, file):
        fd = real(store_dir, file)
        monkeypatch.setattr(locks, "_open", real)
        path.unlink()
        return fd

    monkeypatch.setattr(locks, "_open", remove_after_open)
    with hold(tmp_path, ["load"], timeout=30):
        with pytest.raises(Locked), hold(tmp_path, ["load"], timeout=0):
            pass
        assert path.exists()


def test_locks_are_taken_in_one_order_by_everybody(tmp_path, monkeypatch):
    taken = []
    real = locks._take
    monkeypatch.setattr(
        locks, "_take", lambda at, name, *rest, **more: taken.append(name) or real(at, name, *rest, **more)
    )
    with hold(tmp_path, ["b", "c", "a", "b"], timeout=0):
        assert taken == ["a", "b", "c"]


def test_opposite_orders_do_not_deadlock(tmp_path):
    done = []

    def work(names):
        for _ in range(20):
            with hold(tmp_path, names, timeout=60):
                done.append(names[0])

    threads = [threading.Thread(target=work, args=(n,)) for n in (["a", "b"], ["b", "a"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 40


def test_a_full_disk_or_no_place_is_a_store_error(tmp_path):
    with pytest.raises(StoreError), hold(tmp_path / "nothing", ["load"]):
        pass


def test_where_the_file_system_has_no_locks_this_machine_stands_in(tmp_path, monkeypatch):
    store, temporary = tmp_path / "store", tmp_path / "temporary"
    store.mkdir()
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    real = locks.fcntl.flock

    def flock(fd, mode):
        if os.readlink(f"/proc/self/fd/{fd}").startswith(str(store)):
            raise OSError(errno.ENOLCK, "No locks available")
        real(fd, mode)

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with hold(store, ["load"], run="first"):
        with pytest.raises(Locked, match="first"), hold(store, ["load"], timeout=0):
            pass
        with hold(store, ["other"], timeout=0):
            pass
    with hold(store, ["load"], timeout=0):
        pass


def test_locks_nowhere_are_an_error(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(StoreError, match="has locks"), hold(tmp_path, ["load"]):
        pass


def test_a_shared_lock_keeps_out_who_wants_it_alone(tmp_path):
    with share(tmp_path, run="one", timeout=0), share(tmp_path, run="two", timeout=0):
        with pytest.raises(Locked) as caught, hold(tmp_path, [STORE], timeout=0):
            pass
        assert "run two" in caught.value.holder
    with hold(tmp_path, [STORE], run="alone", timeout=0):
        with pytest.raises(Locked) as caught, share(tmp_path, timeout=0):
            pass
        assert "run alone" in caught.value.holder
    assert holder(tmp_path, STORE) is None


def test_who_shares_a_lock_takes_only_the_own_name_away(tmp_path):
    with share(tmp_path, run="one", timeout=0):
        with share(tmp_path, run="two", timeout=0):
            pass
        assert holder(tmp_path, STORE) is None, "better nobody than somebody who is gone"
    with share(tmp_path, run="one", timeout=0) as _, ExitStack() as stack:
        stack.enter_context(share(tmp_path, run="two", timeout=0))
        assert holder(tmp_path, STORE).run == "two"


def test_sharing_waits_for_who_holds_alone(tmp_path, other):
    process = other(STORE)
    told = []

    def on_wait(what, who):
        told.append(what)
        threading.Timer(0.2, process.stdin.close).start()

    with share(tmp_path, on_wait=on_wait, timeout=30):
        assert told == [STORE]
