"""The example of SPEC section 9, as it stands, on a local disk, in memory and on S3."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pytest

from ckptflow.checkpoints import CheckpointManager, auto_resume


@dataclass(frozen=True)
class File:
    name: str


ITEMS = [File(f"audio{i}.wav") for i in range(30)]


def work(manager: CheckpointManager, seen: list[str], stop: int | None = None) -> None:
    with (
        manager.lock("GigaSpeech2", timeout=10),
        manager.track("GigaSpeech2", processor="gigaspeech2", total=1000, every="5m", items=1000) as run,
    ):
        for item in run.remaining(ITEMS, id=lambda f: f.name):
            if len(seen) == stop:
                raise RuntimeError("the machine is on fire")
            seen.append(item.name)
            run.done(item, generated_id=run.next_id("S"))


def test_the_example(manager: CheckpointManager) -> None:
    seen: list[str] = []
    with pytest.raises(RuntimeError):
        work(manager, seen, stop=12)
    failed = manager.latest("GigaSpeech2")
    assert failed is not None
    assert (failed.status, failed.error) == ("failed", "RuntimeError: the machine is on fire")
    assert (failed.processed_count, failed.last_generated_id, failed.last_processed_id) == (12, "S12", "audio11.wav")

    work(manager, seen)
    assert seen == [f.name for f in ITEMS]
    done = manager.latest("GigaSpeech2")
    assert done is not None and manager.find(done.checkpoint_id) == done
    assert (done.status, done.processed_count, done.last_generated_id) == ("completed", 30, "S30")
    assert list(done.processor_state.processed_files) == seen
    assert done.start_time == failed.start_time
    assert [c.status for c in manager.list("GigaSpeech2")][-2:] == ["resuming", "completed"]
    assert manager.validate("GigaSpeech2") == []

    table = pa.table({"account": ["a", "b"], "sum": [1.5, 2.5]})
    manager.save("aml", "node_features", table, {"num_accounts": 518581})
    assert manager.load("aml", "node_features").equals(table)
    assert manager.describe("aml", "node_features").metadata == {"num_accounts": 518581}
    assert manager.list("aml") == []
    assert manager.datasets() == ["GigaSpeech2", "aml"]
    assert manager.prune("GigaSpeech2", keep=1)
    assert manager.list("GigaSpeech2") == [done]


def test_the_document_has_exactly_these_fields(local, tmp_path) -> None:
    work(local, [])
    folder = tmp_path / "checkpoints" / "GigaSpeech2"
    latest = folder / "latest.json"
    assert latest.is_symlink() and latest.resolve().parent == folder
    doc = json.loads(latest.read_text())
    assert latest.resolve().name == f"{doc['checkpoint_id']}_completed.json"
    assert list(doc) == [
        *("checkpoint_id", "dataset", "processor", "start_time", "last_update", "processed_count"),
        *("last_processed_id", "last_generated_id", "status", "error", "processor_state", "statistics", "version"),
    ]
    wanted = ["current_position", "total_items", "dataset_specific_state", "processed_files"]
    assert list(doc["processor_state"])[:4] == wanted
    assert list(doc["statistics"]) == [
        *("success_count", "error_count", "skipped_count"),
        *("processing_time_seconds", "average_processing_time_per_item_ms"),
    ]
    assert doc["processor_state"]["total_items"] == 1000 and doc["version"] == "1.0"
    assert (tmp_path / "checkpoints" / "_locks" / "GigaSpeech2.lock").exists()


def test_three_lines_in_a_notebook(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for wanted in (["a", "b", "c"], []):
        seen = []
        with CheckpointManager().track("letters") as run:
            for item in run.remaining("abc"):
                seen.append(item)
                run.done(item)
        assert seen == wanted
    assert (tmp_path / "checkpoints" / "letters" / "latest.json").exists()


def test_nothing_is_made_before_it_is_needed(tmp_path) -> None:
    manager = CheckpointManager(tmp_path / "checkpoints")
    assert (manager.list(), manager.latest("x"), manager.find("x_20260101000000"), manager.prune()) == (
        [],
        None,
        None,
        [],
    )
    assert manager.report("x").processed == 0
    assert list(tmp_path.iterdir()) == []


def test_the_processor_goes_on_where_it_stopped_by_itself(manager: CheckpointManager) -> None:
    seen: list[str] = []
    given = []

    @auto_resume(retries=3, backoff=0)
    def process(manager: CheckpointManager, dataset: str, checkpoint=None) -> str:
        given.append(checkpoint)
        with manager.track(dataset, checkpoint=checkpoint) as run:
            for item in run.remaining(range(10)):
                if len(seen) in (3, 6) and len(given) == len(seen) // 3:
                    raise OSError("gone for a moment")
                seen.append(item)
                run.done(item)
        return "all"

    assert process(manager, dataset="numbers") == "all"
    assert seen == list(range(10))
    assert given[0] is None and [c.processed_count for c in given[1:]] == [3, 6]
