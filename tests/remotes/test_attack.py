"""Somebody who may write to the bucket, and has no key, gets no code of theirs to run on any machine.

The attack is made of what a machine makes: good objects under their true names, lines with good checksums, packs.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from ckptflow.checkpoints.lockfile import LockEntry
from ckptflow.checkpoints.signing import Signer
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, Tree
from ckptflow.ids import StageName, digest
from ckptflow.plan.model import Record
from tests.servers import FreshBucket

from .far import Far
from .machines import Machine, Origin

KEY, THEIRS = "the key of the project, long " * 2, "a key that they have made up " * 2
COMMANDS = [
    ("repro",),
    ("repro", "--pull"),
    ("repro", "--force", "total"),
    ("status",),
    ("status", "--explain"),
    ("plan",),
    ("why", "lookup"),
    ("show", "data/lookup.pkl"),
    ("metrics", "show"),
    ("diff",),
    ("verify",),
    ("pull",),
    ("fetch",),
    ("checkout",),
]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "it ran")


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=3)


@pytest.fixture(scope="module")
def good(origin, tmp_path_factory):
    """An undisturbed machine, whose records tell the attacker all keys."""
    clean = Machine.clone(origin, tmp_path_factory.mktemp("clean"), "clean", jobs=1)
    clean.repro()
    return clean


class Attacker:
    """Knows the pipeline and its data, and may write to the bucket."""

    def __init__(self, good: Machine, far: Far, tmp_path: Path) -> None:
        self.far = far
        self.proof = tmp_path / "it ran"
        self.bomb = pickle.dumps(Bomb(self.proof))
        self.part = Part(digest(self.bomb), len(self.bomb), digest(self.bomb))
        self.records = {r.stage: r for r in good.made().values()}

    def armed(self, stage: str, label: str) -> Record:
        """Return the true record of a stage, with the bomb for one of its outs."""
        true = self.records[StageName(stage)]
        return replace(true, outs={**true.outs, label: self.part}, extra={})


@pytest.fixture
def attacker(good, moto_bucket, tmp_path):
    far = Far(moto_bucket, tmp_path / "attacker")
    return Attacker(good, far, tmp_path)


def victim(machine, bucket: FreshBucket, **env: str) -> Machine:
    made = machine("victim", CKPTFLOW_JOBS="1", **env)
    made.config(bucket)
    return made


def attacked(machine: Machine, attacker: Attacker, good: Machine, commands: list[tuple[str, ...]] = COMMANDS) -> None:
    """Demand that no command runs the bomb, and that what is made is what should be."""
    for command in commands:
        ended = machine.run(*command)
        assert not attacker.proof.exists(), command
        assert "bug in ckptflow" not in ended.err, ended.err
    assert machine.outs()["data/lookup.pkl"] == good.outs()["data/lookup.pkl"]
    loaded = machine.python("import ckptflow; print(len(ckptflow.load('data/lookup.pkl')))")
    assert not attacker.proof.exists()
    assert loaded.out.strip() == "30", loaded.err


def test_the_bomb_is_one(attacker):
    pickle.loads(attacker.bomb)
    assert attacker.proof.read_text() == "it ran"


def test_the_attack_is_one(attacker, machine, moto_bucket):
    """Where everything is trusted it succeeds: the tests below test something."""
    attacker.far.begin()
    attacker.far.send([attacker.armed("lookup", "lookup")], [attacker.bomb])
    target = victim(machine, moto_bucket)
    target.config(moto_bucket, trust=True)
    target.repro()
    assert "lookup" not in target.traces()
    target.python("import ckptflow; ckptflow.load('data/lookup.pkl')")
    assert attacker.proof.exists()


@pytest.mark.parametrize("key", [None, KEY])
def test_an_unsigned_record(attacker, machine, moto_bucket, good, key):
    attacker.far.begin()
    attacker.far.send([attacker.armed("lookup", "lookup")], [attacker.bomb])
    target = victim(machine, moto_bucket, **({"CKPTFLOW_KEY": key} if key else {}))
    attacked(target, attacker, good)
    assert "lookup" in target.traces()


def signed_elsewhere(attacker: Attacker, store_id: str) -> Record:
    return Signer(THEIRS.encode(), store_id).sign_record(attacker.armed("lookup", "lookup"))


def moved_from_another_stage(attacker: Attacker, store_id: str) -> Record:
    """A true signature on a record of another stage, whose key is changed afterwards."""
    true = Signer(KEY.strip().encode(), store_id).sign_record(attacker.armed("total", "total"))
    return replace(true, key=attacker.records[StageName("lookup")].key, stage=StageName("lookup"))


def under_another_label(attacker: Attacker, store_id: str) -> Record:
    true = Signer(KEY.strip().encode(), store_id).sign_record(attacker.armed("total", "total"))
    lookup = attacker.records[StageName("lookup")]
    return replace(true, key=lookup.key, stage=lookup.stage, outs={"lookup": attacker.part})


def without_its_label(attacker: Attacker, store_id: str) -> Record:
    return replace(attacker.armed("lookup", "lookup"), outs={"total": attacker.part})


def signed_for_another_remote(attacker: Attacker, store_id: str) -> Record:
    return Signer(KEY.strip().encode(), "0" * 32).sign_record(attacker.armed("lookup", "lookup"))


def with_odd_fields(attacker: Attacker, store_id: str) -> Record:
    odd = attacker.armed("lookup", "lookup")
    return replace(odd, stage=StageName("\x1b[31mlookup"), extra={"sig": 7, "from": []}, rows_in=-1)


@pytest.mark.parametrize(
    "forge",
    [
        signed_elsewhere,
        moved_from_another_stage,
        under_another_label,
        without_its_label,
        signed_for_another_remote,
        with_odd_fields,
    ],
)
def test_a_signature_that_is_not_for_this(attacker, machine, moto_bucket, good, forge):
    store_id = attacker.far.begin()
    attacker.far.send([forge(attacker, store_id)], [attacker.bomb])
    target = victim(machine, moto_bucket, CKPTFLOW_KEY=KEY)
    ended = target.run("repro")
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.err
    assert "lookup" in target.traces()
    attacked(target, attacker, good, [("show", "data/lookup.pkl"), ("status",)])


def test_an_object_that_comes_here_as_data(attacker, machine, moto_bucket, good):
    """The bomb as the out of a stage that makes JSON, which needs no signature: wrong data at worst, and never code;
    and the same object, here already, as the pickle of another stage.
    """
    attacker.far.begin()
    both = [attacker.armed("total", "total"), attacker.armed("lookup", "lookup")]
    attacker.far.send(both, [attacker.bomb])
    target = victim(machine, moto_bucket)
    target.run("repro")
    for command in COMMANDS:
        target.run(*command)
        assert not attacker.proof.exists(), command
    assert target.outs()["data/lookup.pkl"] == good.outs()["data/lookup.pkl"]


@pytest.mark.parametrize("as_data_too", [False, True])
def test_a_lock_file_that_names_it(attacker, machine, moto_bucket, good, as_data_too):
    attacker.far.begin()
    tree = Tree(Layout.FILE, "pickle", (attacker.part,), ".pkl")
    lock = json.loads((good.root / "pipeline.lock").read_text())
    entry = LockEntry.from_dict(StageName("lookup"), lock["stages"]["lookup"])
    assert entry is not None
    named = {**entry.outs["lookup"], "tree": digest(tree.encode()), "bytes": attacker.part.bytes}
    lock["stages"]["lookup"] = replace(entry, outs={"lookup": named}).to_dict()
    sent = [attacker.armed("lookup", "lookup"), *([attacker.armed("total", "total")] if as_data_too else [])]
    attacker.far.send(sent, [attacker.bomb, tree.encode()])
    target = victim(machine, moto_bucket)
    (target.root / "pipeline.lock").write_text(json.dumps(lock))
    if as_data_too:  # then it is here, under its true name, before anything asks for the pickle
        target.run("repro", "total")
    attacked(target, attacker, good)


KEEPING = [
    ("plan", "--keep-finished"),
    ("repro", "--keep-finished"),
    ("repro",),
    ("show", "data/lookup.pkl"),
    ("pull",),
]


def mend(target: Machine) -> None:
    """Change the code of `lookup`, so that nothing is recorded for it."""
    work = (target.root / "work.py").read_text()
    (target.root / "work.py").write_text(work.replace('trace("lookup")', 'trace("lookup")\n    rows = rows.slice(0)'))


def test_the_attack_by_a_loose_key_is_one(attacker, machine, moto_bucket):
    attacker.far.begin()
    attacker.far.send([attacker.armed("lookup", "lookup")], [attacker.bomb])
    target = victim(machine, moto_bucket)
    target.config(moto_bucket, trust=True)
    mend(target)
    target.repro("--keep-finished")
    assert "lookup" not in target.traces()
    target.python("import ckptflow; ckptflow.load('data/lookup.pkl')")
    assert attacker.proof.exists()


def loose_and_unsigned(attacker: Attacker, store_id: str) -> Record:
    return attacker.armed("lookup", "lookup")


def loose_key_changed_afterwards(attacker: Attacker, store_id: str) -> Record:
    """A true signature on what another function has made, said to be of this one."""
    true = Signer(KEY.strip().encode(), store_id).sign_record(attacker.armed("total", "total"))
    lookup = attacker.records[StageName("lookup")]
    return replace(true, loose=lookup.loose, code=lookup.code, stage=lookup.stage, outs={"lookup": attacker.part})


def loose_key_alone_changed_afterwards(attacker: Attacker, store_id: str) -> Record:
    true = Signer(KEY.strip().encode(), store_id).sign_record(
        replace(attacker.armed("lookup", "lookup"), loose=attacker.records[StageName("total")].loose)
    )
    return replace(true, loose=attacker.records[StageName("lookup")].loose)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(
    "forge", [loose_and_unsigned, loose_key_changed_afterwards, loose_key_alone_changed_afterwards]
)
def test_a_record_that_is_found_by_its_loose_key(attacker, machine, moto_bucket, good, forge, key):
    store_id = attacker.far.begin()
    attacker.far.send([forge(attacker, store_id)], [attacker.bomb])
    target = victim(machine, moto_bucket, **({"CKPTFLOW_KEY": key} if key else {}))
    mend(target)
    attacked(target, attacker, good, KEEPING)
    assert "lookup" in target.traces()
