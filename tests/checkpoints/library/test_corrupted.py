"""Checkpoints that cannot be used: reported, passed over, and the work goes on from the newest valid one."""

from __future__ import annotations

import json
import logging
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ckptflow.checkpoints import Checkpoint, CheckpointManager
from ckptflow.errors import CheckpointError
from ckptflow.store import local as local_store

DATASET = "corpus"


def done_by(manager: CheckpointManager, items, stop: int | None = None, **terms) -> list:
    """Work on `items`; return those that were done. Break down after `stop` of them."""
    seen = []
    with manager.track(DATASET, items=1000, **terms) as run:
        for item in run.remaining(items):
            if len(seen) == stop:
                raise ZeroDivisionError
            seen.append(item)
            run.state["n"] = run.state.get("n", 0) + 1
            run.done(item, generated_id=run.next_id("S"))
    return seen


def kinds(newest: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple]:
    """Return by kind: what is done to the newest checkpoint, and a word of how it is reported."""
    text = newest.read_text()
    doc = json.loads(text)
    real = os.open

    def refuse(path, *args, **options):
        if str(path) == str(newest):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    def dangle():
        newest.unlink()
        newest.symlink_to("gone.json")

    def future():
        ahead = doc | {"checkpoint_id": f"{DATASET}_20991231235959"}
        newest.unlink()
        newest.with_name(f"{DATASET}_20991231235959_failed.json").write_text(json.dumps(ahead))

    def twins():
        # Two of one second: the newer by its text is not by its name, and the other one is broken.
        newest.with_name(newest.name.replace("_failed", "_completed")).write_text("{")

    return {
        "truncated": (lambda: newest.write_text(text[: len(text) // 2]), "corrupt"),
        "empty": (lambda: newest.write_text(""), "corrupt"),
        "wrong JSON": (lambda: newest.write_text('["a", "list"]'), "not a JSON object"),
        "half written": (lambda: newest.write_bytes(text.encode()[:-40] + b"\0" * 40), "corrupt"),
        "unknown version": (lambda: newest.write_text(json.dumps(doc | {"version": "7.0"})), "7.0"),
        "wrong data set": (lambda: newest.write_text(text.replace(f'"{DATASET}', '"other')), "other"),
        "binary noise": (lambda: newest.write_bytes(bytes(range(256)) * 9), "corrupt"),
        "dangling symlink": (dangle, "nowhere"),
        "permission denied": (lambda: monkeypatch.setattr(local_store.os, "open", refuse), "permission denied"),
        "future date": (future, "future"),
        "two of one second": (twins, "corrupt"),
        "a directory": (lambda: (newest.unlink(), newest.mkdir()), "not a file"),
    }


KINDS = [
    *("truncated", "empty", "wrong JSON", "half written", "unknown version", "wrong data set", "binary noise"),
    *("dangling symlink", "permission denied", "future date", "two of one second", "a directory"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_valid_one_is_gone_on_from(kind, tmp_path, monkeypatch, caplog) -> None:
    manager = CheckpointManager(tmp_path)
    with pytest.raises(ZeroDivisionError):
        done_by(manager, range(20), stop=10)
    newest = (tmp_path / DATASET / "latest.json").resolve()
    assert newest.name.endswith("_failed.json")
    older = [c for c in manager.list(DATASET) if c.status == "in_progress"][-1]
    damage, word = kinds(newest, monkeypatch)[kind]
    damage()

    caplog.set_level(logging.WARNING, "ckptflow.checkpoints")
    found = manager.latest(DATASET)
    assert found is not None
    assert found == older if kind != "two of one second" else found.status == "failed"
    assert "passed over" in caplog.text and word in caplog.text
    assert any(word in problem.problem for problem in manager.validate(DATASET))

    assert done_by(manager, range(20)) == list(range(10, 20))
    monkeypatch.undo()
    latest = manager.latest(DATASET)
    assert latest is not None
    assert (latest.status, latest.processed_count, latest.last_generated_id) == ("completed", 20, "S20")
    assert latest.processor_state.dataset_specific_state == {"n": 20}
    assert latest.start_time == older.start_time


def test_with_none_left_the_journal_says_what_is_done(local, tmp_path) -> None:
    with pytest.raises(ZeroDivisionError):
        done_by(local, range(20), stop=10)
    for path in (tmp_path / "checkpoints" / DATASET).glob("*.json"):
        path.unlink()
    assert local.latest(DATASET) is None
    assert done_by(local, range(20)) == list(range(10, 20))
    latest = local.latest(DATASET)
    assert latest is not None and latest.last_generated_id == "S20"
    assert latest.processor_state.dataset_specific_state == {"n": 20}


def journals(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "checkpoints" / DATASET).glob("*.journal"))


def test_a_damaged_line_costs_its_item_and_no_other(local, tmp_path, caplog) -> None:
    with pytest.raises(ZeroDivisionError):
        done_by(local, range(3000), stop=2000)
    (path,) = journals(tmp_path)
    lines = path.read_bytes().split(b"\n")
    lines[501] = lines[501].replace(b'"item":500', b'"item":999')
    path.write_bytes(b"\n".join(lines))
    assert any("checksum" in problem.problem for problem in local.validate(DATASET))
    assert done_by(local, range(2000)) == [500]
    latest = local.latest(DATASET)
    assert latest is not None and latest.last_generated_id == "S2001"
    assert latest.processor_state.dataset_specific_state == {"n": 2001}
    assert "is done again" in caplog.text
    assert done_by(local, range(2000)) == []


@pytest.mark.parametrize("left", [0, 1, 50])
def test_a_journal_that_lost_its_end_is_completed_by_the_checkpoint(local, tmp_path, left) -> None:
    """As after a loss of power: the checkpoint lists every item, or the last hundred."""
    with pytest.raises(ZeroDivisionError):
        done_by(local, range(3000), stop=60)
    (path,) = journals(tmp_path)
    os.truncate(path, len(b"\n".join(path.read_bytes().split(b"\n")[:left])))
    assert done_by(local, range(100)) == list(range(60, 100))
    latest = local.latest(DATASET)
    assert latest is not None and latest.last_generated_id == "S100"
    assert latest.processor_state.dataset_specific_state == {"n": 100}
    path.unlink()
    assert done_by(local, range(100)) == []  # what was completed was written down


def test_a_lost_journal_is_an_error_where_the_checkpoint_does_not_list_all(local, tmp_path) -> None:
    done_by(local, range(1200))
    for path in journals(tmp_path):
        path.unlink()
    with pytest.raises(CheckpointError, match="is gone"):
        done_by(local, range(1200))
    assert len(done_by(local, range(1200), fresh=True)) == 1200


def test_a_lost_journal_does_not_matter_where_it_does(local, tmp_path) -> None:
    done_by(local, range(1000))
    for path in journals(tmp_path):
        path.unlink()
    assert done_by(local, range(1001)) == [1000]


def test_checkpoints_of_other_programs_are_gone_on_from(local, tmp_path) -> None:
    """They have no journal, and fields of their own, which survive."""
    folder = tmp_path / "checkpoints" / DATASET
    folder.mkdir(parents=True)
    doc = {
        "checkpoint_id": f"{DATASET}_20230601120000",
        "dataset": DATASET,
        "processor": "theirs",
        "start_time": "2023-06-01T11:00:00",
        "last_update": "2023-06-01T12:00:00",
        "processed_count": 3,
        "last_processed_id": "c",
        "last_generated_id": "S3",
        "status": "in_progress",
        "error": None,
        "processor_state": {
            "current_position": 3,
            "total_items": 5,
            "dataset_specific_state": {"n": 3},
            "processed_files": ["a", "b", "c"],
            "shard": 4,
        },
        "statistics": {
            "success_count": 3,
            "error_count": 0,
            "skipped_count": 0,
            "processing_time_seconds": 60,
            "average_processing_time_per_item_ms": 20000,
            "watts": 11,
        },
        "version": "1.0",
        "tool": "theirs 2.0",
    }
    (folder / f"{DATASET}_20230601120000_in_progress.json").write_text(json.dumps(doc))
    assert local.validate(DATASET) == []
    assert done_by(local, "abcde") == ["d", "e"]
    latest = local.latest(DATASET)
    assert latest is not None
    assert latest.last_generated_id == "S5" and latest.processor_state.dataset_specific_state == {"n": 5}
    assert latest.extra == {"tool": "theirs 2.0"} and latest.statistics.extra == {"watts": 11}
    assert latest.processor_state.extra["shard"] == 4
    assert (latest.start_time, latest.processor) == (doc["start_time"], "theirs")
    assert latest.statistics.processing_time_seconds >= 60
    assert isinstance(latest, Checkpoint)


def test_validate_tells_what_is_wrong_with_a_file(local, tmp_path) -> None:
    done_by(local, range(3))
    path = (tmp_path / "checkpoints" / DATASET / "latest.json").resolve()
    assert local.validate(path) == []
    doc = json.loads(path.read_text())
    doc["processed_count"] = 7
    doc["processor_state"]["processed_files"] = [1, 1, 2, 3]
    path.write_text(json.dumps(doc))
    (count, twice, more) = local.validate(path)
    assert "7" in count.problem and "twice" in twice.problem and "more items" in more.problem
    assert all(problem.remedy for problem in (count, twice, more))
    path.write_bytes(b"\xff")
    (corrupt,) = local.validate(path)
    assert "corrupt" in corrupt.problem
    (missing,) = local.validate(path.with_name("none.json"))
    assert "not there" in missing.problem
    with pytest.raises(CheckpointError):
        local.validate("nobody")


def test_prune_removes_what_cannot_be_used(local, tmp_path) -> None:
    done_by(local, range(3))
    folder = tmp_path / "checkpoints" / DATASET
    bad = folder / f"{DATASET}_20200101000000_failed.json"
    bad.write_text("{")
    shutil.copy(bad, folder / "keep.txt")
    stray = folder / "x-0123456789ab.parquet"
    stray.write_bytes(b"")
    removed = local.prune(DATASET)
    assert f"{DATASET}/{bad.name}" in removed and f"{DATASET}/{stray.name}" in removed
    assert not bad.exists() and not stray.exists() and (folder / "keep.txt").exists()
    assert local.validate() == []


@pytest.mark.parametrize(
    "kind",
    ["truncated", "empty", "wrong JSON", "unknown version", "wrong data set", "binary noise", "future date", "gone"],
)
def test_the_newest_valid_one_is_gone_on_from_wherever_it_is(kind, make, caplog) -> None:
    manager = make()
    with pytest.raises(ZeroDivisionError):
        done_by(manager, range(20), stop=10)
    newest, older = manager.latest(DATASET), manager.list(DATASET)[-2]
    assert newest.status == "failed" and older.status == "in_progress"
    store = manager._place.needed()
    name = f"{DATASET}/{newest.checkpoint_id}_failed.json"
    data = store.get(name)
    doc = json.loads(data)
    damaged = {
        "truncated": data[: len(data) // 2],
        "empty": b"",
        "wrong JSON": b'["a", "list"]',
        "unknown version": json.dumps(doc | {"version": "7.0"}).encode(),
        "wrong data set": json.dumps(doc | {"dataset": "other"}).encode(),
        "binary noise": bytes(range(256)) * 9,
    }
    store.delete(name)
    if kind == "future date":
        ahead = f"{DATASET}_20991231235959"
        store.put(f"{DATASET}/{ahead}_failed.json", json.dumps(doc | {"checkpoint_id": ahead}).encode())
    elif kind != "gone":
        store.put(name, damaged[kind])
    caplog.set_level(logging.WARNING, "ckptflow.checkpoints")
    assert make().latest(DATASET) == older
    assert ("passed over" in caplog.text) == (kind != "gone")
    assert done_by(make(), range(20)) == list(range(10, 20))
    latest = make().latest(DATASET)
    assert (latest.status, latest.processed_count, latest.last_generated_id) == ("completed", 20, "S20")


def test_of_two_of_one_second_the_one_updated_last_counts(local, tmp_path) -> None:
    with pytest.raises(ZeroDivisionError):
        done_by(local, range(20), stop=10)
    newest = local.latest(DATASET)
    folder = tmp_path / "checkpoints" / DATASET
    doc = json.loads((folder / f"{newest.checkpoint_id}_failed.json").read_text())
    updated = datetime.fromisoformat(newest.last_update)
    for status, seconds in (("resuming", 2), ("completed", 1)):
        moment = (updated + timedelta(seconds=seconds)).isoformat()
        twin = doc | {"status": status, "last_update": moment, "error": None}
        (folder / f"{newest.checkpoint_id}_{status}.json").write_text(json.dumps(twin))
    assert local.latest(DATASET).status == local.find(newest.checkpoint_id).status == "resuming"
    (folder / f"{newest.checkpoint_id}_resuming.json").unlink()
    assert local.latest(DATASET).status == "completed"
    assert done_by(local, range(20)) == list(range(10, 20))
