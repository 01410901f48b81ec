"""Killed twenty times at random moments: nothing is lost, nothing comes twice, not a byte is other than undisturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ckptflow.checkpoints import CheckpointManager
from stages.speech.processors import PROCESSORS, processor
from tests.e2e.place import PATIENCE, until
from tests.speech.world import check_whole, outs, repro, tables

SUFFIX = {"common_voice": ".mp3", "gigaspeech2": ".wav", "librispeech": ".flac"}
UTTERANCES = 300
KILLS = 20


class Library:
    """The program of `stages.speech.process` on a corpus, in processes of its own."""

    def __init__(self, name: str, corpus: Path, folder: Path) -> None:
        self.out, self.side = folder / "out", folder / "side.txt"
        folder.mkdir()
        self.side.touch()
        worker = str(Path(__file__).with_name("worker.py"))
        self.command = [sys.executable, worker, name, str(corpus), "--out", str(self.out), "--items", "25"]
        self.env = {**os.environ, "SIDE": str(self.side), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def start(self, last: int = 10**9) -> subprocess.Popen[bytes]:
        """Start it; once so many files were begun, in all calls together, it waits."""
        return subprocess.Popen(
            self.command,
            env={**self.env, "UNTIL": str(last)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end; return the exit code."""
        code = process.wait(PATIENCE)
        assert process.stdin is not None
        process.stdin.close()
        return code

    def run(self) -> int:
        return self.end(self.start())

    @property
    def begun(self) -> list[str]:
        return self.side.read_text().splitlines()

    @property
    def made(self) -> tuple[bytes, bytes]:
        return (self.out / "manifest.parquet").read_bytes(), (self.out / "quarantine.parquet").read_bytes()


@pytest.fixture
def library(made, tmp_path):
    """Return `library(name)`: the program to be disturbed, and the bytes of a run that nobody disturbed."""

    def make(name: str) -> tuple[Library, tuple[bytes, bytes]]:
        corpus = made(name, UTTERANCES)
        calm = Library(name, corpus, tmp_path / "calm")
        assert calm.run() == 3
        return Library(name, corpus, tmp_path / "disturbed"), calm.made

    return make


def check_library(library: Library, name: str, corpus: Path) -> None:
    manifest, quarantine = tables(library.out)
    check_whole(manifest, quarantine, corpus, SUFFIX[name])
    assert manifest.num_rows + quarantine.num_rows == UTTERANCES
    manager = CheckpointManager(library.out / "checkpoints")
    dataset = processor(name).dataset
    latest = manager.latest(dataset)
    assert latest is not None and latest.status == "completed"
    assert latest.last_generated_id == f"S{manifest.num_rows}"
    assert latest.statistics.success_count == manifest.num_rows
    assert latest.statistics.error_count == quarantine.num_rows
    assert manager.validate(dataset) == []


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_library_under_sigkill(library, made, name):
    disturbed, calm = library(name)
    chance = random.Random(name)
    for goal in sorted(chance.sample(range(1, UTTERANCES - 20), KILLS)):
        process = disturbed.start(goal + 3)
        until(lambda goal=goal, p=process: len(disturbed.begun) >= goal or p.poll() is not None, "progress")
        time.sleep(chance.random() * 0.005)
        process.kill()
        assert disturbed.end(process) == -signal.SIGKILL
    again = Counter(disturbed.begun)
    assert disturbed.run() == 3
    assert disturbed.made == calm
    check_library(disturbed, name, made(name, UTTERANCES))
    assert sum(again.values()) - len(again) <= KILLS, "a kill cost more than the file at hand"


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_library_under_sigterm(library, made, name):
    disturbed, calm = library(name)
    for goal in (1, 60, 61, 200):
        process = disturbed.start(goal + 3)
        until(lambda goal=goal, p=process: len(disturbed.begun) >= goal or p.poll() is not None, "progress")
        process.terminate()
        assert disturbed.end(process) == -signal.SIGTERM
    assert len(disturbed.begun) < UTTERANCES - 20
    assert disturbed.run() == 3
    assert disturbed.made == calm
    check_library(disturbed, name, made(name, UTTERANCES))
    counts = Counter(disturbed.begun)
    assert sum(counts.values()) - len(counts) <= 4, "a signal cost more than one file"


@pytest.fixture
def pipeline(made, project):
    """Return `pipeline(name, **sizes)`: a project, and the bytes of a run that nobody disturbed."""

    def make(name: str, **sizes: int):
        place = project(name, made(name, UTTERANCES), traced=True, **sizes)
        assert place.run("repro", "--file", "speech.yaml", CKPTFLOW_STORE="elsewhere").code == 0
        calm = outs(place, name)
        for path in sorted((place.root / "data/speech").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (place.root / "speech.ckptflow.lock").unlink()
        place.forget()
        return place, calm

    return make


def ended(place, running):
    until(lambda: not any(map(running, place.pids())), "the workers to end")


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_pipeline_under_sigkill(pipeline, made, running, name):
    place, calm = pipeline(name, files=40, rows=20)
    chance = random.Random(name)
    step = (len(list(made(name, UTTERANCES).rglob(f"*{SUFFIX[name]}"))) - 20) // KILLS
    assert step >= 4, "each time something is left to do"
    for kill in range(KILLS):
        begun = len(place.traces())
        process = place.start("repro", "--file", "speech.yaml", UNTIL=str(begun + step))
        if kill % 2:
            goal = begun + chance.randrange(1, step + 1)
            until(lambda goal=goal, p=process: len(place.traces()) >= goal or p.poll() is not None, "progress")
        else:
            time.sleep(0.1 + chance.random() * 0.4)
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL
    ended(place, running)
    repro(place)
    assert outs(place, name) == calm
    manifest, quarantine = tables(place.root / "data/speech" / name)
    check_whole(manifest, quarantine, place.root / "data/corpora/corpus", SUFFIX[name])
    assert manifest.num_rows + quarantine.num_rows == UTTERANCES
    assert repro(place).counts(f"audio@{name}")[0] == 0


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_pipeline_under_sigterm(pipeline, made, running, name):
    place, calm = pipeline(name, files=500, rows=20)
    place.env["CKPTFLOW_JOBS"] = "1"
    for goal in (1, 90, 200):
        Path(f"{place.side}.go").unlink(missing_ok=True)
        process = place.start("repro", "--file", "speech.yaml", "--events", "events.jsonl", UNTIL=str(goal + 3))
        until(lambda goal=goal, p=process: len(place.traces()) >= goal or p.poll() is not None, "progress")
        place.interrupt(process, signal.SIGTERM)
        assert place.finish(process).code == 143
    ended(place, running)
    assert len(place.traces()) < UTTERANCES - 20
    repro(place)
    assert outs(place, name) == calm
    counts = Counter(place.traces())
    assert sum(counts.values()) - len(counts) <= 3, "a signal cost more than one file"
    assert len(counts) == len(list(made(name, UTTERANCES).rglob(f"*{SUFFIX[name]}")))
