from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ckptflow.engine import push as pushing
from ckptflow.errors import StoreError, TargetNotFound, UsageError
from ckptflow.project import Project
from ckptflow.store import layout
from ckptflow.store.bucket import Unavailable
from tests.engine.transfer.world import CONFIG, PIPELINE, Counted, Made, clone, filled


@pytest.mark.parametrize("records", [10, 3000])
def test_nothing_to_push_costs_five_requests(make: Made, bucket: Counted, records: int) -> None:
    project = make("first")
    filled(project, records)
    assert project.push().records == records
    bucket.asked.clear()
    again = project.push()
    assert (again.objects, again.records, again.documents) == (0, 0, 0)
    assert bucket.asked == {"get": 1, "list": 4}
    assert again.requests == 5


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


def test_documents_follow_the_objects_they_name(make: Made, bucket: Counted) -> None:
    project = make("first")
    project.repro()
    order: list[str] = []
    bucket.fail = lambda kind, name: bool(kind == "put" and order.append(name))
    project.push()
    kinds = [name.split("/")[0] for name in order]
    assert kinds.index("checkpoints") > kinds.index("records") > kinds.index("packs")
    latest = [name for name in order if name.endswith("latest.json")]
    assert order[-len(latest) :] == latest
    assert sorted(latest) == ["checkpoints/squares/latest.json", "checkpoints/total/latest.json"]
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


def test_batches_that_share_objects_send_them_once(
    make: Made, bucket: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "BATCH_RECORDS", 10)
    project = make("first")
    filled(project, 100, alike=True)
    planned = project.push(dry=True)
    done = project.push()
    assert planned.records == done.records == 100
    assert planned.objects == done.objects == 1
