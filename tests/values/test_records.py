from __future__ import annotations

import pytest

from ckptflow.errors import CkptflowError, FieldMissing, SpecError, ValuesMalformed
from ckptflow.spec.drawing import Axis, Drawing
from ckptflow.values.records import Line, data_files, label, lines, read_records

ROWS = [{"step": 0, "acc": 0.1, "loss": 2.0}, {"step": 1, "acc": 0.2, "loss": 1.0}]


def test_csv_and_tsv() -> None:
    assert read_records("a.csv", "\ufeffx,y\n1,2.5\n\n-3,te xt,5\n7\n") == [
        *({"x": 1, "y": 2.5}, {"x": -3, "y": "te xt"}, {"x": 7, "y": None})
    ]
    assert read_records("a.tsv", "x\ty\n1_0\t1e3\n") == [{"x": "1_0", "y": 1000.0}]
    assert read_records("a.csv", "1,2\n3,4\n", header=False) == [{"0": 1, "1": 2}, {"0": 3, "1": 4}]
    assert read_records("a.csv", 'a\n"x\ny"\n') == [{"a": "x\ny"}]


def test_json_and_yaml() -> None:
    assert read_records("a.json", '[{"a": 1}, {"a": 2, "b": 3}]') == [{"a": 1}, {"a": 2, "b": 3}]
    text = "train:\n  - {a: 1}\n  - {a: 2}\ntest: {x: [{b: 5}], list: [1, 2]}\n"
    assert read_records("a.yaml", text) == [{"a": 1, "b": 5}, {"a": 2}]


@pytest.mark.parametrize(
    ("path", "text", "error"),
    [
        ("a.csv", "", ValuesMalformed),
        ("a.csv", "x,y\n", ValuesMalformed),
        ("a.csv", 'x\n"' + "a" * 200_000 + '"\n', ValuesMalformed),
        ("a.json", "{}", ValuesMalformed),
        ("a.json", "[1, 2]", ValuesMalformed),
        ("a.json", "[", SpecError),
        ("a.yaml", "a: [", SpecError),
        ("a.txt", "x", ValuesMalformed),
    ],
)
def test_what_cannot_be_drawn(path: str, text: str, error: type[CkptflowError]) -> None:
    with pytest.raises(error):
        read_records(path, text)


def test_defaults_are_the_last_field_by_number() -> None:
    assert lines("p.csv", Drawing(), {"p.csv": ROWS}) == (Line("p.csv", "loss", (0, 1), (2.0, 1.0)),)


def test_several_fields_and_files() -> None:
    drawing = Drawing((Axis("step"),), (Axis("acc", "p.csv"), Axis("v", "q.csv")))
    files = {"p.csv": ROWS, "q.csv": [{"step": 5, "v": 1}, {"step": 6, "v": 2}]}
    assert data_files("both", drawing) == ("p.csv", "q.csv")
    assert lines("both", drawing, files) == (
        Line("p.csv", "acc", (0, 1), (0.1, 0.2)),
        Line("q.csv", "v", (5, 6), (1, 2)),
    )
    joined = Drawing((Axis("step", "p.csv"),), (Axis("v", "q.csv"),))
    assert data_files("joined", joined) == ("q.csv", "p.csv")
    assert lines("joined", joined, files) == (Line("q.csv", "v", (0, 1), (1, 2)),)


def test_what_does_not_fit_together() -> None:
    with pytest.raises(FieldMissing) as caught:
        lines("p.csv", Drawing(y=(Axis("los"),)), {"p.csv": ROWS})
    assert caught.value.hint == "did you mean `loss`?"
    with pytest.raises(ValuesMalformed, match="1 values of step and 2 of acc"):
        short = {"p.csv": ROWS, "q.csv": [{"step": 1}]}
        lines("x", Drawing((Axis("step", "q.csv"),), (Axis("acc", "p.csv"),)), short)
    with pytest.raises(ValuesMalformed, match="2 fields for x and 1 for y"):
        lines("p.csv", Drawing((Axis("step"), Axis("acc")), (Axis("loss"),)), {"p.csv": ROWS})


def test_labels() -> None:
    assert label((), "step", "x") == "step"
    assert label((Axis("a"), Axis("a", "f")), "step", "x") == "a"
    assert label((Axis("a"), Axis("b")), "step", "x") == "x"
