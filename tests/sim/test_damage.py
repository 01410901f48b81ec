"""Damage to any file that ckptflow keeps: the next run heals it or says so, and never makes a wrong byte of an out.

Each case is a kind of file, a kind of damage and what happens next; `CKPTFLOW_SIM_ROUNDS` tries more of each.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from sim_crash import outs, repro
from sim_pool import InlinePool, inline
from sim_world import World
from test_crash import crash_world

from ckptflow import Project
from ckptflow.errors import CkptflowError

STORE = ".ckptflow/store"


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    rewrite(path, bytes(data))


def truncate(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    rewrite(path, data[: chance.randrange(1, len(data))])


def empty(path: Path, chance: random.Random) -> None:
    rewrite(path, b"")


def zeros(path: Path, chance: random.Random) -> None:
    rewrite(path, bytes(path.stat().st_size))


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def rewrite(path: Path, data: bytes) -> None:
    """Write in place, so that links to the file see it too, as a failing disk would have it."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
        file.truncate(len(data))


def objects(head: bytes) -> Callable[[Path], list[Path]]:
    """Return a finder of objects that begin with `head`; parts and files for an empty one.

    What runs keep for later comparisons is neither: that it is gone is said when it is asked for.
    """

    def find(root: Path) -> list[Path]:
        found = []
        kept = kept_by_runs(root)
        for path in sorted((root / STORE / "objects").rglob("*")):
            if path.is_file() and path not in kept:
                start = path.read_bytes()[:24]
                ours = start.startswith((b'{"ckptflow"', b'{"lib'))
                if start.startswith(head) if head else not ours:
                    found.append(path)
        return found

    return find


def kept_by_runs(root: Path) -> list[Path]:
    """The objects that the documents of runs name."""
    docs = [json.loads(path.read_bytes()) for path in (root / STORE / "runs").glob("*.json")]
    names = {name for doc in docs for part in ("files", "locks") for name in doc.get(part, {}).values()}
    return [root / STORE / "objects" / name[:2] / name[2:] for name in sorted(names)]


def matching(pattern: str) -> Callable[[Path], list[Path]]:
    return lambda root: [p for p in sorted(root.glob(pattern)) if p.is_file() and not p.is_symlink()]


VICTIMS: dict[str, Callable[[Path], list[Path]]] = {
    "part": objects(b""),
    "tree": objects(b'{"ckptflow":"tree"'),
    "listing": objects(b'{"ckptflow":"listing"'),
    "code": objects(b'{"lib'),
    "records": matching(f"{STORE}/records/*"),
    "marker": matching(f"{STORE}/ckptflow.json"),
    "checkpoint": matching(f"{STORE}/checkpoints/*/*"),
    "run": matching(f"{STORE}/runs/*"),
    "lock": matching("pipeline.lock"),
    "held": matching(f"{STORE}/locks/*"),
    "cache": matching(".ckptflow/cache.db"),
    "rows": matching(".ckptflow/cuts/*/*/rows.arrow"),
    "index": matching(".ckptflow/cuts/*/*/index.npy"),
    "sheet": matching(".ckptflow/cuts/*/sheet.json"),
    "shape": matching(".ckptflow/cuts/*.shape"),
}
REPORTED = {
    *((kind, damage) for kind in ("part", "tree", "listing") for damage in (flip, truncate, empty, zeros, delete)),
    *((kind, damage) for kind in ("checkpoint", "code") for damage in (truncate, zeros)),
    *(("marker", damage) for damage in (truncate, empty, zeros, delete)),
    ("code", flip),
}
"""What `verify` has to find. Lines that a segment lost at its end look as if they had never been written."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("damage") / "project"
    crash_world().write(root)
    assert repro(root).ok
    return root


@pytest.fixture(scope="module")
def expected(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What clean runs make, after each kind of next step."""
    edited = tmp_path_factory.mktemp("clean") / "project"
    edited_world().write(edited)
    assert repro(edited).ok
    right = outs(project)
    return {"run": right, "restore": right, "forget": right, "edit": outs(edited)}


def edited_world() -> World:
    world = crash_world()
    world.tables["raw/items.parquet"][100]["amount"] = 5
    world.tables["raw/links.parquet"].append({"a": 1, "b": 2, "w": 3})
    return world


def prepare(root: Path, then: str) -> None:
    """What happens between the damage and the run."""
    if then in ("restore", "forget"):
        shutil.rmtree(root / "data")
    if then == "forget":
        for path in [*root.glob(".ckptflow/cache.db*"), root / "pipeline.lock"]:
            path.unlink(missing_ok=True)
    if then == "edit":
        edited_world().write(root)


def differing(made: dict[str, str], right: dict[str, str]) -> list[str]:
    return sorted(name for name in made.keys() | right.keys() if made.get(name) != right.get(name))


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with inline(malice=0.0):
        InlinePool.before = None
        yield


def cases() -> list[tuple[str, Callable[[Path, random.Random], None], str]]:
    """Every kind of file, damage and next step; without more rounds asked for, a fixed sample of them."""
    every = [
        (kind, damage, then)
        for kind in VICTIMS
        for damage in (flip, truncate, empty, zeros, delete)
        for then in ("run", "restore", "forget", "edit")
    ]
    if "CKPTFLOW_SIM_ROUNDS" in os.environ:
        return every
    chance = random.Random("sample")
    return [case for case in every if chance.random() < 0.4]


@pytest.mark.parametrize(("kind", "damage", "then"), cases())
def test_damage(
    kind: str,
    damage: Callable[[Path, random.Random], None],
    then: str,
    project: Path,
    expected: dict[str, dict[str, str]],
    tmp_path: Path,
    rounds: int,
) -> None:
    case = f"{kind} {damage.__name__} {then}"
    for number in range(rounds):
        chance = random.Random(f"{case} {number}")
        root = tmp_path / f"p{number}"
        subprocess.run(["cp", "-a", str(project), str(root)], check=True)
        found = VICTIMS[kind](root)
        assert found, kind
        victim = chance.choice(found)
        if victim.stat().st_size == 0:
            continue
        damage(victim, chance)
        what = f"{case} {number}: {victim.relative_to(root)}"
        if (kind, damage) in REPORTED:
            assert reported(root), f"{what} is not found by verify"
        prepare(root, then)
        check(root, kind, expected[then], expected["run"], what)
        shutil.rmtree(root)


def reported(root: Path) -> bool:
    try:
        return bool(Project(root, env={}).verify(deep=True))
    except CkptflowError:
        return True


def check(root: Path, kind: str, right: dict[str, str], former: dict[str, str], what: str) -> None:
    try:
        result = repro(root)
    except CkptflowError as error:
        assert kind in ("marker", "lock"), f"{what}: {error}"
        # Nobody can mend these but a person. Nothing wrong stands in the workspace: what was there, or nothing.
        made = {name: digest_of(root / name) for name in right.keys() | former.keys()}
        assert all(d in (None, former.get(name)) for name, d in made.items()), what
        return
    assert result.ok, f"{what}: {result.to_json()}"
    assert differing(outs(root), right) == [], what
    findings = [str(f) for f in Project(root, env={}).verify(deep=True)]
    superseded = former != right  # what is lost of an out as it was before is lost
    if kind not in ("code", "checkpoint", "records") and not superseded:  # not read by a run, or stays
        assert not findings, f"{what}: {findings}"
    again = repro(root)
    assert sum(s.ran for s in again.stages) == 0, f"{what}: {again.to_json()}"
    left = [f for f in Project(root, env={}).verify(deep=True) if f.what not in ("checkpoint", "record")]
    left = [f for f in left if not (superseded and f.what == "tree")]
    assert not left, f"{what}: {left}"


def digest_of(path: Path) -> str | None:
    if path.is_dir():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


@pytest.mark.parametrize("number", range(12))
def test_a_flipped_bit_of_what_is_remembered(
    number: int, project: Path, expected: dict[str, dict[str, str]], tmp_path: Path, rounds: int
) -> None:
    """SQLite does not see it: a wrong boundary, digest or verdict must not come out of `cache.db`."""
    for more in range(rounds):
        chance = random.Random(number + 100 * more)
        root = tmp_path / f"p{more}"
        subprocess.run(["cp", "-a", str(project), str(root)], check=True)
        path = root / ".ckptflow/cache.db"
        db = sqlite3.connect(path)
        for table, key, column in (("documents", "key", "value"), ("files", "path", "digest")):
            for id_, value in db.execute(f"SELECT {key}, {column} FROM {table}").fetchall():
                at = chance.randrange(len(value))
                wrong = chance.choice([d for d in "0123456789" if d != value[at]])
                changed = value[:at] + wrong + value[at + 1 :]
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, id_))
        db.commit()
        db.close()
        then = chance.choice(("run", "restore", "edit"))
        prepare(root, then)
        check(root, "cache", expected[then], expected["run"], f"{number} {more} {then}")
        shutil.rmtree(root)


def test_an_object_that_is_lost_makes_no_edit_of_its_out(
    project: Path, expected: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """The file stands in the workspace as it was placed, though nothing in the store says so any more."""
    root = tmp_path / "p"
    subprocess.run(["cp", "-a", str(project), str(root)], check=True)
    for path in [*(root / "data/map.parquet").iterdir(), root / "data/total.json"]:
        (root / STORE / "objects" / (name := blake3(path.read_bytes()).hexdigest())[:2] / name[2:]).unlink()
    prepare(root, "edit")
    check(root, "part", expected["edit"], expected["run"], "lost")
