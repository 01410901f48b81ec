"""One bit of a bucket changes: never a wrong result. What is lost is made again, and then the remote has it again."""

from __future__ import annotations

import pytest

from .far import Far
from .machines import Machine, Origin

CHUNKS = 5


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS, large=700_000)


@pytest.fixture
def a(machine, moto_bucket):
    """A machine that has run everything."""
    return ready(machine, moto_bucket, "a")


def ready(machine, bucket, name: str) -> Machine:
    """Return a machine on which everything is done."""
    made = machine(name, CKPTFLOW_JOBS="1")
    made.config(bucket, trust=True)
    made.repro("--pull")
    return made


def every_name(far: Far, prefix: str) -> list[str]:
    found = far.names(prefix)
    assert found, f"there are no {prefix}"
    return found


@pytest.mark.parametrize(
    ("prefix", "again"),
    [
        ("packs/", True),
        ("objects/", True),
        ("records/", True),
        ("checkpoints/", False),
        ("runs/", False),
    ],
)
def test_one_bit_of_each(prefix, again, a, machine, moto_bucket, tmp_path):
    far = Far(moto_bucket, tmp_path / "far")
    far.flip(*every_name(far, prefix))
    b = ready(machine, moto_bucket, "b")
    assert b.outs() == a.outs()
    assert bool(b.traces()) == again
    c = ready(machine, moto_bucket, "c")
    assert c.outs() == a.outs()
    assert c.traces() == []


def test_a_bit_of_one_record(a, machine, moto_bucket, tmp_path):
    """Just that chunk is made again."""
    far = Far(moto_bucket, tmp_path / "far")
    name, at, data = next(
        (name, data.index(b'{"key"'), data)
        for name in far.names("records/")
        if b'{"key"' in (data := far.bucket.get(name))
    )
    far.bucket.put(name, data[: at + 9] + (b"0" if data[at + 9 : at + 10] != b"0" else b"1") + data[at + 10 :])
    b = ready(machine, moto_bucket, "b")
    assert len(b.traces()) == 1
    assert b.outs() == a.outs()
    c = ready(machine, moto_bucket, "c")
    assert c.traces() == []
    assert c.outs() == a.outs()


def test_what_is_missing(a, machine, moto_bucket, tmp_path):
    """Packs and objects that somebody has deleted."""
    far = Far(moto_bucket, tmp_path / "far")
    far.bucket.delete([*far.names("packs/"), *far.names("objects/")])
    b = ready(machine, moto_bucket, "b")
    assert len(b.traces()) == CHUNKS + 3
    assert b.outs() == a.outs()
    c = ready(machine, moto_bucket, "c")
    assert c.traces() == []
    assert c.outs() == a.outs()


def test_the_marker(a, machine, moto_bucket, tmp_path):
    """Nothing is believed of a place whose marker cannot be read, and nothing is written there."""
    far = Far(moto_bucket, tmp_path / "far")
    good = far.bucket.get("ckptflow.json")
    names = far.names()
    b = machine("b")
    b.config(moto_bucket, trust=True)
    far.bucket.put("ckptflow.json", good.replace(b"{", b"[", 1))
    ended = b.run("repro")
    assert ended.code == 6
    assert "ckptflow.json" in ended.err.splitlines()[-2]
    assert "restore that file" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert far.names() == names
    far.bucket.delete(["ckptflow.json"])
    ended = b.run("repro")
    assert ended.code == 6
    assert "is no store of ckptflow" in ended.err
    assert far.names() == [name for name in names if name != "ckptflow.json"]
    far.bucket.put("ckptflow.json", good)
    b.repro()
    assert b.traces() == []


def test_another_store_in_the_same_place(a, machine, moto_bucket, tmp_path):
    """A bit of the id: what machines know of the other store counts no more, and nothing is lost."""
    far = Far(moto_bucket, tmp_path / "far")
    good = far.bucket.get("ckptflow.json")
    at = good.index(b'"repository": "') + 15
    far.bucket.put("ckptflow.json", good[:at] + (b"0" if good[at : at + 1] != b"0" else b"1") + good[at + 1 :])
    (a.root / "work.py").write_text((a.root / "work.py").read_text().replace('"sum": sum(', '"the sum": sum('))
    a.forget()
    a.repro()
    assert a.traces() == ["total", "large"]
    b = ready(machine, moto_bucket, "b")
    assert b.traces() == []


def test_everything_is_gone(a, machine, moto_bucket, tmp_path):
    """Somebody has emptied the bucket: a machine that knew what was there makes it a remote again, whole."""
    far = Far(moto_bucket, tmp_path / "far")
    far.bucket.delete(far.names())
    (a.root / "work.py").write_text((a.root / "work.py").read_text().replace('"sum": sum(', '"the sum": sum('))
    a.repro()
    b = machine("b")
    b.config(moto_bucket, trust=True)
    b.repro("lookup")
    assert b.traces() == []
    assert b.outs().items() <= a.outs().items()
