import dataclasses
import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.checkpoints.manifest import (
    BadCheckpoint,
    Checkpoint,
    ProcessorState,
    Statistics,
    Status,
    new_id,
    oldest_first,
    split_name,
    to_remove,
)

EXAMPLE = {
    "checkpoint_id": "GigaSpeech2_20260601120000",
    "dataset": "GigaSpeech2",
    "processor": "stages.speech.gigaspeech2:process",
    "start_time": "2026-06-01T11:00:00Z",
    "last_update": "2026-06-01T12:00:00Z",
    "processed_count": 123,
    "last_processed_id": "file or index",
    "last_generated_id": "S123",
    "status": "in_progress",
    "error": None,
    "processor_state": {
        "current_position": 123,
        "total_items": 1000,
        "dataset_specific_state": {},
        "processed_files": ["a.wav"],
    },
    "statistics": {
        "success_count": 120,
        "error_count": 3,
        "skipped_count": 0,
        "processing_time_seconds": 3600.0,
        "average_processing_time_per_item_ms": 29268.293,
    },
    "version": "1.0",
}


def test_the_document_has_exactly_the_fields_of_the_specification():
    doc = Checkpoint.from_dict(EXAMPLE).to_dict()
    assert doc == EXAMPLE
    assert list(doc) == list(EXAMPLE)
    assert [list(doc[p]) for p in ("processor_state", "statistics")] == [
        list(EXAMPLE[p]) for p in ("processor_state", "statistics")
    ]


def test_unknown_fields_are_kept_at_every_level():
    doc = json.loads(json.dumps(EXAMPLE)) | {"later": 1}
    doc["processor_state"]["later"] = 2
    doc["statistics"]["later"] = 3
    assert Checkpoint.from_dict(doc).to_dict() == doc


def test_the_average_of_nothing_is_zero():
    assert Statistics(skipped_count=5, processing_time_seconds=1.0).average_processing_time_per_item_ms == 0.0


@pytest.mark.parametrize("field", [f for f in EXAMPLE if f != "version"])
def test_a_missing_field_makes_it_bad(field):
    with pytest.raises(BadCheckpoint):
        Checkpoint.from_dict({k: v for k, v in EXAMPLE.items() if k != field})


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0"},
        {"version": None},
        {"status": "done"},
        {"processed_count": -1},
        {"processed_count": True},
        {"processed_count": "5"},
        {"start_time": "yesterday"},
        {"checkpoint_id": "GigaSpeech2"},
        {"checkpoint_id": "Other_20260601120000"},
        {"checkpoint_id": "GigaSpeech2_2026060112000x"},
        {"processor_state": []},
        {"statistics": None},
    ],
)
def test_wrong_values_make_it_bad(change):
    with pytest.raises(BadCheckpoint):
        Checkpoint.from_dict(EXAMPLE | change)


@pytest.mark.parametrize("doc", [None, [], "x", 5, {}])
def test_what_is_no_object(doc):
    with pytest.raises(BadCheckpoint):
        Checkpoint.from_dict(doc)


def test_ids_are_in_utc():
    when = datetime(2026, 6, 1, 14, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    assert new_id("a_b", when) == "a_b_20260601120000"
    made = Checkpoint(new_id("a_b", when), "a_b", "p", "2026-06-01", "2026-06-01", Status.FAILED)
    assert made.timestamp == "20260601120000"
    assert Checkpoint.from_dict(made.to_dict()) == dataclasses.replace(made, processor_state=ProcessorState())


def test_names():
    assert split_name("a_b_20260601120000_in_progress.json") == ("a_b", "20260601120000", Status.IN_PROGRESS)
    for other in (
        "latest.json",
        "a_20260601120000_done.json",
        "a_2026_failed.json",
        "a_20260601120000_failed.json.tmp",
    ):
        assert split_name(other) is None


FILES = st.lists(
    st.builds(
        lambda second, status: f"load_202606011200{second:02d}_{status}.json",
        st.integers(0, 9),
        st.sampled_from(Status),
    ),
    unique=True,
    max_size=12,
)


@given(FILES, st.integers(1, 12))
def test_retention(files, keep):
    gone = to_remove([*files, "latest.json", "notes.txt"], keep)
    assert len(files) - len(gone) == min(keep, len(files))
    ordered = oldest_first(files)
    assert gone == ordered[: len(gone)]
    left = list(files)
    for name in gone:  # at every moment of the removal, not just at its end
        _, timestamp, status = split_name(name)
        if status is Status.COMPLETED:
            older = [f for f in left if split_name(f)[1] < timestamp and split_name(f)[2] is Status.IN_PROGRESS]
            assert older == []
        left.remove(name)
    assert not files or ordered[-1] in left


def test_the_last_one_is_never_removed():
    assert to_remove(["a_20260601120000_failed.json"], 0) == []
