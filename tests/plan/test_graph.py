from __future__ import annotations

import pytest

from ckptflow.plan.graph import build_graph
from ckptflow.spec.model import Dep, Out, Pipeline


def graph_of(*stages):
    return build_graph(Pipeline("pipeline.yaml", {s.name: s for s in stages}))


def outs(*paths):
    return tuple(Out(p, "file") for p in paths)


def test_a_chain_in_the_files_wrong_order_comes_out_right(stage):
    graph = graph_of(stage("c", "b.parquet"), stage("b", "a.parquet"), stage("a", "raw.csv"))
    assert graph.order == ("a", "b", "c")
    assert graph.needs == {"a": (), "b": ("a",), "c": ("b",)}
    assert graph.feeds == {"a": ("b",), "b": ("c",), "c": ()}
    assert graph.upstream(["b"]) == {"a", "b"}
    assert graph.downstream(["b"]) == {"b", "c"}
    assert graph.origins["b", "x"].exact == ("a", "out")
    assert graph.origins["a", "x"].exact is None


def test_stages_of_equal_rank_keep_the_files_order(stage):
    assert graph_of(*(stage(n) for n in "dbca")).order == ("d", "b", "c", "a")


def test_a_diamond_is_walked_once(stage):
    graph = graph_of(
        stage("d", ("b.parquet", "c.parquet")), stage("b", "a.parquet"), stage("c", "a.parquet"), stage("a")
    )
    assert graph.order == ("a", "b", "c", "d")
    assert graph.upstream(["d"]) == set("abcd")


@pytest.mark.parametrize(
    ("dep", "made", "needs"),
    [
        ("out", ["out/a.txt", "out/b/c.txt", "outer.txt"], (0, 1)),
        ("out/deep/x.txt", ["out", "out2"], (0,)),
        ("out/*.txt", ["out/a.txt", "out/b.csv"], (0,)),
        (".", ["a.txt", "b/c.txt"], (0, 1)),
        ("ou", ["out"], ()),
        ("out.txt", ["out", "out.txt.bak"], ()),
    ],
)
def test_deps_that_hold_match_or_lie_inside_outs(stage, dep, made, needs):
    makers = [stage(f"m{i}", outs=outs(path)) for i, path in enumerate(made)]
    graph = graph_of(*makers, stage("reader", deps=(Dep(dep),), outs=outs("reader.done/x")))
    origin = graph.origins["reader", dep]
    assert origin.exact is None
    assert sorted(origin.after) == [f"m{i}" for i in needs]
    assert sorted(graph.needs["reader"]) == [f"m{i}" for i in needs]


def test_an_exact_out_is_named_by_its_label(stage):
    graph = graph_of(stage("a", outs=(Out("p/a", "file", "first"), Out("p/b", "file"))), stage("b", ("p/b", "p/a")))
    assert graph.origins["b", "x"].exact == ("a", "p/b")
    assert graph.origins["b", "y"].exact == ("a", "first")
    assert graph.needs["b"] == ("a",)


def test_a_thousand_stages_in_a_row(stage):
    graph = graph_of(stage("s0"), *(stage(f"s{i}", f"s{i - 1}.parquet") for i in range(1, 1000)))
    assert len(graph.upstream(["s999"])) == 1000


def test_the_order_is_that_of_the_file_with_what_is_needed_before(stage):
    names = [stage("c", ("b.parquet", "a.parquet")), stage("d"), stage("a"), stage("b"), stage("e", "d.parquet")]
    assert list(graph_of(*names).order) == ["b", "a", "c", "d", "e"]


def test_a_whole_pipeline_is_all_that_is_connected(stage):
    chain = [stage("a"), stage("b", "a.parquet"), stage("c", "b.parquet"), stage("d", "a.parquet"), stage("e")]
    graph = graph_of(*chain)
    assert graph.connected(["d"]) == {"a", "b", "c", "d"}
    assert graph.connected(["e"]) == {"e"}
