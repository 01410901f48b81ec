from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints.verify import What
from ckptflow.errors import Locked, StoreError
from ckptflow.ids import Digest
from ckptflow.project import Project
from ckptflow.store import layout
from tests.engine.transfer.world import Counted, Made, clone, content, filled, states

PAGES = """
stages:
  pages:
    call: work:pages
    deps: {squares: rows.csv}
    outs: {pages: {path: data/pages, format: dir}}
"""
WORK = """
def pages(squares, pages):
    for x in squares["x"].to_pylist()[:3]:
        (pages / f"{x}.txt").write_text("page " + str(x))
"""


def object_of(project: Project, text: bytes) -> Digest:
    """The object of a project's store that holds just these bytes."""
    store = project.root / ".ckptflow/store/objects"
    (found,) = (path for path in store.rglob("*") if path.is_file() and path.read_bytes() == text)
    return Digest(found.parent.name + found.name)


def place_of(bucket: Counted, object_: Digest) -> tuple[str, int, int]:
    """Where the bucket holds it: name, offset, bytes."""
    for name in bucket.names("records/"):
        for line in bucket.get(name).splitlines():
            doc = json.loads(line)
            for held, at, size in doc.get("held", ()):
                if held == object_:
                    return (layout.pack_name(doc["pack"]) if "pack" in doc else layout.object_name(object_)), at, size
    raise AssertionError(f"{object_} is not held")


def spoil(bucket: Counted, object_: Digest) -> None:
    name, at, size = place_of(bucket, object_)
    data = bytearray(bucket.get(name))
    data[at : at + size] = b"\0" * size
    bucket.put(name, bytes(data))


def test_a_sound_remote(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    project.push()
    bucket.asked.clear()
    found = project.verify_remote()
    assert (found.findings, found.records) == ((), 6)
    assert bucket.asked == {"get": 1, "list": 3}, "without --deep no bytes are fetched"
    deep = project.verify_remote(deep=True)
    assert (deep.findings, deep.objects) == ((), found.objects)


def test_bytes_are_looked_at_only_when_asked(make: Made, bucket: Counted) -> None:
    project = make("first")
    records = filled(project, 20)
    project.push()
    spoil(bucket, records[7].outs["squares"].object)
    assert project.verify_remote().findings == ()
    (finding,) = project.verify_remote(deep=True).findings
    assert (finding.what, finding.name, finding.object) == (
        What.RECORD,
        records[7].key,
        records[7].outs["squares"].object,
    )
    assert "out `squares` of a chunk of `squares`" in finding.problem
    assert "a run of `squares` makes it again" in finding.remedy


@pytest.mark.parametrize("size", [20, 600_000])
def test_what_is_gone_or_torn_is_found_by_a_listing(make: Made, bucket: Counted, size: int) -> None:
    project = make("first")
    filled(project, 1, size)
    project.push()
    filled(project, 2, size)
    project.push()
    blobs = bucket.names("objects/")
    assert len(blobs) == 2
    bucket.delete(blobs[:1])
    bucket.put(blobs[1], bucket.get(blobs[1])[:-1])
    problems = sorted(finding.problem.partition(", ")[2] for finding in project.verify_remote().findings)
    assert problems == [
        "which has another size in the remote",
        "which the remote says it has, and it is not there",
    ]


def test_a_pack_that_is_gone_is_found_by_a_listing(make: Made, bucket: Counted) -> None:
    project = make("first")
    filled(project, 5)
    project.push()
    bucket.delete(bucket.names("packs/"))
    assert len(project.verify_remote().findings) == 5


def test_targets_choose_stages(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    bad = filled(project, 3, stage="old")
    project.push()
    spoil(bucket, bad[0].outs["squares"].object)
    assert len(project.verify_remote(deep=True).findings) == 1
    chosen = project.verify_remote(["total", "data/squares.parquet"], deep=True)
    assert (chosen.findings, chosen.records) == ((), 6)


def test_files_of_directories_are_looked_at(
    make: Made, bucket: Counted, tmp_path: Path, open_project: Any, write_files: Any
) -> None:
    project = make("first", PAGES)
    write_files(project.root, {"work.py": WORK})
    project.repro()
    project.push()
    page = object_of(project, b"page 1")
    spoil(bucket, page)
    other = clone(project, tmp_path / "second", open_project)
    (finding,) = other.verify_remote(deep=True).findings
    assert (finding.what, finding.object) == (What.RECORD, page)
    assert not list((other.root / ".ckptflow/store").glob("objects/*/*")), "what is only looked at is not kept"


def test_repair_lets_the_remote_be_made_good(make: Made, bucket: Counted, tmp_path: Path, open_project: Any) -> None:
    project = make("first")
    project.repro()
    project.push()
    good = project.root / ".ckptflow/store"
    lock = json.loads((project.root / "pipeline.lock").read_text())
    tree = lock["stages"]["total"]["outs"]["total"]["tree"]
    total = json.loads((good / layout.object_name(tree)).read_text().splitlines()[1])[0]
    spoil(bucket, total)
    assert project.push().objects == 0, "the remote says that it has it"
    assert len(project.verify_remote(deep=True, repair=True).findings) == 1
    second = clone(project, tmp_path / "second", open_project)
    assert [m.out for m in second.pull().missing] == ["data/total.json"]
    again = project.push()
    assert (again.objects, again.records) == (1, 1)
    assert second.pull().missing == ()
    assert content(second, "data") == content(project, "data")
    assert project.verify_remote(deep=True).findings == ()


def test_a_run_makes_again_what_the_remote_has_lost(
    make: Made, bucket: Counted, tmp_path: Path, open_project: Any
) -> None:
    project = make("first", config="remotes: {storage: 'memory://storage'}\nsync: auto\n")
    project.repro()
    lock = json.loads((project.root / "pipeline.lock").read_text())
    tree = lock["stages"]["total"]["outs"]["total"]["tree"]
    total = json.loads((project.root / ".ckptflow/store" / layout.object_name(tree)).read_text().splitlines()[1])[0]
    spoil(bucket, total)
    second = clone(project, tmp_path / "second", open_project)
    second.verify_remote(deep=True, repair=True)
    (second.root / "pipeline.lock").unlink()
    assert states(second)["total"] == ("ran", 1, 0)
    assert content(second, "data/total.json") == content(project, "data/total.json")


def test_repair_waits_for_nobody(make: Made, bucket: Counted) -> None:
    from ckptflow.checkpoints.lease import take

    project = make("first")
    records = filled(project, 3)
    project.push()
    spoil(bucket, records[0].outs["squares"].object)
    with take(bucket, "somebody"), pytest.raises(Locked):
        project.verify_remote(deep=True, repair=True)


def test_no_remote_is_an_error(make: Made, bucket: Counted) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        make("first").verify_remote()


def test_texts_that_a_run_names_and_the_store_has_lost(make: Made) -> None:
    project = make("first")
    project.repro()
    (run,) = (project.root / ".ckptflow/store/runs").iterdir()
    lost = json.loads(run.read_text())["files"]["pipeline.yaml"]
    (project.root / ".ckptflow/store" / layout.object_name(lost)).unlink()
    (finding,) = project.verify()
    assert (finding.what, finding.object) == (What.RUN, lost)
    assert "`pipeline.yaml`" in finding.problem
    assert project.verify() == [], "told once"
    assert "pipeline.yaml" not in json.loads(run.read_text())["files"]
