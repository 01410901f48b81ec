import os

import pytest

from ckptflow.checkpoints.verified import SETTLED_NS, VerifiedFiles
from ckptflow.ids import digest
from ckptflow.store.objects import FileState, Objects

X = digest(b"x")
OLD = FileState(5, 1_000, 7, 2_000)
NOW = OLD.changed_ns + SETTLED_NS + 1


def test_remembered_across_processes(tmp_path):
    VerifiedFiles(tmp_path / "cache.db", lambda: NOW).remember(X, OLD)
    verified = VerifiedFiles(tmp_path / "cache.db")
    assert verified.knows(X, OLD)
    assert verified.knows(X, FileState(5, 1_000, 7, 9_999)), "a new link changes the ctime and nothing else"
    assert not verified.knows(digest(b"y"), OLD)
    for other in (FileState(6, 1_000, 7, 2_000), FileState(5, 1_001, 7, 2_000), FileState(5, 1_000, 8, 2_000)):
        assert not verified.knows(X, other)


@pytest.mark.parametrize(
    "state", [FileState(5, NOW, 7, 0), FileState(5, 0, 7, NOW), FileState(5, NOW + SETTLED_NS, 7, 0)]
)
def test_what_may_not_be_on_the_disk_yet_is_not_remembered(state):
    verified = VerifiedFiles(None, lambda: NOW)
    verified.remember(X, state)
    assert not verified.knows(X, state)


def test_a_lost_database_forgets(tmp_path):
    path = tmp_path / "cache.db"
    verified = VerifiedFiles(path, lambda: NOW)
    verified.remember(X, OLD)
    verified.close()
    path.write_bytes(b"nonsense" * 1000)
    assert not VerifiedFiles(path).knows(X, OLD)


def test_a_database_spoilt_under_us_forgets_and_does_not_fail(tmp_path):
    verified = VerifiedFiles(tmp_path / "cache.db", lambda: NOW)
    verified._db.execute("DROP TABLE verified_1")
    verified.remember(X, OLD)
    assert not verified.knows(X, OLD)


def test_with_objects(store, tmp_path):
    object_ = Objects(store).put(b"data")
    os.utime(Objects(store).path(object_), ns=(1, 1))
    far = Objects(store).path(object_).stat().st_ctime_ns + 2 * SETTLED_NS
    Objects(store, VerifiedFiles(tmp_path / "cache.db", lambda: far)).path(object_)
    state = FileState.of(Objects(store).path(object_).stat())
    assert VerifiedFiles(tmp_path / "cache.db").knows(object_, state)
