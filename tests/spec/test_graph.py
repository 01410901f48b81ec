from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from ckptflow.ids import StageName
from ckptflow.spec.graph import Outs, cycles, upstream
from ckptflow.spec.model import Dep, Out, Stage
from ckptflow.spec.paths import is_glob, names, names_below


def stage(name: str, deps: list[str], outs: list[str]) -> Stage:
    return Stage(
        name=StageName(name),
        cmd=("x",),
        deps=tuple(Dep(path) for path in deps),
        outs=tuple(Out(path, "file") for path in outs),
    )


def edges(*stages: Stage) -> dict[str, tuple[str, ...]]:
    return {str(k): tuple(v) for k, v in upstream({s.name: s for s in stages}).items()}


def test_a_dep_meets_an_out_that_is_at_in_or_above_it() -> None:
    one = stage("one", [], ["d/x", "e"])
    for dep in (
        "d/x",
        "d/x/part",
        "d",
        "e/a/b",
        "d/*",
        "e/*.csv",
        "e/**",
        "*/x",
        "*/*.csv",
        "d/*/y",
        "**/z",
        "e/a/[b]",
    ):
        assert edges(one, stage("two", [dep], []))["two"] == ("one",), dep
    for dep in ("d/y", "d/xy", "dd", "f/*", "d/x0", "/d/x", "*.csv", "d/y/*", "f/**"):
        assert edges(one, stage("two", [dep], []))["two"] == (), dep


def test_a_glob_that_goes_on_behind_a_wildcard_does_not_look_into_files() -> None:
    one = stage("one", [], ["d/x.bin", "e/v1.0"])
    for dep in ("**/*.py", "d/**/*.py", "d/*/y"):
        assert "d/x.bin" not in Outs([one]).met_by(dep), dep
    for dep in ("d/*", "d/*.bin", "**", "**/*.bin", "d/x.bin/*", "d/x.bin/**/y", "d/x.bin/y*"):
        assert "d/x.bin" in Outs([one]).met_by(dep), dep
    assert Outs([one]).met_by("e/*/y") == ["e/v1.0"]


def test_a_dep_with_the_name_of_an_out_is_no_pattern() -> None:
    assert edges(stage("a", [], ["x[1].csv"]), stage("b", [], ["x1.csv"]), stage("c", ["x[1].csv"], [])) == {
        "a": (),
        "b": (),
        "c": ("a",),
    }


def test_the_whole_project_as_dep_meets_all_outs() -> None:
    assert edges(stage("a", [], ["x"]), stage("b", [], ["y/z"]), stage("c", ["."], []))["c"] == ("a", "b")


PATHS = st.lists(st.sampled_from(["a", "b", "c", "a0", "a-"]), min_size=1, max_size=3).map("/".join)
GLOBS = st.lists(st.sampled_from(["a", "b", "*", "a*", "**"]), min_size=1, max_size=3).map("/".join)


@given(st.lists(PATHS, max_size=8, unique=True), PATHS | GLOBS)
def test_the_index_agrees_with_the_definition(outs: list[str], dep: str) -> None:
    def meets(out: str) -> bool:
        if is_glob(dep):
            return names(dep, out) or names_below(dep, out)
        return out == dep or out.startswith(dep + "/") or dep.startswith(out + "/")

    found = Outs([stage(f"s{i}", [], [out]) for i, out in enumerate(outs)]).met_by(dep)
    assert found == ([dep] if dep in outs else sorted(filter(meets, outs)))


@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7)), max_size=8))
def test_cycles_are_found_exactly_where_there_is_no_order(graph: dict[int, set[int]]) -> None:
    names = {StageName(str(k)): tuple(StageName(str(v)) for v in sorted(vs) if v in graph) for k, vs in graph.items()}
    found = cycles(names)
    try:
        TopologicalSorter(names).prepare()
        assert found == []
    except CycleError:
        assert found
    seen: set[StageName] = set()
    for ring in found:
        for before, after in zip(ring, (*ring[1:], ring[0]), strict=True):
            assert before in names[after]
        assert seen.isdisjoint(ring)
        seen.update(ring)
    left = {k: tuple(v for v in vs if v not in seen) for k, vs in names.items() if k not in seen}
    TopologicalSorter(left).prepare()
