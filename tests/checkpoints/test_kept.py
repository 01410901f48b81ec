import json
import os

import pytest

from ckptflow.checkpoints import kept
from ckptflow.checkpoints.kept import newest_valid, usable_checkpoint, write_checkpoint
from ckptflow.checkpoints.manifest import BadCheckpoint, Checkpoint, Status
from ckptflow.store.local import LocalStore
from ckptflow.store.memory import MemoryStore
from ckptflow.store.wrappers import Crash, FailAt, When


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "store", create=True) if request.param == "local" else MemoryStore()


def checkpoint(second, status=Status.IN_PROGRESS, stage="load"):
    when = f"2026-06-01T12:00:{second:02d}Z"
    return Checkpoint(f"{stage}_202606011200{second:02d}", stage, "p", when, when, status, processed_count=second)


def files(store, stage="load"):
    return [e.name.rpartition("/")[2] for e in store.list("checkpoints/")]


def test_written_read_and_pointed_to(store):
    name = write_checkpoint(store, checkpoint(1), keep=10)
    assert name == "checkpoints/load/load_20260601120001_in_progress.json"
    assert usable_checkpoint(store, "load", name.rpartition("/")[2]) == checkpoint(1)
    write_checkpoint(store, checkpoint(2, Status.COMPLETED), keep=10)
    assert json.loads(store.get("checkpoints/load/latest.json")) == checkpoint(2, Status.COMPLETED).to_dict()
    assert newest_valid(store, "load") == (checkpoint(2, Status.COMPLETED), [])


def test_the_pointer_is_a_link_where_there_are_links(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    for n in (1, 2):
        write_checkpoint(store, checkpoint(n), keep=10)
    latest = store.root / "checkpoints/load/latest.json"
    assert latest.is_symlink() and latest.readlink().name == "load_20260601120002_in_progress.json"


def test_the_pointer_is_a_copy_elsewhere(tmp_path, monkeypatch):
    def symlink(*_):
        raise OSError("no links here")

    store = LocalStore(tmp_path / "store", create=True)
    monkeypatch.setattr(kept.os, "getpid", lambda: 1)
    monkeypatch.setattr(kept.os, "symlink", symlink)
    for n in (1, 2):
        write_checkpoint(store, checkpoint(n), keep=10)
    assert not (store.root / "checkpoints/load/latest.json").is_symlink()
    assert json.loads(store.get("checkpoints/load/latest.json"))["processed_count"] == 2


def test_the_oldest_go(store):
    for n in range(6):
        write_checkpoint(store, checkpoint(n), keep=3)
    assert files(store) == ["latest.json", *(f"load_2026060112000{n}_in_progress.json" for n in (3, 4, 5))]


def test_one_that_was_just_written_stays_even_if_its_clock_is_behind(store):
    write_checkpoint(store, checkpoint(9), keep=1)
    name = write_checkpoint(store, checkpoint(1), keep=1)
    assert usable_checkpoint(store, "load", name.rpartition("/")[2]) == checkpoint(1)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[1]", b"\xff\xff", b"[" * 100_000, json.dumps(checkpoint(5).to_dict())[:-30].encode()],
)
def test_corrupt_ones_are_reported_and_passed_over(store, text):
    write_checkpoint(store, checkpoint(1), keep=10)
    bad = write_checkpoint(store, checkpoint(5), keep=10)
    store.put(bad, text)
    found, passed = newest_valid(store, "load")
    assert found == checkpoint(1)
    assert [p.name for p in passed] == [bad] and passed[0].problem
    with pytest.raises(BadCheckpoint):
        usable_checkpoint(store, "load", bad.rpartition("/")[2])


def test_unknown_versions_are_passed_over(store):
    write_checkpoint(store, checkpoint(1), keep=10)
    bad = write_checkpoint(store, checkpoint(5), keep=10)
    store.put(bad, json.dumps(checkpoint(5).to_dict() | {"version": "9.0"}).encode())
    found, passed = newest_valid(store, "load")
    assert found == checkpoint(1) and "9.0" in passed[0].problem


def test_nothing_valid_is_none(store):
    assert newest_valid(store, "load") == (None, [])
    store.put("checkpoints/load/load_20260601120001_failed.json", b"")
    store.put("checkpoints/load/latest.json", b"{}")
    found, passed = newest_valid(store, "load")
    assert found is None and len(passed) == 1


def test_stages_are_kept_apart(store):
    for stage in ("a", "a_b", "../a", "train@fr", "A"):
        write_checkpoint(store, checkpoint(1, stage=stage), keep=10)
    for stage in ("a", "a_b", "../a", "train@fr", "A"):
        found, passed = newest_valid(store, stage)
        assert found.dataset == stage and passed == []


def test_a_checkpoint_of_another_stage_in_the_folder_is_passed_over(store):
    write_checkpoint(store, checkpoint(1), keep=10)
    store.put(
        "checkpoints/load/load_20260601120009_failed.json", json.dumps(checkpoint(9, stage="Load").to_dict()).encode()
    )
    found, passed = newest_valid(store, "load")
    assert found == checkpoint(1) and len(passed) == 1


@pytest.mark.parametrize("when", When)
def test_a_crash_at_any_write_leaves_a_valid_newest_and_completed_ones_last(when):
    for number in range(1, 20):
        inner = MemoryStore()
        for n, status in ((1, Status.IN_PROGRESS), (2, Status.COMPLETED), (3, Status.IN_PROGRESS)):
            write_checkpoint(inner, checkpoint(n, status), keep=10)
        failing = FailAt(inner, number, when)
        try:
            write_checkpoint(failing, checkpoint(4, Status.COMPLETED), keep=1)
            crashed = False
        except Crash:
            crashed = True
        found, passed = newest_valid(inner, "load")
        assert found in (checkpoint(3), checkpoint(4, Status.COMPLETED)) and passed == []
        names = files(inner)
        if any("01_in_progress" in n for n in names):
            assert any("02_completed" in n for n in names)
        if not crashed:
            assert names == ["latest.json", "load_20260601120004_completed.json"]
            return
    raise AssertionError("never finished")


def test_the_first_checkpoint_of_a_stage_takes_three_new_names(tmp_path, monkeypatch):
    """A run of many small stages is made of first checkpoints: a folder, a file written beside and renamed, a link."""
    store = LocalStore(tmp_path / "s", create=True)
    write_checkpoint(store, checkpoint(1, stage="other"), keep=10)
    calls = []
    for name in ("mkdir", "open", "rename", "replace", "symlink", "unlink"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real, **k: (calls.append(name), real(*a, **k))[1])
    write_checkpoint(store, checkpoint(1), keep=10)
    assert calls == ["mkdir", "open", "rename", "symlink"]


def test_a_checkpoint_has_a_line_a_field(store):
    name = write_checkpoint(store, checkpoint(1), keep=10)
    lines = store.get(name).decode().splitlines()
    assert len(lines) == len(checkpoint(1).to_dict()) + 2
    assert lines[1].startswith(' "checkpoint_id": "load_')
