from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import Place
from ckptflow.ids import StageName
from ckptflow.spec.catalog import Artifact, NamedDataset
from ckptflow.spec.document import pipeline_from_json, pipeline_to_json
from ckptflow.spec.drawing import Axis, Drawing
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

text = st.text(max_size=5)
value: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
count = st.integers(1, 10)
cut = st.sampled_from(Cut)
columns = st.lists(text, max_size=2).map(tuple)
by = st.dictionaries(text, columns, max_size=2)
chunk = st.one_of(
    st.none(),
    st.builds(OverParts, text),
    st.builds(OverRows, text, count, cut),
    st.builds(OverBytes, text, count, cut),
    st.builds(OverFiles, text, count, cut),
    st.builds(ByRanges, by, count, cut),
    st.builds(ByBuckets, by, count),
    st.builds(ByValues, by),
)
place = st.none() | st.builds(Place, text, count, count)
dep = st.builds(Dep, text, st.none() | text, st.none() | text, st.none() | columns, place)
axes = st.lists(st.builds(Axis, text, st.none() | text), max_size=2).map(tuple)
drawing = st.builds(Drawing, axes, axes, *(st.none() | text,) * 4, st.booleans())
out = st.builds(
    Out,
    *(text, text, st.none() | text, st.sampled_from(OutKind)),
    *(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.none() | text, st.none() | drawing, place),
)
stage = st.builds(
    Stage,
    name=text.map(StageName),
    call=st.none() | text,
    cmd=st.lists(text, max_size=2).map(tuple),
    wdir=text,
    args=st.dictionaries(text, value, max_size=2),
    deps=st.lists(dep, max_size=2).map(tuple),
    outs=st.lists(out, max_size=2).map(tuple),
    params=st.dictionaries(text, value, max_size=2),
    chunk=chunk,
    env=st.dictionaries(text, text, max_size=2),
    workers=st.none() | count,
    retries=st.integers(0, 3),
    backoff=st.sampled_from([0.5, 1.0]),
    timeout=st.none() | st.floats(0.1, 10),
    on_error=st.sampled_from(OnError),
    packages=st.none() | columns,
    version=value,
    rowwise=st.booleans(),
    frozen=st.booleans(),
    always_changed=st.booleans(),
    desc=st.none() | text,
    meta=value,
    place=place,
)
said = st.none() | text
artifact = st.builds(Artifact, text, text, text, said, said, columns, value)
dataset = st.builds(NamedDataset, text, text, said, said, said, said)
pipeline = st.builds(
    Pipeline,
    text,
    st.lists(stage, max_size=3, unique_by=lambda s: s.name).map(lambda found: {s.name: s for s in found}),
    *(columns,) * 5,
    st.dictionaries(text, drawing, max_size=2),
    st.lists(artifact, max_size=2).map(tuple),
    st.lists(dataset, max_size=2).map(tuple),
)


def typed(value: Any) -> Any:
    """Return `value` so that 1, 1.0 and true differ, and the order of keys counts."""
    match value:
        case dict():
            return [(key, typed(each)) for key, each in value.items()]
        case list() | tuple():
            return [type(value), *(typed(each) for each in value)]
        case _:
            return type(value), value


@given(pipeline)
def test_a_pipeline_comes_back_as_it_was(pipeline: Pipeline) -> None:
    back = pipeline_from_json(json.loads(json.dumps(pipeline_to_json(pipeline))))
    assert back == pipeline
    assert list(back.stages) == list(pipeline.stages)
    for name, stage in pipeline.stages.items():
        other = back.stages[name]
        assert other.place == stage.place
        for field in ("args", "params", "version", "meta", "timeout", "retries", "env"):
            assert typed(getattr(other, field)) == typed(getattr(stage, field)), field


def test_another_format_is_refused() -> None:
    doc = pipeline_to_json(Pipeline("p.yaml", {}))
    with pytest.raises(ValueError, match="format"):
        pipeline_from_json({**doc, "format": 99})


def test_defaults_take_no_space() -> None:
    doc = pipeline_to_json(Pipeline("p.yaml", {StageName("s"): Stage(StageName("s"), cmd=("x",))}))
    assert doc["stages"] == [{"name": "s", "cmd": ("x",)}]
