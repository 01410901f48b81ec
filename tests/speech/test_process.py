"""A corpus processed with the library: what a later call takes up, what it leaves, and what it refuses."""

from __future__ import annotations

import json

import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.errors import Locked
from stages.speech import corpus as corpora
from stages.speech.process import main, process
from tests.speech.world import tables


@pytest.fixture
def chapter(corpus):
    """Five utterances, the third of them broken."""
    for number in range(5):
        corpus.sound(f"s/1/2/1-2-{number}.flac", fault="noise" if number == 2 else "")
    corpus.text("s/1/2/1-2.trans.txt", "".join(f"1-2-{n} TEXT {n}\n" for n in range(5)))
    return corpus


@pytest.fixture
def run(chapter, tmp_path, monkeypatch):
    """Return `run(**options)`: what was read, and the ids by path."""
    read: list[str] = []
    measure = corpora.measure
    broken: list[str] = []

    def traced(path):
        read.append(path.name)
        if path.name in broken:
            raise PermissionError(13, "Permission denied", str(path))
        return measure(path)

    monkeypatch.setattr(corpora, "measure", traced)
    manager = CheckpointManager(tmp_path / "checkpoints")

    def go(**options):
        read.clear()
        process("librispeech", chapter.root, tmp_path / "out", manager, **options)
        manifest, quarantine = tables(tmp_path / "out")
        ids = {row["path"][6:-5]: row["id"] for row in manifest.to_pylist()}
        problems = {row["path"][6:-5]: row["problem"] for row in quarantine.to_pylist()}
        return len(read), ids, problems

    go.broken, go.manager = broken, manager
    return go


IDS = {"1-2-0": "S1", "1-2-1": "S2", "1-2-3": "S3", "1-2-4": "S4"}


def test_again_reads_nothing(run):
    assert run() == (5, IDS, {"1-2-2": "undecodable"})
    assert run() == (0, IDS, {"1-2-2": "undecodable"})


def test_new_utterances_get_the_ids_after_the_last(run, chapter):
    run()
    chapter.sound("s/1/1/1-1-0.flac")
    chapter.text("s/1/1/1-1.trans.txt", "1-1-0 NEW\n")
    assert run()[:2] == (1, IDS | {"1-1-0": "S5"})
    assert run(fresh=True)[:2] == (6, {"1-1-0": "S1", "1-2-0": "S2", "1-2-1": "S3", "1-2-3": "S4", "1-2-4": "S5"})


def test_what_was_mended_is_read_when_asked_for(run, chapter):
    run.broken.append("1-2-1.flac")
    ids = {"1-2-0": "S1", "1-2-3": "S2", "1-2-4": "S3"}
    assert run() == (5, ids, {"1-2-1": "unread", "1-2-2": "undecodable"})
    run.broken.clear()
    chapter.sound("s/1/2/1-2-2.flac")
    assert run() == (0, ids, {"1-2-1": "unread", "1-2-2": "undecodable"})
    assert run(retry_failed=True) == (2, ids | {"1-2-1": "S4", "1-2-2": "S5"}, {})


def test_a_torn_row_is_written_again_and_a_lost_one_is_told_of(run, tmp_path):
    run()
    rows = tmp_path / "out/rows.jsonl"
    whole = rows.read_bytes()
    rows.write_bytes(whole + b'{"item": "s/1/2/1-2-5.flac", "ro')
    assert run() == (0, IDS, {"1-2-2": "undecodable"})
    assert rows.read_bytes() == whole
    rows.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    with pytest.raises(RuntimeError, match=r"ends before S4.*--fresh"):
        run()
    assert run(fresh=True)[0] == 5


def test_one_at_a_time(run):
    other = CheckpointManager(run.manager.url)
    with other.lock("LibriSpeech"), pytest.raises(Locked):
        run(timeout=0)
    assert run()[0] == 5


def test_the_command(chapter, tmp_path, caplog):
    arguments = ["librispeech", str(chapter.root), "--out", str(tmp_path / "out"), "--items", "2", "--keep", "3"]
    assert main(arguments) == 3
    folder = tmp_path / "out/checkpoints/LibriSpeech"
    names = sorted(path.name for path in folder.glob("LibriSpeech_*.json"))
    assert 1 <= len(names) <= 3
    latest = json.loads((folder / "latest.json").read_text())
    assert latest["processor"] == "librispeech"
    assert (latest["status"], latest["last_generated_id"], latest["processed_count"]) == ("completed", "S4", 5)
    assert latest["statistics"]["error_count"] == 1
    chapter.sound("s/1/2/1-2-2.flac")
    assert main([*arguments, "--retry-failed"]) == 0
    with pytest.raises(SystemExit):
        main(["fisher", "x", "--out", "y"])
