from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints.lines import encode_record
from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, StageName
from ckptflow.plan.model import Record
from tests.engine.transfer.world import MODEL, PIPELINE, Counted, Made, clone, content, states


@pytest.fixture
def shared_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CKPTFLOW_KEY", "0123456789abcdef" * 4)


def test_an_unsigned_pickle_is_not_brought(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first", PIPELINE + MODEL)
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull()
    (lack,) = pulled.missing
    assert (lack.out, "is not signed" in lack.problem) == ("data/model.pkl", True)
    assert not (second.root / "data/model.pkl").exists()
    assert states(second)["model"][0] == "ran"


def test_a_signed_pickle_is_brought(make: Made, tmp_path: Path, open_project: Any, shared_key: None) -> None:
    first = make("first", PIPELINE + MODEL)
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.pull().missing == ()
    assert content(second, "data/model.pkl") == content(first, "data/model.pkl") != {}
    assert states(second)["model"][0] == "fresh"


def test_a_pickle_from_a_trusted_remote_is_brought(make: Made, tmp_path: Path, open_project: Any) -> None:
    trusting = "remotes: {storage: {url: 'memory://storage', trust: true}}\n"
    first = make("first", PIPELINE + MODEL, config=trusting)
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.pull().missing == ()


def test_a_record_fetched_unsigned_never_counts_for_a_pickle(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted
) -> None:
    """Somebody records, as a chunk of a stage that makes tables, what is the key of a stage that makes pickles."""
    first = make("first", PIPELINE + MODEL)
    first.repro()
    records = first.root / ".ckptflow/store/records"
    docs = [json.loads(line) for file in records.glob("*.jsonl") for line in file.read_bytes().splitlines()]
    (target,) = [d for d in docs if d["stage"] == "model"]
    (forged,) = [d for d in docs if d["stage"] == "total"]
    first.push(["squares", "total"])
    part = forged["outs"]["total"]
    evil = Record(
        ChunkKey(target["key"]),
        {"total": Part.from_list(part)},
        StageName("total"),
        "evil",
        1.0,
        "2026-01-01T00:00:00Z",
    )
    bucket.put("records/20260101T000000Z-eeee-000001.jsonl", encode_record(evil))
    second = clone(first, tmp_path / "second", open_project)
    second.fetch(["squares", "total"])
    kept = "".join(p.read_text() for p in (second.root / ".ckptflow/store/records").glob("*.jsonl"))
    assert f'"key":"{target["key"]}"' in kept, "it looks like a chunk of `total`"
    assert states(second)["model"] == ("ran", 1, 0)
    assert second.load("data/model.pkl") == first.load("data/model.pkl")


def test_nobody_signs_what_was_fetched_unsigned(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make("first")
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    second.pull()
    bucket.delete(bucket.names(""))
    monkeypatch.setenv("CKPTFLOW_KEY", "0123456789abcdef" * 4)
    shutil.rmtree(second.root / ".ckptflow/remotes")
    assert open_project(second.root).push().records == 6
    sent = "".join(bucket.get(name).decode() for name in bucket.names("records/"))
    assert '"sig"' not in sent
    assert '"from"' not in sent
