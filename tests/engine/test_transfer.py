"""Push, fetch, checkout and pull between projects that share a bucket in memory, which counts what it is asked."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ckptflow.checkpoints import rollup
from ckptflow.checkpoints.records import RecordLog
from ckptflow.chunk.model import Part
from ckptflow.engine import push as pushing
from ckptflow.errors import OutEdited, StoreError, TargetNotFound, UsageError
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.project import Project
from ckptflow.store import layout
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets import opening
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.store.protocol import Entry

CONFIG = "remotes: {storage: 'memory://storage'}\n"
STAGES = """
import pyarrow as pa


def squares(rows: pa.Table) -> pa.Table:
    return pa.table({"y": [x * x for x in rows["x"].to_pylist()]})


def total(squares: pa.Table) -> dict:
    return {"total": sum(squares["y"].to_pylist())}


def model(squares: pa.Table) -> dict:
    return {"weights": squares["y"].to_pylist()}


def pages(squares: pa.Table, pages) -> None:
    for y in squares["y"].to_pylist()[:3]:
        (pages / f"{y}.txt").write_text(str(y))
"""
PIPELINE = """
stages:
  squares:
    call: work:squares
    deps: {rows: rows.csv}
    chunk: {over: rows, rows: 10, cut: fixed}
    outs: {squares: data/squares.parquet}
  total:
    call: work:total
    deps: {squares: data/squares.parquet}
    outs: {total: data/total.json}
"""
MODEL = """
  model:
    call: work:model
    deps: {squares: data/squares.parquet}
    outs: {model: data/model.pkl}
"""


class Counted(MemoryBucket):
    """Counts requests by kind, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__("memory://storage")
        self.asked: Counter[str] = Counter()
        self.fail: Callable[[str, str], bool] = lambda kind, name: False

    def _ask(self, kind: str, name: str) -> None:
        self.asked[kind] += 1
        if self.fail(kind, name):
            raise Unavailable(f"no answer to {kind} {name}")

    def read(self, name: str) -> tuple[bytes, str]:
        self._ask("get", name)
        return super().read(name)

    def put(self, name: str, data: bytes) -> None:
        self._ask("put", name)
        super().put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        self._ask("put", name)
        return super().create(name, data)

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        self._ask("list", prefix)
        return super().list(prefix, after)

    def delete(self, names: Iterable[str]) -> None:
        self._ask("delete", "")
        super().delete(names)

    def names(self, prefix: str) -> list[str]:
        return [entry.name for entry in MemoryBucket.list(self, prefix)]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Counted:
    one = Counted()
    monkeypatch.setattr(opening, "open_bucket", lambda *args, **kwargs: one)
    return one


Made = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path, bucket: Counted, write_files: Any, open_project: Any) -> Made:
    def make(name: str, pipeline: str = PIPELINE, rows: int = 50, config: str = CONFIG) -> Project:
        files = {
            "pipeline.yaml": pipeline,
            "work.py": STAGES,
            "rows.csv": "x\n" + "".join(f"{i}\n" for i in range(rows)),
            ".ckptflow/config.yaml": config,
        }
        write_files(tmp_path / name, files)
        return open_project(tmp_path / name)

    return make


def clone(project: Project, to: Path, open_project: Any) -> Project:
    """What git would bring: everything but outs, store and caches."""
    ignore = shutil.ignore_patterns("data", "store", "cache.db*", "logs", "remotes", "tmp", "cuts", "__pycache__")
    shutil.copytree(project.root, to, ignore=ignore)
    return open_project(to)


def content(project: Project, path: str) -> dict[str, bytes]:
    full = project.root / path
    files = [full] if full.is_file() else sorted(p for p in full.rglob("*") if p.is_file())
    return {p.relative_to(project.root).as_posix(): p.read_bytes() for p in files}


def states(project: Project, *targets: str) -> dict[str, tuple[str, int, int]]:
    result = project.repro(targets)
    return {s.stage: (s.state, s.ran, s.reused) for s in result.stages}


def filled(project: Project, count: int, size: int = 20, stage: str = "squares", after: int = 0) -> list[Record]:
    """Records and objects in a project's store, as if so many chunks had run."""
    store = LocalStore(project.root / ".ckptflow/store", create=True)
    open_store(store, create=True)
    objects, log = Objects(store), RecordLog(store, "20260101T000000Z-aaaa")
    made = []
    for number in range(after, after + count):
        data = f"{number} ".encode().ljust(size, b".")
        object_ = objects.put(data)
        part = Part(object_, len(data), object_)
        key = ChunkKey(digest(f"key {number}".encode()))
        record = Record(key, {"squares": part}, StageName(stage), "r", 0.1, "2026-01-01T00:00:00Z")
        log.add(record)
        made.append(record)
    return made


def test_a_clone_gets_everything(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make("first")
    first.repro()
    pushed = first.push()
    assert (pushed.records, pushed.missing, pushed.left_out) == (6, (), {})
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull()
    assert pulled.missing == ()
    assert [o.state for o in pulled.placed.outs] == ["added", "added"]
    assert pulled.fetched.records == 6
    for out in ("data/squares.parquet", "data/total.json"):
        assert content(second, out) == content(first, out) != {}
    bucket.fail = lambda kind, name: True
    assert {state for state, _, _ in states(second).values()} == {"fresh"}
    (second.root / "rows.csv").write_text("x\n" + "".join(f"{i}\n" for i in range(40)) + "7\n")
    assert states(second)["squares"] == ("ran", 1, 4), "the chunks are known here without the remote"


def test_fetched_records_are_as_they_were(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first")
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    second.fetch()

    def lines(project: Project) -> list[dict[str, Any]]:
        files = (project.root / ".ckptflow/store/records").glob("*.jsonl")
        docs = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        return sorted(({k: v for k, v in d.items() if k not in ("x", "from")} for d in docs), key=lambda d: d["key"])

    assert lines(second) == lines(first)


@pytest.mark.parametrize("records", [10, 3000])
def test_nothing_to_push_costs_four_requests(make: Made, bucket: Counted, records: int) -> None:
    project = make("first")
    filled(project, records)
    assert project.push().records == records
    bucket.asked.clear()
    again = project.push()
    assert (again.objects, again.records, again.documents) == (0, 0, 0)
    assert bucket.asked == {"get": 1, "list": 3}
    assert again.requests == 4


@pytest.mark.parametrize("records", [10, 3000])
def test_nothing_to_fetch_costs_two_requests(make: Made, bucket: Counted, records: int) -> None:
    project = make("first")
    project.repro()
    filled(project, records)
    project.push()
    bucket.asked.clear()
    again = project.pull()
    assert (again.fetched.objects, again.fetched.records, again.missing) == (0, 0, ())
    assert bucket.asked == {"get": 1, "list": 1}


def test_a_thousand_tiny_results_cost_about_ten_puts(make: Made, bucket: Counted) -> None:
    project = make("first", rows=50)
    project.repro()
    filled(project, 1000)
    project.push()
    assert bucket.asked["put"] <= 14, bucket.asked  # two checkpoints with pointers of two stages, a run among them
    assert len(bucket.names("packs/")) == 1
    assert len(bucket.names("records/")) == 1
    assert len(bucket.names("objects/")) == 0


def test_two_thousand_objects_of_four_kilobytes_travel_in_few_packs(make: Made, bucket: Counted) -> None:
    project = make("first")
    filled(project, 2000, size=4096)
    pushed = project.push()
    assert (pushed.objects, pushed.records) == (2000, 2000)
    assert len(bucket.names("packs/")) <= 3
    assert bucket.asked["put"] <= 6


def test_only_what_is_new_is_sent(make: Made, bucket: Counted) -> None:
    project = make("first")
    filled(project, 20)
    project.push()
    filled(project, 25)
    again = project.push()
    assert (again.objects, again.records) == (5, 5)


def test_targets_choose_stages_and_outs(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make("first")
    first.repro()
    assert first.push(["total"]).records == 1
    assert bucket.names("checkpoints/total/")
    assert not bucket.names("checkpoints/squares/") + bucket.names("runs/")
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull(["data/total.json"])
    assert (pulled.missing, [o.path for o in pulled.placed.outs]) == ((), ["data/total.json"])
    assert not (second.root / "data/squares.parquet").exists()
    lacking = second.pull()
    assert [(m.out, m.problem) for m in lacking.missing] == [
        ("data/squares.parquet", "the remote `storage` does not have it")
    ]
    with pytest.raises(TargetNotFound):
        first.push(["nothing"])


def test_what_says_push_false_stays_here(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make(
        "first",
        PIPELINE.replace("data/squares.parquet}\n  total", "{path: data/squares.parquet, push: false}}\n  total"),
    )
    first.repro()
    pushed = first.push()
    assert (pushed.records, pushed.missing) == (1, ())
    second = clone(first, tmp_path / "second", open_project)
    fetched = second.fetch()
    assert fetched.missing == ()
    assert (fetched.outs, fetched.complete) == (2, 1)
    assert second.push().missing == (), "nobody is told to send what is not to be sent"


def test_dry_moves_nothing(make: Made, tmp_path: Path, open_project: Any, bucket: Counted) -> None:
    first = make("first")
    first.repro()
    would = first.push(dry=True)
    assert (would.records, would.dry) == (6, True)
    assert would.objects > 6
    assert bucket.names("") == []
    did = first.push()
    assert (did.records, did.objects) == (would.records, would.objects)
    second = clone(first, tmp_path / "second", open_project)
    looked = second.fetch(dry=True)
    assert (looked.records, looked.outs, looked.complete, looked.missing) == (6, 2, 2, ())
    assert not (second.root / ".ckptflow/store/objects").exists()
    fetched = second.fetch()
    assert (fetched.objects, fetched.bytes > 0) == (looked.objects, True)


def test_documents_follow_the_objects_they_name(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    order: list[str] = []
    bucket.fail = lambda kind, name: bool(kind == "put" and order.append(name))
    project.push()
    kinds = [name.split("/")[0] for name in order]
    assert kinds.index("checkpoints") > kinds.index("records") > kinds.index("packs")
    latest = [name for name in order if name.endswith("latest.json")]
    assert order[-len(latest) :] == latest == ["checkpoints/squares/latest.json", "checkpoints/total/latest.json"]
    for name in latest:
        newest = max(n for n in bucket.names(name.rpartition("/")[0] + "/") if n != name)
        assert bucket.get(name) == bucket.get(newest)
    run = json.loads(bucket.get(bucket.names("runs/")[0]))
    sent = "".join(bucket.get(name).decode() for name in bucket.names("records/"))
    assert all(object_ in sent for object_ in [*run["files"].values(), *run["locks"].values()])


def test_an_interrupted_push_goes_on_where_it_stopped(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "BATCH_RECORDS", 10)
    project = make("first")
    filled(project, 100)
    bucket.fail = lambda kind, name: kind == "put" and bucket.asked["put"] > 12
    with pytest.raises(Unavailable):
        project.push()
    bucket.fail = lambda kind, name: False
    rest = project.push()
    assert 0 < rest.objects < 100
    assert len(json.loads(json.dumps(rest.to_json()))["missing"]) == 0
    assert project.push().objects == 0


def test_what_arrived_before_a_break_is_not_sent_again(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch breaks in the middle: the packs that had arrived are told of."""
    project = make("first")
    filled(project, 90, size=400_000)
    bucket.fail = lambda kind, name: name.startswith("packs/") and bucket.asked["put"] > 4
    with pytest.raises(Unavailable):
        project.push(jobs=1)
    bucket.fail = lambda kind, name: False
    assert 0 < project.push().objects < 90


def test_an_interrupted_fetch_goes_on_where_it_stopped(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted
) -> None:
    first = make("first", rows=200)
    first.repro()
    for target in ("squares", "total"):  # two packs
        first.push([target])
    second = clone(first, tmp_path / "second", open_project)
    bucket.fail = lambda kind, name: kind == "get" and name.startswith(("packs/", "objects/")) and bucket.asked["x"] > 0
    got = second.fetch()
    assert got.missing == ()
    third = clone(first, tmp_path / "third", open_project)
    bucket.asked.clear()
    bucket.fail = lambda kind, name: name.startswith("packs/") and bucket.asked["get"] > 5
    with pytest.raises(Unavailable):
        third.fetch(jobs=1)
    before = sum(len(files) for _, _, files in os.walk(third.root / ".ckptflow/store/objects"))
    bucket.fail = lambda kind, name: False
    rest = third.fetch()
    assert before > 0
    assert rest.objects == got.objects - before
    assert rest.records == got.records


def test_left_out_and_missing_are_told(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    records = filled(project, 3, stage="old")
    store = project.root / ".ckptflow/store"
    (store / layout.object_name(records[0].outs["squares"].object)).unlink()
    pushed = project.push()
    assert (pushed.left_out, pushed.missing) == ({"old": 1}, ())
    lock = json.loads((project.root / "pipeline.lock").read_text())
    (store / layout.object_name(lock["stages"]["total"]["outs"]["total"]["tree"])).unlink()
    other = make("other")
    shutil.rmtree(other.root)
    shutil.copytree(project.root, other.root)
    bucket.delete(bucket.names(""))
    pushed = Project(other.root, env={"HOME": str(other.root)}).push()
    assert [m.out for m in pushed.missing] == ["data/total.json"]


def test_many_segments_are_merged(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_project: Any
) -> None:
    project = make("first")
    project.repro()
    for number in range(8):
        filled(project, 5, after=5 * number)
        project.push()
    before = bucket.names("records/")
    assert len(before) == 8
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 7)
    assert project.push().merged == 8
    assert len(bucket.names("records/")) == 1
    assert project.push().objects == 0
    second = clone(project, tmp_path / "second", open_project)
    assert second.pull().missing == ()
    filled(second, 40)
    assert second.push().records == 0, "all forty keys are in the merged segment"


def test_a_reader_meets_a_merge(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_project: Any
) -> None:
    project = make("first")
    project.repro()
    project.push()
    filled(project, 5)
    project.push()
    second = clone(project, tmp_path / "second", open_project)
    merged: list[int] = []

    def merge_now(kind: str, name: str) -> bool:
        if kind == "get" and name.startswith("records/") and not merged:
            merged.append(1)
            monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
            assert project.push().merged == 2
        return False

    bucket.fail = merge_now
    assert second.pull(jobs=1).missing == ()
    assert merged


def test_a_segment_that_a_newer_program_wrote_is_not_merged(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make("first")
    for number in range(3):
        filled(project, 5, after=5 * number)
        project.push()
    strange = "records/20990101T000000Z-ffff-000001.jsonl"
    bucket.put(strange, b'{"held2":[],"x":"0"}\n')
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
    assert project.push().merged == 3
    assert strange in bucket.names("records/")


def test_merging_that_fails_is_no_failure_of_the_push(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make("first")
    for number in range(3):
        filled(project, 5, after=5 * number)
        project.push()
    monkeypatch.setattr(pushing, "SEGMENTS_MOST", 1)
    bucket.fail = lambda kind, name: kind == "delete"
    done = project.push()
    assert (done.merged, len(done.notes)) == (0, 1)
    bucket.fail = lambda kind, name: False
    assert project.push().merged > 0
    assert project.push().objects == 0


def test_checkout_keeps_what_was_edited(make: Made, tmp_path: Path, open_project: Any) -> None:
    project = make("first")
    project.repro()
    total, squares = project.root / "data/total.json", project.root / "data/squares.parquet"
    right = total.read_bytes()
    total.unlink()
    total.write_text("by hand")
    shutil.rmtree(squares)
    with pytest.raises(OutEdited):
        project.checkout()
    assert (total.read_text(), squares.exists()) == ("by hand", False), "nothing was touched"
    done = project.checkout(force=True)
    assert {o.path: o.state for o in done.outs} == {"data/total.json": "changed", "data/squares.parquet": "added"}
    assert total.read_bytes() == right
    assert {o.state for o in project.checkout().outs} == {"unchanged"}


def test_checkout_follows_the_lock_file(make: Made) -> None:
    project = make("first")
    project.repro()
    old = (project.root / "pipeline.lock").read_text()
    right = content(project, "data")
    (project.root / "rows.csv").write_text("x\n5\n")
    project.repro()
    (project.root / "pipeline.lock").write_text(old)
    done = project.checkout()
    assert {o.state for o in done.outs} == {"changed"}
    assert content(project, "data") == right


def test_checkout_tells_what_is_missing(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make("first")
    first.repro(["squares"])
    second = clone(first, tmp_path / "second", open_project)
    done = second.checkout()
    assert [(m.out, "ckptflow pull" in m.hint) for m in done.missing] == [("data/squares.parquet", True)]
    named = second.checkout(["total"])
    assert [m.problem for m in named.missing] == ["it was not made yet: no lock file names it"]


def test_directories_travel_whole(make: Made, tmp_path: Path, open_project: Any) -> None:
    first = make(
        "first",
        PIPELINE
        + "  pages:\n    call: work:pages\n    deps: {squares: data/squares.parquet}\n    outs: {pages: {path: data/pages, format: dir}}\n",
    )
    first.repro()
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.pull(["data/pages"]).missing == ()
    assert sorted(content(second, "data/pages")) == ["data/pages/0.txt", "data/pages/1.txt", "data/pages/4.txt"]


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
    from ckptflow.checkpoints.lines import encode_record

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
    assert second.push().records == 6
    sent = "".join(bucket.get(name).decode() for name in bucket.names("records/"))
    assert '"sig"' not in sent
    assert '"from"' not in sent


def test_other_revisions_count_when_asked(make: Made, tmp_path: Path, open_project: Any) -> None:
    import subprocess

    first = make("first")

    def git(*args: str) -> None:
        command = ["git", "-C", str(first.root), "-c", "user.name=x", "-c", "user.email=x@example.org", *args]
        subprocess.run(command, check=True, capture_output=True)

    git("init", "-b", "main")
    first.repro()
    git("add", "pipeline.yaml", "pipeline.lock", "work.py", "rows.csv")
    git("commit", "-m", "one")
    git("branch", "old")
    (first.root / "rows.csv").write_text("x\n5\n")
    first.repro()
    git("add", "pipeline.lock", "rows.csv")
    git("commit", "-m", "two")
    first.push()
    second = clone(first, tmp_path / "second", open_project)
    assert second.fetch().outs == 2
    lacking = second.fetch(branches=True)
    assert (lacking.outs, len(lacking.missing)) == (4, 2), "the trees of the other branch were not sent"
    first.push(branches=True)
    both = second.fetch(branches=True)
    assert (both.outs, both.complete, both.missing) == (4, 4, ())


def test_a_damaged_object_is_told_and_the_rest_is_brought(
    make: Made, tmp_path: Path, open_project: Any, bucket: Counted
) -> None:
    first = make("first")
    first.repro()
    first.push(["squares"])
    first.push(["total"])
    (last,) = (name for name in bucket.names("records/") if b'"stage":"total"' in bucket.get(name))
    line = next(json.loads(x) for x in bucket.get(last).splitlines() if b'"held"' in x)
    name = layout.pack_name(line["pack"]) if "pack" in line else layout.object_name(line["held"][0][0])
    bucket.put(name, b"\0" * len(bucket.get(name)))
    second = clone(first, tmp_path / "second", open_project)
    pulled = second.pull()
    assert [(m.out, m.damaged) for m in pulled.missing] == [("data/total.json", True)]
    assert content(second, "data/squares.parquet") == content(first, "data/squares.parquet")


def test_a_place_that_is_no_remote(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    with pytest.raises(StoreError, match="there is no store"):
        project.fetch()
    bucket.put("something", b"else")
    with pytest.raises(StoreError, match="no store of ckptflow"):
        project.push()


def test_which_remote(make: Made) -> None:
    project = make("first", config="remotes: {one: 'memory://a', two: 'memory://b'}\n")
    with pytest.raises(UsageError, match="several remotes"):
        project.push()
    with pytest.raises(UsageError, match="there is no remote `three`"):
        project.fetch(remote="three")
    with pytest.raises(UsageError, match="there is no remote"):
        make("second", config="{}\n").push()


def test_a_run_that_could_not_send_is_made_up_for(make: Made, bucket: Counted) -> None:
    project = make("first", config=CONFIG + "sync: auto\nremote_timeout: 0.2\n")
    bucket.fail = lambda kind, name: kind == "put" and name.startswith("records/")
    project.repro()
    note = project.root / ".ckptflow/remotes/storage.unsent"
    assert note.exists()
    bucket.fail = lambda kind, name: False
    assert project.push().records == 6
    assert not note.exists()


def test_merged_segments_lose_what_is_to_be_dropped(make: Made, bucket: Counted, tmp_path: Path) -> None:
    from ckptflow.checkpoints.remote import Remote

    project = make("first")
    records = filled(project, 6)
    project.push()
    remote = Remote("x", lambda: bucket, tmp_path / "mirror", None, LocalStore(tmp_path / "store", create=True))
    remote.connect()
    remote.refresh()
    bad = records[0].outs["squares"].object
    rollup.merge(remote, remote.mirror.segments(), objects={bad}, keys={records[1].key})
    assert remote.lookup(r.key for r in records).keys() == {r.key for r in records[2:]}
    assert not remote.holds(bad)
    assert remote.holds(records[1].outs["squares"].object)
    remote.close()
