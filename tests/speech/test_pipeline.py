"""The pipeline of the repository on small corpora: both tables as expected, and a change runs what it must."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from ckptflow.checkpoints import CheckpointManager
from stages.speech.manifest import numbered
from stages.speech.process import process
from stages.speech.processors import PROCESSORS
from stages.speech.synthetic import text_of, write
from stages.speech.tables import MANIFEST, QUARANTINE
from tests.speech.world import check_whole, outs, repro, tables

SUFFIX = {"common_voice": ".mp3", "gigaspeech2": ".wav", "librispeech": ".flac"}
CORPUS = "data/corpora/corpus"


def results(place, name):
    return tables(place.root / "data/speech" / name)


def test_a_corpus_with_everything_in_it(corpus, project):
    folder = "dev-clean/84/12 1"
    for number, fault in enumerate(["", "empty", "truncated", "noise", "missing", "", "", ""]):
        corpus.sound(f"{folder}/84-121-000{number}.flac", fault=fault)
    corpus.sound(f"{folder}/new\nline.flac", f"{folder}/84 121.flac")
    lines = [f"84-121-000{n} UTTERANCE  {n}" for n in range(7)]
    corpus.text(f"{folder}/84-121.trans.txt", "\n".join([*lines[:6], "84-121-0006", lines[5]]))
    place = project("librispeech", corpus.root)
    repro(place)

    manifest, quarantine = results(place, "librispeech")
    assert manifest.schema == MANIFEST
    same = {"dataset": "LibriSpeech", "sample_rate": 16_000, "channels": 1, "speaker": "84", "split": "dev-clean"}
    assert manifest.to_pylist() == [
        {"id": f"S{n}", "path": f"{folder}/84-121-000{k}.flac", "duration": 0.034, "transcript": f"UTTERANCE {k}"}
        | same
        for n, k in ((1, 0), (2, 5))
    ]
    assert quarantine.schema == QUARANTINE
    rows = quarantine.to_pylist()
    assert [(Path(r["path"]).name, r["utterance"], r["split"], r["problem"]) for r in rows] == [
        ("84 121.flac", "", None, "no_transcript"),
        ("84-121-0001.flac", "84-121-0001", "dev-clean", "empty_file"),
        ("84-121-0002.flac", "84-121-0002", "dev-clean", "undecodable"),
        ("84-121-0003.flac", "84-121-0003", "dev-clean", "undecodable"),
        ("84-121-0004.flac", "84-121-0004", "dev-clean", "missing_audio"),
        ("84-121-0005.flac", "84-121-0005", "dev-clean", "duplicate_utterance"),
        ("84-121-0006.flac", "84-121-0006", "dev-clean", "empty_transcript"),
        ("84-121-0007.flac", "", None, "no_transcript"),
        ("new\nline.flac", "", None, "bad_name"),
    ]
    assert {r["dataset"] for r in rows} == {"LibriSpeech"}
    assert str(place.root) not in str(rows), "a path of this machine"


@pytest.mark.parametrize("name", PROCESSORS)
def test_pipeline_and_library_come_to_the_same(made, project, tmp_path, name):
    corpus = made(name, 120)
    place = project(name, corpus, files=10, rows=20)
    repro(place)
    manifest, quarantine = results(place, name)
    check_whole(manifest, quarantine, corpus, SUFFIX[name])
    assert manifest.num_rows + quarantine.num_rows == 120
    assert Counter(quarantine["problem"].to_pylist()) == {
        "common_voice": {"truncated": 1, "empty_file": 1, "undecodable": 1},
        "gigaspeech2": {"truncated": 1, "empty_file": 1, "undecodable": 1},
        "librispeech": {"empty_file": 1, "undecodable": 2},
    }[name] | {"missing_audio": 1, "empty_transcript": 1, "no_transcript": 1}
    assert repro(place).json["stages"] and {s["state"] for s in repro(place).json["stages"]} == {"fresh"}

    bad = process(name, corpus, tmp_path / "out", CheckpointManager(tmp_path / "checkpoints"))
    assert bad == quarantine.num_rows
    assert tables(tmp_path / "out") == (manifest, quarantine)


MAKING = """
from pathlib import Path
from stages.speech.synthetic import MAKERS

def corpus(corpus: Path, *, name: str, utterances: int) -> None:
    corpus.mkdir(exist_ok=True)
    MAKERS[name](corpus, utterances)
"""
STAGE = """
  corpus:
    call: making:corpus
    args: {name: NAME, utterances: 120}
    outs: {corpus: {path: data/corpora/corpus, format: dir}}
"""


@pytest.mark.parametrize("kept", ["in the workspace", "in the store alone"])
@pytest.mark.parametrize("name", PROCESSORS)
def test_a_corpus_that_another_stage_makes(made, project, name, kept):
    """From the store the whole directory is the dep, and the paths of files say nothing of it."""
    place = project(name, made(name, 120), files=10, rows=20)
    repro(place)
    wanted = outs(place, name)
    for path in (CORPUS, "data/speech", ".ckptflow"):
        shutil.rmtree(place.root / path)
    (place.root / "making.py").write_text(MAKING)
    text = (place.root / "speech.yaml").read_text() + STAGE.replace("NAME", name)
    if kept == "in the store alone":
        text = text.replace("${item.root}/**/*.${item.audio}", "${item.root}")
        text = text.replace("format: dir}", "format: dir, workspace: false}")
    (place.root / "speech.yaml").write_text(text)
    ended = repro(place)
    assert ended.counts(f"audio@{name}")[0] > 8
    assert (place.root / CORPUS).exists() == (kept == "in the workspace")
    assert outs(place, name) == wanted


@pytest.fixture
def cut(made, project):
    """A project with 300 utterances in small chunks, run once."""
    place = project("gigaspeech2", made("gigaspeech2", 300), files=10, rows=20)
    ended = repro(place)
    chunks = {stage: sum(ended.counts(f"{stage}@gigaspeech2")) for stage in ("audio", "manifest")}
    assert min(chunks.values()) > 8
    return place, chunks


def test_a_new_file_in_the_middle(cut):
    place, chunks = cut
    before, _ = results(place, "gigaspeech2")
    write(place.root / CORPUS / "vi/dev/1/0/1-0-8.wav", 1)
    with (place.root / CORPUS / "vi/dev.tsv").open("a") as table:
        table.write(f"1-0-8\t{text_of(1)}\n")
    ended = repro(place)
    after, _ = results(place, "gigaspeech2")
    assert 1 <= ended.counts("audio@gigaspeech2")[0] <= 2
    at = after["path"].to_pylist().index("vi/dev/1/0/1-0-8.wav")
    assert 10 < at < before.num_rows - 10
    assert after.slice(0, at) == before.slice(0, at)
    assert after.slice(at + 1).drop_columns(["id"]) == before.slice(at).drop_columns(["id"])
    assert after["id"].to_pylist() == [f"S{n}" for n in range(1, before.num_rows + 2)]
    ran, reused, _ = ended.counts("manifest@gigaspeech2")
    assert reused >= at // 40, "a chunk before the new one ran"
    assert ran + reused >= chunks["manifest"]


def test_what_leaves_the_ids_as_they_are_runs_one_chunk(cut):
    place, chunks = cut
    corpus = place.root / CORPUS
    write(corpus / "th/train/1/1/1-1-0.wav", 40)  # another sound under the name
    ended = repro(place)
    assert ended.counts("audio@gigaspeech2") == (1, chunks["audio"] - 1, 0)
    assert ended.counts("manifest@gigaspeech2") == (1, chunks["manifest"] - 1, 0)
    (corpus / "th/README.md").write_text("nothing")  # neither transcripts nor audio
    ended = repro(place)
    assert ended.counts("audio@gigaspeech2")[0] == ended.counts("manifest@gigaspeech2")[0] == 0
    table = corpus / "th/train_refined.tsv"
    table.write_text(table.read_text().replace("1-1-0\t", "1-1-0\tother words "))
    ended = repro(place)
    assert ended.counts("audio@gigaspeech2")[0] == 0
    assert ended.counts("manifest@gigaspeech2") == (1, chunks["manifest"] - 1, 0)


def test_what_was_changed_and_changed_back_gives_the_same_bytes(cut):
    place, _ = cut
    first = outs(place, "gigaspeech2")
    path = place.root / CORPUS / "vi/train/0/0/0-0-1.wav"
    kept = path.read_bytes()
    path.write_bytes(kept[:50])
    repro(place)
    assert outs(place, "gigaspeech2") != first
    path.write_bytes(kept)
    ended = repro(place)
    assert ended.counts("manifest@gigaspeech2")[0] == 0
    assert outs(place, "gigaspeech2") == first
    for out in ("data/speech", ".ckptflow"):
        shutil.rmtree(place.root / out)
    repro(place)
    assert outs(place, "gigaspeech2") == first


def test_a_file_that_nobody_can_read(made, project):
    place = project("librispeech", made("librispeech", 120), traced=True, files=500, rows=20)
    place.let("100-1001-0005.flac")
    place.env["CKPTFLOW_JOBS"] = "1"
    text = (place.root / "speech.yaml").read_text()
    (place.root / "speech.yaml").write_text(text.replace("retries: 2", "retries: 1\n      backoff: 10ms"))
    repro(place, code=3)
    assert place.traces().count("100-1001-0005.flac") == 2
    _, quarantine = results(place, "librispeech")
    unread = [row["path"] for row in quarantine.to_pylist() if row["problem"] == "unread"]
    assert unread == ["train-clean-100/100/1001/100-1001-0005.flac"]
    Path(f"{place.side}.100-1001-0005.flac").unlink()
    place.forget()
    repro(place, code=3)
    assert place.traces() == []
    repro(place, "--retry-failed")
    assert place.traces() == ["100-1001-0005.flac"]
    repro(place)
    manifest, quarantine = results(place, "librispeech")
    assert "unread" not in quarantine["problem"].to_pylist()
    check_whole(manifest, quarantine, place.root / CORPUS, ".flac")


def test_ids_go_on_where_the_chunk_before_stopped(made):
    import pyarrow as pa

    from stages.speech.gigaspeech2 import utterances
    from stages.speech.measuring import facts

    root = made("gigaspeech2", 120)
    listed = utterances(root)
    audio = pa.Table.from_pylist([facts(p, root=str(root)) for p in sorted(root.rglob("*.wav"))])
    whole, last = numbered(listed, audio, dataset="D", state={"last_generated_id": 0})
    assert last == {"last_generated_id": whole.manifest.num_rows}
    state, parts = {"last_generated_id": 0}, []
    for start, stop in pairwise([0, 1, 50, 51, listed.num_rows]):
        part, state = numbered(listed.slice(start, stop - start), audio, dataset="D", state=state)
        parts.append(part)
    assert state == last
    assert pa.concat_tables([p.manifest for p in parts]).equals(whole.manifest)
    assert pa.concat_tables([p.quarantine for p in parts]).equals(whole.quarantine)
    nobody, _ = numbered(listed.slice(0, 1), audio.slice(0, 0), dataset="D", state={"last_generated_id": 5})
    assert nobody.quarantine["problem"].to_pylist() == ["unread"]
