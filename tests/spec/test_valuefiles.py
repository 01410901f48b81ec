from __future__ import annotations

import pytest

from ckptflow.errors import Problem
from ckptflow.spec.valuefiles import ValueFiles


class Texts:
    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.asked: list[str] = []

    def read(self, path: str) -> str | None:
        self.asked.append(path)
        return self.texts.get(path)


def load(path: str, text: str) -> tuple[object, list[str]]:
    problems: list[Problem] = []
    file = ValueFiles(Texts({path: text}), problems).load(path)
    assert file.there
    assert file.sound == (not problems)
    return file.value, [p.code for p in problems]


def test_the_kinds_of_files() -> None:
    assert load("p.yaml", "a: on\n1: x\n")[0] == {"a": "on", "1": "x"}
    assert load("p.yml", "") == (None, [])
    assert load("p.conf", "a: 1")[0] == {"a": 1}
    assert load("p.json", '\ufeff{"a": [1, null, "\\ud83d\\ude00"]}')[0] == {"a": [1, None, "😀"]}
    assert load("p.toml", "a = 1\n[t]\nd = 2024-01-02\nx = [{y = 1979-05-27T07:32:00Z}]\n")[0] == {
        "a": 1,
        "t": {"d": "2024-01-02", "x": [{"y": "1979-05-27T07:32:00+00:00"}]},
    }


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        ("p.json", "[" * 200_000, "CF103"),
        ("p.json", "[" * 150 + "]" * 150, "CF103"),
        ("p.json", "{", "CF101"),
        ("p.json", "9" * 5000, "CF109"),
        ("p.json", '{"a": 1, "a": 1}', "CF105"),
        ("p.json", " " * 10_000_001, "CF102"),
        ("p.toml", "a = " + "[" * 100_000, "CF103"),
        ("p.toml", ".".join(["a"] * 200) + " = 1", "CF103"),
        ("p.toml", "a = 1\na = 2\n", "CF101"),
        ("p.toml", "a = " + "9" * 5000, "CF109"),
        ("p.py", "X = = 1", "CF101"),
        ("p.py", "X = \0", "CF101"),
        ("p.py", "X = " + "[" * 150 + "]" * 150, "CF103"),
        ("p.py", "X = " + "-" * 100_000 + "1", "CF103"),
        ("p.py", "#" * 10_000_001, "CF102"),
        ("p.yaml", "a: [", "CF101"),
    ],
)
def test_bad_files(path: str, text: str, code: str) -> None:
    assert load(path, text)[1] == [code]


def test_each_file_is_read_once_and_all_are_noted() -> None:
    texts = Texts({"b.yaml": "a: [", "a.yaml": "1"})
    problems: list[Problem] = []
    files = ValueFiles(texts, problems)
    for path in ("b.yaml", "a.yaml", "none.yaml", "b.yaml", "none.yaml", "a.yaml"):
        files.load(path)
    assert texts.asked == ["b.yaml", "a.yaml", "none.yaml"]
    assert files.reads == ("b.yaml", "a.yaml")
    assert files.absent == ("none.yaml",)
    assert len(problems) == 1
