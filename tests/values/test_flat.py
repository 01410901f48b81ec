from __future__ import annotations

from ckptflow.values.flat import Change, compare, flatten, numbers_and_texts, shown

NAN = float("nan")


def test_nested_values_have_dotted_names() -> None:
    value = {"a": {"b": 1, "c": {"d": "x"}}, "e": [1, {"f": None}], "none": None, "empty": {}}
    assert flatten(value) == {"a.b": 1, "a.c.d": "x", "e": "[1, {'f': None}]", "none": None}
    assert flatten(0.5) == {"": 0.5}


def test_metrics_are_numbers_and_texts() -> None:
    value = {"a": 1, "ok": True, "s": "x", "l": [1], "n": None, "m": {"l": [1]}, "d": {"f": 0.5}}
    assert numbers_and_texts(value) == {"a": 1, "ok": True, "s": "x", "d": {"f": 0.5}}
    assert numbers_and_texts([1]) is None
    assert numbers_and_texts(3) == 3


def test_changes_by_file_and_name() -> None:
    old = {"b.json": {"x": 1, "same": 2, "gone": 1}, "a.json": {"y": [1]}, "was.json": 5}
    new = {"b.json": {"x": 3, "same": 2.0}, "a.json": {"y": [2]}, "came.json": {"z": "t"}}
    found = compare(old, new)
    assert list(found) == ["a.json", "b.json", "came.json", "was.json"]
    assert found["b.json"] == {"gone": Change(1, None), "x": Change(1, 3)}
    assert found["b.json"]["x"].to_json() == {"old": 1, "new": 3, "diff": 2}
    assert found["a.json"]["y"].to_json() == {"old": "[1]", "new": "[2]"}
    assert found["came.json"]["z"].to_json() == {"old": None, "new": "t"}
    assert found["was.json"] == {"": Change(5, None)}
    assert compare(old, new, unchanged=True)["b.json"]["same"] == Change(2, 2.0)


def test_what_is_no_change() -> None:
    assert compare({"f": {"n": NAN, "x": None}}, {"f": {"n": NAN}}) == {}
    assert compare({"f": {}}, {"f": None}) == {}
    assert list(compare({"f": {"n": NAN}}, {"f": {"n": 1.0}})) == ["f"]


def test_how_values_are_shown() -> None:
    assert [shown(v, 2) for v in (None, True, 1, 1.23456, "a", 12345678.0)] == [
        *("-", "true", "1", "1.23", "a", "12345678.0")
    ]
    assert shown(0.1 + 0.2) == "0.30000000000000004"
