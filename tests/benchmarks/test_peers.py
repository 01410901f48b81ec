"""Peers: environments that are made once, programs that stand beside ckptflow, and those that cannot be had."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.bench import Bench, Size
from benchmarks.peers import Copies, Jobs, Peer, Peers, Reads, Work
from benchmarks.peers.all import ALL
from benchmarks.peers.environment import MADE_FROM, Environments
from benchmarks.rows import ROWS

FAKE = f"""\
#!{sys.executable}
import json, shutil, sys
if sys.argv[1:] == ["--version"]:
    print("fake 1")
else:
    task = json.load(open("fake.json"))
    for source, target in task:
        shutil.copyfile(source, target)
"""


def write_stages(directory: Path, copies: Copies) -> None:
    (directory / "fake.json").write_text(json.dumps(copies.pairs()))


def write_jobs(directory: Path, jobs: Jobs) -> None:
    pairs = [(f"parts/{n}.parquet", f"out/{n}.parquet") for n in range(jobs.count)]
    (directory / "fake.json").write_text(json.dumps(pairs))


def write_reads(directory: Path, reads: Reads) -> None:
    (directory / "fake.json").write_text("[]")
    assert (directory / reads.path).exists()


RUN = ("fake", "run")
PEER = Peer(
    "fake",
    ("fake==1",),
    version=("fake", "--version"),
    stages=Work(write_stages, RUN),
    jobs=Work(write_jobs, RUN),
    reads=Work(write_reads, RUN),
)


class Installer:
    """Installs the fake program, or says that it cannot."""

    def __init__(self, why: str | None = None) -> None:
        self.why = why
        self.asked: list[tuple[str, Sequence[str]]] = []

    def __call__(self, place: Path, requirements: Sequence[str]) -> str | None:
        self.asked.append((place.name, requirements))
        (place / "bin").mkdir(parents=True)
        (place / "bin/fake").write_text(FAKE)
        (place / "bin/fake").chmod(0o755)
        return self.why


@pytest.mark.parametrize("row", ["version", "noop", "first", "tree", "hash", "chunks"])
def test_a_peer_stands_beside(row: str, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    peers = Peers((PEER,), Environments(tmp_path / "peers", Installer()))
    lines = list(ROWS[row](Bench(tmp_path / "work", Size.TINY, 1, peers)))
    beside = [line.peers["fake"] for line in lines if line.peers]
    assert len(beside) == 1
    assert beside[0].ratio.low <= beside[0].ratio.median <= beside[0].ratio.high


def test_only_those_that_are_asked_for(tmp_path: Path) -> None:
    peers = Peers((PEER,), Environments(tmp_path / "peers", Installer()))
    (line,) = ROWS["version"](Bench(tmp_path, Size.TINY, 1, peers, frozenset(["doit"])))
    assert line.peers == {}


def test_only_those_that_can_are_installed(tmp_path: Path) -> None:
    installer = Installer()
    peers = Peers((Peer("mute", ("mute==1",)), PEER), Environments(tmp_path / "peers", installer))
    list(ROWS["version"](Bench(tmp_path, Size.TINY, 1, peers)))
    assert [name for name, _ in installer.asked] == ["fake"]
    assert peers.notes() == ["Peers: fake==1."]


def test_a_peer_that_fails_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "work").mkdir()
    broken = Peer("broken", ("fake==1",), version=("fake", "run"), stages=Work(write_stages, ("missing",)))
    peers = Peers((broken,), Environments(tmp_path / "peers", Installer()))
    (line,) = ROWS["version"](Bench(tmp_path / "work", Size.TINY, 1, peers))
    (other,) = ROWS["noop"](Bench(tmp_path / "work", Size.TINY, 1, peers))
    assert line.peers == other.peers == {}
    assert capsys.readouterr().err.count("broken: left out:") == 2


def test_an_environment_is_made_once(tmp_path: Path) -> None:
    installer = Installer()
    for _ in range(2):
        found = Environments(tmp_path, installer).prepare("fake", ["fake==1"])
        assert found == tmp_path / "fake/bin"
    assert installer.asked == [("fake", ["fake==1"])]


def test_an_environment_is_made_again_for_another_version(tmp_path: Path) -> None:
    installer = Installer()
    Environments(tmp_path, installer).prepare("fake", ["fake==1"])
    (tmp_path / "fake/old").write_text("of version 1")
    Environments(tmp_path, installer).prepare("fake", ["fake==2"])
    assert len(installer.asked) == 2
    assert not (tmp_path / "fake/old").exists()
    assert "fake==2" in (tmp_path / "fake" / MADE_FROM).read_text()


def test_an_environment_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "fake/bin").mkdir(parents=True)
    installer = Installer()
    Environments(tmp_path, installer).prepare("fake", ["fake==1"])
    assert len(installer.asked) == 1


def test_what_cannot_be_installed_is_told_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installer = Installer("there is no network")
    peers = Peers((PEER,), Environments(tmp_path / "peers", installer))
    for _ in range(2):
        assert peers.ready(lambda peer: peer.name == "fake") == []
    assert len(installer.asked) == 1
    assert "fake: left out: there is no network" in capsys.readouterr().err
    assert peers.notes() == ["Without fake: there is no network"]
    assert not (tmp_path / "peers/fake").exists()


@pytest.mark.parametrize("peer", ALL, ids=[peer.name for peer in ALL])
def test_every_peer_writes_its_project(peer: Peer, tmp_path: Path) -> None:
    """What is written in Python compiles, in both shapes; all versions are pinned."""
    assert all("==" in requirement for requirement in peer.requirements)
    works = [
        (peer.stages, Copies(12, chained=True)),
        (peer.stages, Copies(3, chained=False)),
        (peer.jobs, Jobs(3)),
        (peer.reads, Reads("data")),
    ]
    for number, (work, task) in enumerate(works):
        if work is None:
            continue
        directory = tmp_path / str(number)
        directory.mkdir()
        work.write(directory, task)  # type: ignore[arg-type]
        written = list(directory.iterdir())
        assert written
        for path in written:
            assert "{count}" not in path.read_text()
            if path.suffix == ".py":
                compile(path.read_text(), str(path), "exec")


def test_chains_of_ten() -> None:
    pairs = Copies(12, chained=True).pairs()
    assert pairs[0] == ("data/0.txt", "out/0.txt") and pairs[9] == ("out/8.txt", "out/9.txt")
    assert pairs[10] == ("data/10.txt", "out/10.txt")
    for n, (source, _) in enumerate(pairs):
        assert eval(Copies(12, chained=True).source, {"n": n}) == source


@pytest.mark.parametrize("argv", [["prepare", "doti"], ["--only", "doit,doti"]])
def test_a_peer_that_nobody_knows(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert "'doti' is none of doit, xvc, dvc" in capsys.readouterr().err
