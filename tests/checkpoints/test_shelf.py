"""All checkpoints of a store, judged; on every kind of store."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ckptflow.checkpoints.kept import write_checkpoint
from ckptflow.checkpoints.manifest import Checkpoint, Status
from ckptflow.checkpoints.shelf import read_shelf
from ckptflow.checkpoints.verify import shelf_findings
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.memory import MemoryStore

NOW = datetime(2026, 6, 2, tzinfo=UTC)
LONG = "x" * 200


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "store", create=True) if request.param == "local" else MemoryStore()


def checkpoint(second, status=Status.IN_PROGRESS, stage="load", update=None):
    when = f"2026-06-01T12:00:{second:02d}Z"
    return Checkpoint(f"{stage}_202606011200{second:02d}", stage, "p", when, update or when, status)


def files(shelf, stage="load"):
    return [d.name.rpartition("/")[2] for d in shelf.of(stage)]


def test_documents_are_sorted_and_the_latest_is_marked(store):
    for stage in ("load", "a@b:c", LONG):
        for second in (3, 1, 2):
            write_checkpoint(store, checkpoint(second, stage=stage), keep=10)
    shelf = read_shelf(store, NOW)
    assert [d.stage for d in shelf.documents] == ["a@b:c"] * 3 + ["load"] * 3 + [LONG] * 3
    for stage in ("load", "a@b:c", LONG):
        assert [d.timestamp[-1] for d in shelf.of(stage)] == ["3", "2", "1"]
        assert [d.latest for d in shelf.of(stage)] == [False, True, False], "that which was written last"
    assert list(shelf_findings(shelf)) == []


def test_of_one_second_the_one_updated_last_is_the_newest(store):
    write_checkpoint(store, checkpoint(1, Status.COMPLETED), keep=10)
    write_checkpoint(store, checkpoint(1, Status.RESUMING, update="2026-06-01T12:00:09Z"), keep=10)
    assert read_shelf(store, NOW).newest("load").status == "resuming"


def test_what_is_wrong_is_told_and_the_newest_valid_one_is_found(store):
    good = write_checkpoint(store, checkpoint(1), keep=10)
    bad = {
        2: b"{",
        3: json.dumps(checkpoint(3).to_dict() | {"version": "9"}).encode(),
        4: json.dumps(checkpoint(4, stage="other").to_dict()).encode(),
        5: json.dumps(checkpoint(6).to_dict()).encode(),
    }
    for second, data in bad.items():
        store.put(layout.checkpoint_name("load", f"202606011200{second:02d}", "in_progress"), data)
    ahead = Checkpoint(
        "load_20990101000000", "load", "p", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z", Status.FAILED
    )
    store.put(layout.checkpoint_name("load", ahead.timestamp, "failed"), json.dumps(ahead.to_dict()).encode())
    store.put("checkpoints/load/notes.txt", b"somebody's own")
    shelf = read_shelf(store, NOW)
    problems = {d.timestamp: d.problem for d in shelf.documents}
    assert problems.pop("20260601120001") is None and shelf.newest("load").name == good
    words = ["corrupt", "version '9'", "of other", "under another name", "in the future"]
    assert all(word in problems[when] for when, word in zip(sorted(problems), words, strict=True))
    assert sorted(f.name for f in shelf_findings(shelf)) == sorted(d.name for d in shelf.documents if d.problem)


def test_a_pointer_is_a_link_or_a_copy(store):
    write_checkpoint(store, checkpoint(1), keep=10)
    name = write_checkpoint(store, checkpoint(2), keep=10)
    pointer = layout.latest_name("load")
    store.put(pointer, store.get(name))  # in the place of a link
    assert read_shelf(store, NOW).pointers["load"].to == name
    store.delete(name)
    (finding,) = shelf_findings(read_shelf(store, NOW))
    assert (
        finding.name == pointer
        and "load_20260601120002_in_progress.json, which is damaged or not there" in finding.problem
    )
    store.put(pointer, b"noise")
    (finding,) = shelf_findings(read_shelf(store, NOW))
    assert "cannot be read" in finding.problem
    store.delete(pointer)
    assert list(shelf_findings(read_shelf(store, NOW))) == [], "a pointer is for people"


def test_what_a_store_does_not_show_is_told_of_too(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    folder = tmp_path / "store/checkpoints/load"
    folder.mkdir(parents=True)
    (folder / "load_20260601120001_failed.json").symlink_to("gone")
    (folder / "load_20260601120002_failed.json").mkdir()
    (folder / "load_20260601120002_failed.json/inside").touch()
    shelf = read_shelf(store, NOW)
    assert {d.problem for d in shelf.documents} == {"not a file, or a link to nowhere"} and len(shelf.documents) == 2


def test_documents_may_be_read_several_at_once(store):
    for second in range(5):
        write_checkpoint(store, checkpoint(second), keep=10)
    groups = []

    def at_once(work, items):
        groups.append(len(items))
        return [work(item) for item in reversed(items)][::-1]

    assert read_shelf(store, NOW, at_once=at_once) == read_shelf(store, NOW)
    assert groups == [5, 1]


class Busy(MemoryStore):
    """A store in which a run writes a checkpoint, and removes the one before it, whenever somebody reads a pointer."""

    def __init__(self, runs):
        super().__init__()
        self.runs = runs
        self.second = 10

    def get(self, name):
        if name.endswith(layout.LATEST) and self.runs:
            self.runs -= 1
            self.second += 1
            write_checkpoint(self, checkpoint(self.second), keep=1)
        return super().get(name)


@pytest.mark.parametrize("runs", [0, 1, 3])
def test_a_run_that_is_going_on_makes_no_pointer_dangle(runs):
    store = Busy(0)
    write_checkpoint(store, checkpoint(1), keep=1)
    store.runs = runs
    shelf = read_shelf(store, NOW)
    assert shelf.pointers["load"].problem is None
    assert [d.problem for d in shelf.documents] == [None] * len(shelf.documents)
    assert [d.timestamp[-2:] for d in shelf.documents if d.latest] == [str(store.second) if runs else "01"]
