from __future__ import annotations

from ckptflow.spec.drawing import Axis, Drawing
from ckptflow.values.charts import Picture, chart
from ckptflow.values.records import Line

ONE = Line("p.csv", "loss", (0, 1), (2.0, None))
OTHER = Line("p.csv", "acc", (0, 1), (0.1, 0.2))


def test_words_are_inferred_where_nothing_is_said() -> None:
    found = chart("p.csv", Drawing(template="nope"), [("HEAD", (ONE,)), ("workspace", (ONE,))])
    assert (found.title, found.x_label, found.y_label, found.template) == ("p.csv", "step", "loss", "linear")
    assert found.versions == ("HEAD", "workspace")
    assert chart("p", Drawing((Axis("t"),)), [("w", (ONE, OTHER))]).y_label == "y"
    said = Drawing((Axis("t"),), x_label="X", y_label="Y", title="T", template="scatter")
    found = chart("p.csv", said, [("w", (ONE,))])
    assert (found.title, found.x_label, found.y_label, found.template) == ("T", "X", "Y", "scatter")


def test_json() -> None:
    (doc,) = chart("p.csv", Drawing(), [("w", (ONE, OTHER))]).to_json()
    assert doc["revisions"] == ["w"]
    assert doc["datapoints"]["w"][1] == {"x": 1, "y": None, "file": "p.csv", "field": "loss"}
    assert len(doc["datapoints"]["w"]) == 4
    assert Picture("i.png", (("w", "image/png", b"x"),)).to_json() == [
        {"type": "image", "revisions": ["w"], "url": "data:image/png;base64,eA=="}
    ]
