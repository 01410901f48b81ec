from __future__ import annotations

from collections.abc import Callable

import pytest

from ckptflow.errors import SpecError
from ckptflow.ids import StageName
from ckptflow.spec.catalog import Artifact, NamedDataset
from ckptflow.spec.drawing import Axis, Drawing
from ckptflow.spec.model import Pipeline

STAGES = "stages:\n  s:\n    cmd: make\n"
Load = Callable[..., Pipeline]


def test_metrics_and_params_are_paths_of_the_project(load: Load) -> None:
    text = "metrics: [m.json, ../top/m.yaml]\nparams: [p.toml]\n" + STAGES
    found = load(text, file="sub/pipeline.yaml")
    assert found.metrics == ("sub/m.json", "top/m.yaml")
    assert found.params == ("sub/p.toml",)


def test_templates_are_resolved(load: Load) -> None:
    found = load("metrics: ['${dir}/m.json']\nplots: ['${dir}/p.csv']\n" + STAGES, {"params.yaml": "dir: out"})
    assert found.metrics == ("out/m.json",)
    assert list(found.plots) == ["out/p.csv"]


@pytest.mark.parametrize("form", ["list", "mapping"])
def test_plots(load: Load, form: str) -> None:
    dash = "  - " if form == "list" else "  "
    text = (
        f"plots:\n{dash}a.csv: {{x: step, y: [loss, acc], title: T, template: scatter, header: false}}\n"
        f"{dash}both: {{x: {{a.csv: step}}, y: {{a.csv: loss, ./b.csv: [u, v]}}, x_label: X, y_label: Y}}\n"
        f"{dash}plain.json:\n"
    )
    assert load(text + STAGES, file="d/pipeline.yaml").plots == {
        "d/a.csv": Drawing((Axis("step"),), (Axis("loss"), Axis("acc")), None, None, "T", "scatter", header=False),
        "both": Drawing(
            (Axis("step", "d/a.csv"),),
            (Axis("loss", "d/a.csv"), Axis("u", "d/b.csv"), Axis("v", "d/b.csv")),
            *("X", "Y"),
        ),
        "d/plain.json": Drawing(),
    }


def test_artifacts(load: Load) -> None:
    text = (
        "artifacts:\n"
        "  model: {path: ../m.pkl, type: model, labels: ['${who}'], desc: Best, meta: {n: [1, '${who}']}}\n"
        "  ${who}: {path: s3://b/k}\n"
        "  up: {path: ../../x}\n"
    )
    found = load("vars: [{who: me}]\n" + text + STAGES, file="d/dvc.yaml")
    assert found.artifacts == (
        Artifact("model", "d/dvc.yaml", "m.pkl", "model", "Best", ("me",), {"n": [1, "me"]}),
        Artifact("me", "d/dvc.yaml", "s3://b/k"),
        Artifact("up", "d/dvc.yaml", "../x"),
    )


def test_datasets(load: Load) -> None:
    text = (
        "datasets:\n"
        "  - {name: a, type: dvc, url: https://x/y, rev: '${rev}', path: data}\n"
        "  - {name: b, type: dc, url: dc://b, more: [1]}\n"
        "  - {type: url}\n"
        "  - {name: c}\n"
    )
    found = load("vars: [{rev: 7}]\n" + text + STAGES)
    assert found.datasets == (
        NamedDataset("a", "pipeline.yaml", "dvc", "https://x/y", "data", "7"),
        NamedDataset("b", "pipeline.yaml", "dc", "dc://b"),
        NamedDataset("c", "pipeline.yaml"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("artifacts: {m: {}}", "path"),
        ("artifacts: {m: {path: x, lables: [a]}}", "lables"),
        ("artifacts: {m: {path: x, labels: a}}", "labels"),
        ("artifacts: [m]", "artifacts"),
        ("datasets: {a: {type: url}}", "datasets"),
    ],
)
def test_what_is_no_artifact_or_dataset(load: Load, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load(text + "\n" + STAGES)


def test_the_drawing_of_a_stages_plot(load: Load) -> None:
    text = (
        STAGES + "    plots:\n      - a.csv\n      - b.csv: {cache: false}\n      - c.csv: {x: t, y: v, y_label: L}\n"
    )
    a, b, c = load(text).stages[StageName("s")].outs
    assert (a.drawing, b.drawing) == (None, Drawing())
    assert c.drawing == Drawing((Axis("t"),), (Axis("v"),), None, "L")


def test_the_files_of_a_drawing() -> None:
    drawing = Drawing((Axis("t", "x.csv"),), (Axis("v", "y.csv"), Axis("w", "y.csv")))
    assert drawing.files == ("y.csv", "x.csv")
    assert drawing.is_named
    assert not Drawing((Axis("t", "x.csv"),)).is_named
