from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import Problem, SpecError
from ckptflow.ids import StageName
from ckptflow.spec.document import pipeline_from_json, pipeline_to_json
from ckptflow.spec.graph import upstream
from ckptflow.spec.load import load_pipeline
from ckptflow.spec.model import (
    ByBuckets,
    ByRanges,
    ByValues,
    Cut,
    Dep,
    OnError,
    Out,
    OutKind,
    OverBytes,
    OverFiles,
    OverParts,
    OverRows,
    Pipeline,
    Stage,
)
from ckptflow.spec.table import STAGE

Load = Callable[..., Pipeline]
Mistakes = Callable[..., tuple[Problem, ...]]

PIPELINES = Path(__file__).parents[2].parent / "shared" / "dvc-pipelines"


def only(pipeline: Pipeline) -> Stage:
    (stage,) = pipeline.stages.values()
    return stage


def test_a_stage_with_everything(load: Load) -> None:
    text = """\
stages:
  s:
    call: pkg.mod:fn
    args: {x: 1, y: ["${a.b}", 2.0], v: {w: null}}
    deps:
      t: t.parquet
      u: {path: u.bin, format: arrow, columns: [a, b]}
    outs:
      o: o.parquet
      p: {path: p/, cache: false, persist: true, push: false, workspace: false, desc: a directory}
    metrics: {m: m.json}
    plots: {q: q.feather}
    params: [a.b, "other.json": [k.z]]
    chunk: {by: {t: k, u: [a, b]}, rows: 10, cut: fixed}
    env: {A: 010, B: b, C: true, D: "${a.b}"}
    workers: 2
    retries: 3
    backoff: 2s
    timeout: 1.5h
    on_error: continue
    packages: [numpy, pandas, numpy]
    version: [1, x]
    rowwise: true
    frozen: true
    always_changed: true
    desc: what ${it} is
    meta: {k: 1}
"""
    stage = only(load(text, {"params.yaml": "a: {b: 7}", "other.json": '{"k": {"z": [1]}}'}))
    assert stage == Stage(
        name=stage.name,
        call="pkg.mod:fn",
        args={"x": 1, "y": [7, 2.0], "v": {"w": None}},
        deps=(Dep("t.parquet", "t"), Dep("u.bin", "u", "arrow", ("a", "b"))),
        outs=(
            Out("o.parquet", "parquet", "o"),
            Out("p", "dir", "p", OutKind.OUT, False, True, False, False, "a directory"),
            Out("m.json", "json", "m", OutKind.METRIC),
            Out("q.feather", "arrow", "q", OutKind.PLOT),
        ),
        params={"a.b": 7, "other.json:k.z": [1]},
        chunk=ByRanges({"t": ("k",), "u": ("a", "b")}, 10, Cut.FIXED),
        env={"A": "010", "B": "b", "C": "true", "D": "7"},
        workers=2,
        retries=3,
        backoff=2.0,
        timeout=5400.0,
        on_error=OnError.CONTINUE,
        packages=("numpy", "pandas"),
        version=[1, "x"],
        rowwise=True,
        frozen=True,
        always_changed=True,
        desc="what ${it} is",
        meta={"k": 1},
    )
    assert stage.place is not None
    assert (stage.place.line, stage.place.column, stage.place.text) == (2, 3, "  s:")


@pytest.mark.parametrize(
    ("chunk", "spec"),
    [
        ("{over: t}", OverParts("t")),
        ("{over: t, rows: 5}", OverRows("t", 5)),
        ("{over: t, rows: 5, cut: fixed}", OverRows("t", 5, Cut.FIXED)),
        ("{over: t, bytes: 64MiB}", OverBytes("t", 64 * 1024**2)),
        ("{over: t, bytes: 100, cut: content}", OverBytes("t", 100)),
        ("{over: t, files: 3}", OverFiles("t", 3)),
        ("{by: {u: a, t: [b, c]}, rows: 9}", ByRanges({"u": ("a",), "t": ("b", "c")}, 9)),
        ("{by: {u: a}, into: 256}", ByBuckets({"u": ("a",)}, 256)),
        ("{by: {u: a}}", ByValues({"u": ("a",)})),
    ],
)
def test_chunk_forms(load: Load, chunk: str, spec: object) -> None:
    stage = only(load(f"stages: {{s: {{call: m:f, deps: {{t: t.csv, u: u.csv}}, chunk: {chunk}}}}}"))
    assert stage.chunk == spec
    if isinstance(spec, ByRanges):
        assert list(stage.chunk.by) == list(spec.by)  # type: ignore[union-attr]  # the first one leads


def test_chunk_names_unnamed_deps_by_path(load: Load) -> None:
    text = "stages: {s: {call: m:f, wdir: d, deps: [t.csv], chunk: {over: ./t.csv, rows: 5}}}"
    assert only(load(text)).chunk == OverRows("d/t.csv", 5)


@pytest.mark.parametrize(
    ("path", "explicit", "call", "cmd"),
    [
        ("a.parquet", None, "parquet", "parquet"),
        ("a.PARQUET", None, "parquet", "parquet"),
        ("a.arrow", None, "arrow", "file"),
        ("a.feather", None, "arrow", "file"),
        ("a.pkl", None, "pickle", "file"),
        ("a.pickle", None, "pickle", "file"),
        ("a.json", None, "json", "file"),
        ("a.npy", None, "npy", "file"),
        ("a.csv", None, "file", "file"),
        ("a", None, "file", "file"),
        ("a/", None, "dir", "file"),
        ("a.b/c", None, "file", "file"),
        ("a.json", "text", "text", "text"),
        ("a", "dir", "dir", "dir"),
    ],
)
def test_formats_of_outs(load: Load, path: str, explicit: str | None, call: str, cmd: str) -> None:
    out = f"{{path: {path}, format: {explicit}}}" if explicit else path
    assert only(load(f"stages: {{s: {{call: m:f, outs: {{o: {out}}}}}}}")).outs[0].format == call
    assert only(load(f"stages: {{s: {{cmd: x, outs: {{o: {out}}}}}}}")).outs[0].format == cmd


def test_formats_can_be_added() -> None:
    class Texts:
        def read(self, path: str) -> str | None:
            return "stages: {s: {call: m:f, outs: {o: {path: a, format: zarr}}}}" if path == "p.yaml" else None

    with pytest.raises(SpecError):
        load_pipeline("p.yaml", Texts())
    assert only(load_pipeline("p.yaml", Texts(), formats=frozenset({"zarr"}))).outs[0].format == "zarr"


def test_lists_keep_the_meaning_of_dvc(load: Load) -> None:
    text = """\
stages:
  s:
    cmd:
    - a
    - b c
    deps:
    - x.csv
    - d/: {columns: [k]}
    outs:
    - o.csv:
        cache: false
        remote: r
    - p:
    metrics:
    - m.json: {cache: false}
    plots:
    - q.csv: {x: a, y: b, template: linear}
"""
    stage = only(load(text))
    assert stage.cmd == ("a", "b c")
    assert [(d.label, d.name, d.columns) for d in stage.deps] == [("x.csv", None, None), ("d", None, ("k",))]
    assert [(o.label, o.name, o.cache, o.kind) for o in stage.outs] == [
        ("o.csv", None, False, OutKind.OUT),
        ("p", None, True, OutKind.OUT),
        ("m.json", None, False, OutKind.METRIC),
        ("q.csv", None, True, OutKind.PLOT),
    ]


def test_paths_are_relative_to_the_file_and_wdir(load: Load) -> None:
    text = "stages: {s: {cmd: x, wdir: ../w, deps: [a, ../../b, /abs/c], outs: [o], params: [n, p.toml: [k]]}}"
    others = {"sub/w/params.yaml": "n: 1", "sub/w/p.toml": "k = 2", "sub/d/params.yaml": "n: 9"}
    pipeline = load(text, others, file="sub/d/dvc.yaml")
    stage = only(pipeline)
    assert stage.wdir == "sub/w"
    assert [d.path for d in stage.deps] == ["sub/w/a", "b", "/abs/c"]
    assert stage.outs[0].path == "sub/w/o"
    assert stage.params == {"n": 1, "p.toml:k": 2}
    assert pipeline.reads == ("sub/d/dvc.yaml", "sub/w/params.yaml", "sub/w/p.toml")


def test_params(load: Load) -> None:
    text = """\
stages:
  s:
    cmd: x
    params:
    - a.b
    - list.1
    - none
    - params.yaml: [c]
    - model.json
    - ./conf/o.yaml: [x.y, z]
    - conf/o.toml:
    - model.json: []
"""
    others = {
        "params.yaml": "a: {b: {deep: [1]}}\nlist: [5, 6]\nnone: null\nc: 3\nmodel: {json: 4}\n",
        "conf/o.yaml": "x: {y: true}\nz: 1.5\n",
        "conf/o.toml": "k = 'v'\n",
        "model.json": "[1]",
    }
    assert only(load(text, others)).params == {
        "a.b": {"deep": [1]},
        "list.1": 6,
        "none": None,
        "c": 3,
        "params.yaml:model.json": 4,  # told apart from the file model.json
        "conf/o.yaml:x.y": True,
        "conf/o.yaml:z": 1.5,
        "conf/o.toml": {"k": "v"},
        "model.json": [1],
    }


def test_vars_are_merged_deeply(load: Load) -> None:
    text = """\
vars:
- a: {c: 2}
- conf.yaml
- part.json:x.y,z
- conf.yaml
stages:
  s:
    call: m:f
    vars: [{local: 9}]
    args: {a: "${a}", d: "${d}", x: "${x}", z: "${z}", l: "${local}"}
  t:
    call: m:f
    args: {a: "${a}"}
"""
    others = {
        "params.yaml": "a: {b: 1}",
        "conf.yaml": "d: 3\nagain: 1\n",
        "part.json": '{"x": {"y": 4, "no": 5}, "z": 6, "no": 7}',
    }
    s, t = load(text, others).stages.values()
    assert s.args == {"a": {"b": 1, "c": 2}, "d": 3, "x": {"y": 4}, "z": 6, "l": 9}
    assert t.args == {"a": {"b": 1, "c": 2}}


def test_a_foreach_makes_a_stage_for_each_item(load: Load) -> None:
    text = """\
stages:
  plain: {foreach: [a, 1, true, 0.5, a], do: {cmd: "x ${item}"}}
  mapped: {foreach: {us: {n: 1}, uk: {n: 2}}, do: {cmd: "x ${key} ${item.n}"}}
  mixed: {foreach: [{n: 3}, 4], do: {call: "m:f", args: {i: "${item}"}}}
  given: {foreach: "${names}", do: {cmd: "x '${item}'", wdir: "${item}", vars: [v.yaml], outs: ["${v}"]}}
  none: {foreach: [], do: {cmd: x}}
"""
    others = {"params.yaml": "names: [p, q r]", "p/v.yaml": "v: one", "q r/v.yaml": "v: two"}
    stages = load(text, others).stages
    assert {name: stage.cmd for name, stage in stages.items() if stage.cmd} == {
        "plain@a": ("x a",),
        "plain@1": ("x 1",),
        "plain@true": ("x true",),
        "plain@0.5": ("x 0.5",),
        "mapped@us": ("x us 1",),
        "mapped@uk": ("x uk 2",),
        "given@p": ("x 'p'",),
        "given@q r": ("x 'q r'",),
    }
    assert [stages[StageName(f"mixed@{i}")].args["i"] for i in (0, 1)] == [{"n": 3}, 4]
    assert [o.path for s in stages.values() for o in s.outs] == ["p/one", "q r/two"]
    assert {s.group for s in stages.values()} == {"plain", "mapped", "mixed", "given"}


def test_a_matrix_makes_a_stage_for_each_combination(load: Load) -> None:
    text = """\
vars: [{sizes: [1, 2]}]
stages:
  s:
    matrix: {size: "${sizes}", kind: [a, {deep: 1}], flag: [true]}
    cmd: x ${key} ${item.size} ${item.flag}
    params: [n]
"""
    stages = load(text, {"params.yaml": "n: 7"}).stages
    assert {name: stage.cmd for name, stage in stages.items()} == {
        "s@1-a-true": ("x 1-a-true 1 true",),
        "s@1-kind1-true": ("x 1-kind1-true 1 true",),
        "s@2-a-true": ("x 2-a-true 2 true",),
        "s@2-kind1-true": ("x 2-kind1-true 2 true",),
    }
    assert all(stage.params == {"n": 7} for stage in stages.values())


def test_a_stage_or_group_as_a_dep_is_all_of_its_outs(load: Load) -> None:
    text = """\
stages:
  make: {foreach: [a, b], do: {cmd: x, outs: ["${item}.txt", {"${item}.log": {cache: false}}]}}
  quiet: {cmd: y}
  all: {cmd: z, deps: [b.txt, {stage: make}, {stage: quiet}]}
  one: {cmd: z, deps: [{stage: make@a}, {stage: sub/dvc.yaml:far}]}
"""
    files = {"pipeline.yaml": text, "sub/dvc.yaml": "stages: {far: {cmd: x, outs: [o]}}"}
    stages = load_pipeline("pipeline.yaml", Texts(files), others=["sub/dvc.yaml"]).stages
    assert [d.path for d in stages[StageName("all")].deps] == ["b.txt", "a.txt", "a.log", "b.log"]
    assert stages[StageName("all")].after == ("quiet",)
    assert [d.path for d in stages[StageName("one")].deps] == ["a.txt", "a.log", "sub/o"]
    assert upstream(stages)[StageName("all")] == ("quiet", "make@b", "make@a")


def test_files_of_several_directories_are_one_pipeline(load: Load) -> None:
    files = {
        "dvc.yaml": "stages: {top: {cmd: x, deps: [a/o], outs: [data]}}",
        "a/dvc.yaml": "stages: {s: {cmd: 'x ${p}', deps: [../raw], outs: [o]}}",
        "a/params.yaml": "p: 1",
        "data/deep/dvc.yaml": "not: a pipeline",
    }
    pipeline = load_pipeline("dvc.yaml", Texts(files), others=["a/dvc.yaml", "data/deep/dvc.yaml"])
    assert list(pipeline.stages) == ["top", "a/dvc.yaml:s"]
    stage = pipeline.stages[StageName("a/dvc.yaml:s")]
    assert (stage.file, stage.local, stage.wdir, stage.cmd) == ("a/dvc.yaml", "s", "a", ("x 1",))
    assert [d.path for d in stage.deps] == ["raw"]
    assert pipeline.files == ("dvc.yaml", "a/dvc.yaml")
    assert pipeline.reads == ("dvc.yaml", "a/dvc.yaml", "a/params.yaml")
    with pytest.raises(SpecError) as caught:
        load_pipeline("dvc.yaml", Texts({**files, "b/dvc.yaml": "stages: {s: {cmd: x, outs: [../a/o]}}"}),
                      others=["a/dvc.yaml", "b/dvc.yaml"])  # fmt: skip
    assert [(p.code, str(p.place)) for p in caught.value.problems] == [("CF153", "b/dvc.yaml:1:29")]


def test_deps_may_lie_outside_of_the_project_or_be_urls(load: Load) -> None:
    stage = only(load("stages: {s: {cmd: x, deps: [../a, ../../b/../c, 'https://host/x?y=1', s3://b/k]}}"))
    assert [d.path for d in stage.deps] == ["../a", "../../c", "https://host/x?y=1", "s3://b/k"]


@pytest.mark.parametrize("others", [{}, {"best.yaml": "lr: 1"}])
def test_params_from_a_file_that_a_stage_writes_are_a_dep_on_it(load: Load, others: dict[str, str]) -> None:
    text = """\
stages:
  tune: {cmd: x, outs: [best.yaml]}
  train: {cmd: y, deps: [d], params: [n, {best.yaml: [lr, wd]}]}
"""
    pipeline = load(text, {"params.yaml": "n: 1", **others})
    train = pipeline.stages[StageName("train")]
    assert [d.path for d in train.deps] == ["d", "best.yaml"]
    assert train.params == {"n": 1}
    assert upstream(pipeline.stages)[train.name] == ("tune",)
    assert "best.yaml" not in (*pipeline.reads, *pipeline.absent)


def test_stage_names_as_dvc_takes_them(load: Load) -> None:
    names = ["train-v1.2", "a/b", "x_y", "größe", "a+b=c,d~e"]
    pipeline = load("stages: {" + ", ".join(f"'{name}': {{cmd: x}}" for name in names) + "}")
    assert list(pipeline.stages) == names


def test_a_stage_s_vars_stay_its_own(mistakes: Mistakes) -> None:
    text = "stages:\n  s: {cmd: x, vars: [{v: {w: 1}}]}\n  t: {cmd: 'x ${v.w}'}\n"
    assert [p.code for p in mistakes(text)] == ["CF131"]


def test_what_is_read_and_what_is_not_there_is_noted(load: Load) -> None:
    plain = load("stages: {s: {cmd: x}}", {"params.yaml": "a: 1"})
    assert (plain.reads, plain.absent) == (("pipeline.yaml",), ())
    templated = load("vars: [{b: 1}]\nstages: {s: {cmd: 'x ${b}'}}")
    assert (templated.reads, templated.absent) == (("pipeline.yaml",), ("params.yaml",))
    full = load(
        "vars: [v.json]\nstages: {s: {cmd: 'x ${b}', params: [a]}}", {"params.yaml": "a: 1", "v.json": '{"b": 2}'}
    )
    assert (full.reads, full.absent) == (("pipeline.yaml", "params.yaml", "v.json"), ())


def test_broken_params_matter_only_where_they_are_used(load: Load, mistakes: Mistakes) -> None:
    broken = {"params.yaml": "a: ["}
    load("stages: {s: {cmd: x}}", broken)
    found = mistakes("stages: {s: {cmd: 'x ${a}'}}", broken)
    assert [(p.code, p.place and p.place.file) for p in found] == [("CF101", "params.yaml")]


def test_names_are_not_reported_as_unknown_when_vars_are_broken(mistakes: Mistakes) -> None:
    assert [p.code for p in mistakes("vars: {a: 1}\nstages: {s: {cmd: 'x ${a}'}}")] == ["CF111"]
    assert [p.code for p in mistakes("vars: [none.yaml]\nstages: {s: {cmd: 'x ${a}'}}")] == ["CF140"]
    assert [p.code for p in mistakes("stages: {s: {vars: [none.yaml], cmd: 'x ${a}'}}")] == ["CF140"]


def test_a_missing_pipeline_is_a_problem() -> None:
    class Nothing:
        def read(self, path: str) -> str | None:
            return None

    with pytest.raises(SpecError) as caught:
        load_pipeline("pipeline.yaml", Nothing())
    assert [p.code for p in caught.value.problems] == ["CF140"]


def test_all_mistakes_are_reported_in_the_order_of_the_file(mistakes: Mistakes) -> None:
    text = """\
stages:
  a:
    cal: x
    cmd: echo ${nope} ${y}
    dpes: [x]
    outs: [b.csv, b.csv/c]
    chunk: {over: z}
  b:
    call: foo
    deps: {x: a/b.csv}
    workers: many
    params: [bad.json: [x]]
vasr: []
"""
    found = mistakes(text, {"bad.json": "{"})
    assert [(p.code, p.place and p.place.file, p.place and p.place.line) for p in found] == [
        ("CF110", "pipeline.yaml", 3),
        ("CF131", "pipeline.yaml", 4),
        ("CF131", "pipeline.yaml", 4),
        ("CF110", "pipeline.yaml", 5),
        ("CF154", "pipeline.yaml", 6),
        ("CF161", "pipeline.yaml", 7),
        ("CF122", "pipeline.yaml", 9),
        ("CF111", "pipeline.yaml", 11),
        ("CF110", "pipeline.yaml", 13),
        ("CF101", "bad.json", 1),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("stages: {s: {cmd: x, dpes: [a]}}", "`deps`"),
        ("stages: {s: {cmd: x, otus: [a]}}", "`outs`"),
        ("stages: {s: {cmd: x, on_eror: fail}}", "`on_error`"),
        ("stage: {}", "`stages`"),
        ("stages: {s: {cmd: 'x ${lerning_rate}'}}", "`learning_rate`"),
        ("stages: {s: {cmd: 'x ${train.epoch}'}}", "`epochs`"),
        ("stages: {s: {cmd: x, params: [train.epoch]}}", "`epochs`"),
        ("stages: {s: {cmd: x, on_error: contineu}}", "`continue`"),
        ("stages: {s: {cmd: x, outs: {o: {path: o, format: parket}}}}", "`parquet`"),
        ("stages: {s: {call: m:f, deps: {nodes: n}, chunk: {over: node}}}", "`nodes`"),
        ("stages: {s: {cmd: x, outs: {o: {path: o, cahce: true}}}}", "`cache`"),
        ("stages: {s: {cmd: x, frozen: yes}}", "write true"),
        ("stages: {s: {cmd: 'x ${HOME}'}}", "\\${"),
    ],
)
def test_did_you_mean(mistakes: Mistakes, text: str, hint: str) -> None:
    (problem,) = mistakes(text, {"params.yaml": "learning_rate: 1\ntrain: {epochs: 3}\n"})
    assert hint in (problem.hint or "")


def test_a_cycle_is_named_in_full(mistakes: Mistakes) -> None:
    text = """\
stages:
  x: {cmd: x, deps: [c], outs: [x]}
  a: {cmd: x, deps: [c], outs: [a]}
  b: {cmd: x, deps: [a], outs: [b]}
  c: {cmd: x, deps: [b], outs: [c]}
"""
    (problem,) = mistakes(text)
    assert "a -> b -> c -> a" in problem.message
    assert problem.place is not None
    assert problem.place.line == 3


def test_one_bad_field_does_not_hide_what_the_stage_writes(mistakes: Mistakes) -> None:
    text = "stages:\n  a: {cmd: x, workers: no, outs: [o]}\n  b: {cmd: x, outs: [o]}\n"
    assert [p.code for p in mistakes(text)] == ["CF111", "CF153"]


def test_a_bad_dep_is_not_reported_a_second_time_by_what_names_it(mistakes: Mistakes) -> None:
    text = "stages: {s: {call: m:f, deps: {t: '${nope}'}, chunk: {over: t}}}"
    assert [p.code for p in mistakes(text)] == ["CF131"]


def test_a_hopeless_file_is_still_answered(mistakes: Mistakes) -> None:
    text = "stages:\n  s:\n    cmd: x\n" + "".join(f"    kye{i}: 1\n" for i in range(3000))
    assert len(mistakes(text)) == 3000


def test_the_cached_form_holds_the_whole_pipeline(load: Load) -> None:
    pipeline = load(
        "stages: {s: {call: m:f, args: {x: 1}, deps: {t: t}, outs: {o: o}, chunk: {over: t, rows: 2}, params: [a]}}",
        {"params.yaml": "a: {b: [1, 2.0, null]}"},
    )
    assert pipeline_from_json(pipeline_to_json(pipeline)) == pipeline


def test_every_code_is_documented() -> None:
    root = Path(__file__).parents[2]
    sources = "".join(path.read_text() for path in (root / "ckptflow" / "spec").glob("*.py"))
    used = set(re.findall(r'"(CF\d{3})"', sources))
    documented = set(re.findall(r"^\| (CF\d{3}) \|", (root / "docs" / "errors.md").read_text(), re.MULTILINE))
    assert len(used) > 40
    assert used <= documented


POOL = st.sampled_from(
    [
        "x",
        "",
        "m:f",
        "a.csv",
        "${a}",
        "${a.b} x",
        "${",
        "../x",
        "/x",
        "*",
        "auto",
        "5m",
        "64MiB",
        None,
        True,
        0,
        3,
        -1,
        1.5,
    ]
)
KEYS = st.sampled_from([*sorted(STAGE.fields), "x", "", "${a}", "${a.b}", "../x", "path", "format"])
ANY = st.recursive(
    POOL, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
NODE: dict[str, st.SearchStrategy[object]] = {
    "deps": st.dictionaries(st.sampled_from("ab"), POOL) | st.lists(POOL) | ANY,
    "outs": st.dictionaries(st.sampled_from("cd"), POOL) | st.lists(POOL) | ANY,
    "chunk": st.dictionaries(st.sampled_from(["over", "by", "rows", "bytes", "files", "into", "cut"]), ANY) | ANY,
}
STAGES = st.fixed_dictionaries({}, optional={name: NODE.get(name, ANY) for name in STAGE.fields})


@given(st.dictionaries(st.sampled_from(["s", "t"]), STAGES | ANY, max_size=2), ANY)
def test_whatever_stands_in_a_file_it_is_a_pipeline_or_a_spec_error(stages: object, vars_: object) -> None:
    for document in ({"stages": stages, "vars": vars_}, {"stages": stages}):
        try:
            load_pipeline("pipeline.yaml", Texts({"pipeline.yaml": json.dumps(document), "params.yaml": "a: {b: 1}"}))
        except SpecError as error:
            assert error.problems
            assert all(problem.place for problem in error.problems)


class Texts:
    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def read(self, path: str) -> str | None:
        return self._texts.get(path)


class Below:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> str | None:
        full = self._root / path
        return full.read_text() if full.is_file() else None


def test_real_pipelines_are_read() -> None:
    if not PIPELINES.is_dir():
        pytest.skip(f"no real pipelines at {PIPELINES.name}")
    for project in sorted(PIPELINES.iterdir()):
        if project.is_dir():
            files = sorted(f.relative_to(project).as_posix() for f in project.rglob("dvc.yaml"))
            pipeline = load_pipeline(files[0], Below(project), others=files)
            expected = {line.strip('"') for line in (project / "EXPECTED-stages.txt").read_text().splitlines()}
            assert set(pipeline.stages) == expected, project.name
            edges = {f'"{up}" -> "{name}"' for name, ups in upstream(pipeline.stages).items() for up in ups}
            assert edges == set((project / "EXPECTED-edges.txt").read_text().splitlines()), project.name
