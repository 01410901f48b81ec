"""The digest of a tree: any change shows, and it is the same whoever looks."""

from __future__ import annotations

import os
import threading

import pytest

from ckptflow.workspace import treestamp
from ckptflow.workspace.treestamp import BLOCK, tree_stamp


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    """Three blocks of files, and directories in between."""
    top = tmp_path_factory.mktemp("tree")
    for i in range(2 * BLOCK + 100):
        (top / f"{i}").touch()
    for i in range(0, 2 * BLOCK, BLOCK // 3):
        (top / f"{i}.d" / "deep").mkdir(parents=True)
        (top / f"{i}.d" / "deep" / "file").write_text("x")
    return top


@pytest.fixture
def forked(monkeypatch):
    """Three cores; how many processes were forked."""
    real, pids = os.fork, []

    def fork():
        if pid := real():
            pids.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(treestamp, "_hands", lambda: 3)
    return pids


def gone(pid):
    """Tell whether a child was waited for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_several_processes_find_what_one_finds(top, forked):
    alone = tree_stamp(str(top))
    assert not forked  # the directory is not large enough
    assert tree_stamp(str(top), many=BLOCK) == alone
    assert len(forked) == 2
    assert all(map(gone, forked))


@pytest.mark.parametrize("many", [BLOCK, 100 * BLOCK])
def test_any_change_shows(top, forked, many):
    before = tree_stamp(str(top), many)
    names = os.listdir(top)
    for name in (names[0], names[BLOCK], names[-1]):
        path = top / name if (top / name).is_file() else top / name / "deep" / "file"
        kept = path.stat()
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
        assert tree_stamp(str(top), many) != before
        os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        assert tree_stamp(str(top), many) == before
    deep = top / "0.d" / "deep"
    (deep / "new").touch()
    assert tree_stamp(str(top), many) != before
    (deep / "new").unlink()


@pytest.mark.parametrize("many", [BLOCK, 100 * BLOCK])
def test_what_cannot_be_looked_at_is_an_error_and_no_process_stays(top, forked, many):
    link = top / "link"
    link.symlink_to("nothing")
    try:
        with pytest.raises(OSError):
            tree_stamp(str(top), many)
    finally:
        link.unlink()
    assert all(map(gone, forked))


def test_a_process_that_dies_is_an_error(top, forked, monkeypatch):
    monkeypatch.setattr(treestamp, "dumps", lambda looks: os._exit(9))
    with pytest.raises(OSError, match="cannot be looked at"):
        tree_stamp(str(top), many=BLOCK)
    assert all(map(gone, forked))


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="not Linux")
def test_a_process_with_threads_is_not_forked():
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert treestamp._hands() == 1
    finally:
        done.set()
        other.join()
