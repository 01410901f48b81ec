from __future__ import annotations

import pytest

from ckptflow.engine.targets import ReproOptions, check_chunks, resolve, select
from ckptflow.errors import TargetNotFound, UsageError
from ckptflow.ids import StageName
from ckptflow.plan.graph import build_graph
from ckptflow.spec.model import Dep, Out, OverRows, Pipeline, Stage


def stage(name, *deps, outs=None, **fields):
    return Stage(
        StageName(name),
        cmd=("x",),
        deps=tuple(Dep(d) for d in deps),
        outs=tuple(Out(o, "file") for o in (outs or [f"{name}.txt"])),
        **fields,
    )


PIPELINE = Pipeline(
    "pipeline.yaml",
    {
        s.name: s
        for s in (
            stage("a", chunk=OverRows("raw", 1)),
            stage("b", "a.txt", outs=["data/b", "b2.txt"]),
            stage("c", "data/b"),
            stage("train@de", "c.txt", chunk=OverRows("c.txt", 1)),
            stage("train@fr", "c.txt", chunk=OverRows("c.txt", 1)),
        )
    },
    files=("pipeline.yaml",),
)
FAILED = {"a": frozenset({1, 4})}


def chosen(*targets, **options):
    graph = build_graph(PIPELINE)
    return select(PIPELINE, graph, targets, ReproOptions(**options), lambda s: FAILED.get(s, frozenset()))


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("b", ["b"]),
        ("data/b", ["b"]),
        ("./data/b/", ["b"]),
        ("data/b/part-000001.parquet", ["b"]),
        ("b2.txt", ["b"]),
        ("pipeline.yaml", list(PIPELINE.stages)),
        ("train", ["train@de", "train@fr"]),
        ("train@fr", ["train@fr"]),
        ("train@*", ["train@de", "train@fr"]),
        ("?", ["a", "b", "c"]),
    ],
)
def test_names(target, found):
    assert list(resolve(PIPELINE, target)) == found


@pytest.mark.parametrize(("target", "hint"), [("trian@de", "train@de"), ("data/bb", "data/b"), ("", "stages are a")])
def test_names_of_nothing(target, hint):
    with pytest.raises(TargetNotFound) as error:
        resolve(PIPELINE, target)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("targets", "options", "stages", "pinned", "forced"),
    [
        ((), {}, "a b c train@de train@fr", "", ""),
        (("b",), {}, "a b", "", ""),
        (("b",), {"single_item": True}, "b", "a", ""),
        (("b",), {"downstream": True}, "b c train@de train@fr", "a", ""),
        (("c",), {"downstream": True, "single_item": True}, "c train@de train@fr", "a b", ""),
        (("b",), {"force": True}, "a b", "", "a b"),
        (("b",), {"force": True, "single_item": True}, "b", "a", "b"),
        (("b",), {"pipeline": True}, "a b c train@de train@fr", "", ""),
        ((), {"from_stage": "c"}, "a b c train@de train@fr", "", "c train@de train@fr"),
        (("b",), {"from_stage": "train@fr"}, "a b c train@fr", "", "train@fr"),
    ],
)
def test_selections(targets, options, stages, pinned, forced):
    found = chosen(*targets, **options)
    assert (found.stages, found.pinned, found.forced) == tuple(frozenset(x.split()) for x in (stages, pinned, forced))


def picked(selection, name):
    return [i for i in range(10) if selection.chunks[name](i)]


def test_chunks():
    assert picked(chosen("a#3"), "a") == [3]
    assert picked(chosen("a#3..5", "a#8"), "a") == [3, 4, 5, 8]
    assert picked(chosen("a#failed"), "a") == [1, 4]
    assert picked(chosen("a#stale"), "a") == list(range(10))
    assert picked(chosen("train#2"), "train@de") == picked(chosen("train#2"), "train@fr") == [2]
    assert chosen("a#3", "a").chunks == {}, "the whole stage was asked for too"
    assert chosen("b").chunks == {}


def test_retry_failed():
    assert picked(chosen(retry_failed=True), "a") == [1, 4]
    assert set(chosen(retry_failed=True).chunks) == {"a"}
    assert picked(chosen("a", retry_failed=True), "a") == [1, 4]


def test_chunks_of_what_has_none():
    with pytest.raises(UsageError, match="has no chunks"):
        chosen("b#1")
    with pytest.raises(TargetNotFound):
        chosen("nothing#1")
    with pytest.raises(TargetNotFound):
        chosen("a#x")


def test_chunks_that_are_not_there():
    check_chunks(PIPELINE, ["a#3", "a#2..90", "b", "a#failed"], {"a": 4})
    check_chunks(PIPELINE, ["a#99"], {})
    for target, hint in (("a#4", "`a#0` to `a#3`"), ("a#4..9", "`a#0` to `a#3`"), ("a#3..1", "a#1..3")):
        with pytest.raises(TargetNotFound) as error:
            check_chunks(PIPELINE, [target], {"a": 4})
        assert hint in error.value.hint
    with pytest.raises(TargetNotFound) as error:
        check_chunks(PIPELINE, ["a#0"], {"a": 0})
    assert error.value.hint == "it has no chunks"
