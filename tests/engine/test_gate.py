"""What goes to a remote is signed where there is a key, and a pickle from there is loaded only if it is."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from ckptflow.checkpoints import lines
from ckptflow.checkpoints.kept import newest_valid
from ckptflow.checkpoints.signing import FIELD, Signer
from ckptflow.chunk.model import Part
from ckptflow.ids import digest
from ckptflow.plan.model import Record
from ckptflow.project import Project
from ckptflow.store.local import LocalStore
from ckptflow.store.packs import Held

KEY = "a key of enough bytes"
FILES = {
    "pipeline.yaml": """
        stages:
          make: {call: "steps:make", outs: {model: model.pkl}}
          read: {call: "steps:read", deps: {model: model.pkl}, outs: {report: report.json}}
        """,
    "steps.py": """
        from pathlib import Path

        def trace(word):
            with open(Path(__file__).with_name("ran.txt"), "a") as file:
                file.write(word)

        def make():
            trace("m")
            return {"weights": [1, 2]}

        def read(model):
            trace("r")
            return model
        """,
}


@pytest.fixture
def machine(tmp_path, write_files):
    """Return a project of its own for each name, all with one remote."""
    (tmp_path / "remote").mkdir()

    def machine(name: str, key: str | None = None, trust: bool = False) -> Project:
        root = tmp_path / name
        remote = {"url": "../remote", "trust": trust}
        config = json.dumps({"remotes": {"origin": remote}, "sync": "auto", "jobs": 1})
        write_files(root, {**FILES, ".ckptflow/config.yaml": config})
        return Project(root, env={"HOME": str(tmp_path), **({"CKPTFLOW_KEY": key} if key else {})})

    return machine


def ran(project: Project) -> str:
    path = project.root / "ran.txt"
    return path.read_text() if path.exists() else ""


def segments(remote: Path) -> list[Path]:
    return sorted((remote / "records").iterdir())


def records(remote: Path) -> list[Record]:
    found = [lines.decode(line) for path in segments(remote) for line in path.read_bytes().splitlines()]
    return [line for line in found if isinstance(line, Record)]


def signer(remote: Path, key: str = KEY) -> Signer:
    return Signer(key.encode(), json.loads((remote / "ckptflow.json").read_text())["repository"])


def test_records_and_checkpoints_are_signed_on_their_way(machine, tmp_path) -> None:
    assert machine("a", KEY).repro().ok
    remote = tmp_path / "remote"
    assert sorted(record.stage for record in records(remote)) == ["make", "read"]
    assert all(signer(remote).is_signed(record) for record in records(remote))
    store = LocalStore(remote)
    for stage in ("make", "read"):
        found, passed = newest_valid(store, stage, signer(remote))
        assert found is not None and passed == []
    assert KEY not in "".join(path.read_bytes().decode("latin-1") for path in remote.rglob("*") if path.is_file())


def test_without_a_key_nothing_is_signed(machine, tmp_path) -> None:
    assert machine("a").repro().ok
    assert all(FIELD not in record.extra for record in records(tmp_path / "remote"))


@pytest.mark.parametrize(
    ("ours", "theirs", "trust", "again"),
    [
        (KEY, KEY, False, ""),  # signed
        (None, KEY, False, "m"),  # not signed; `read` makes no pickle
        (KEY, None, False, "m"),  # signed, and no key here
        (KEY, KEY + "x", False, "m"),  # signed with another
        (None, None, False, "m"),
        (None, None, True, ""),  # trusted
    ],
)
def test_pickles_of_others_count_when_they_are_signed_or_trusted(machine, ours, theirs, trust, again) -> None:
    assert machine("a", ours).repro().ok
    other = machine("b", theirs, trust)
    assert other.repro().ok
    assert ran(other) == again
    assert json.loads((other.root / "report.json").read_text()) == {"weights": [1, 2]}


class Harm:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("keeps", [False, True], ids=["unsigned", "with the signature of the true one"])
def test_a_pickle_with_a_valid_hash_that_nobody_signed_never_runs(machine, tmp_path, key, keeps) -> None:
    """Whoever can write to the remote puts a pickle there and records it as the result of the very chunk."""
    assert machine("a", KEY).repro().ok
    remote, mark = tmp_path / "remote", tmp_path / "harmed"
    data = pickle.dumps(Harm(mark), protocol=5)
    name = digest(data)
    path = remote / f"objects/{name[:2]}/{name[2:]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    (true,) = [record for record in records(remote) if record.stage == "make"]
    extra = true.extra if keeps else {k: v for k, v in true.extra.items() if k != FIELD}
    false = replace(true, outs={"model": Part(name, len(data), name)}, extra=extra)
    for segment in segments(remote):
        segment.chmod(0o644)
        segment.unlink()
    text = lines.encode_holding([Held(name, len(data))]) + lines.encode_record(false)
    (remote / "records/20990101T000000Z-ffff-000001.jsonl").write_bytes(text)
    other = machine("b", key)
    assert other.repro().ok
    assert ran(other) == "mr"
    assert not mark.exists()
    trusting = machine("c", key, trust=True)
    trusting.repro()
    assert mark.exists(), "the attack is one: a machine that trusts the remote runs it"
