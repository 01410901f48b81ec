from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import Problem
from ckptflow.spec.compose import MOST_CHARACTERS, MOST_DEPTH, compose, core_scalar
from ckptflow.spec.nodes import Mapping, Scalar, Sequence, to_value


def value_of(text: str) -> object:
    problems: list[Problem] = []
    document = compose("f.yaml", text, problems)
    assert document is not None
    assert problems == []
    return to_value(document.root)


def codes(text: str) -> list[str]:
    problems: list[Problem] = []
    compose("f.yaml", text, problems)
    return [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2024-01-02", "2024-01-02"),
        ("0", 0),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("+7", 7),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e1", -5.0),
        (".", "."),
        ("e3", "e3"),
        ("1e", "1e"),
        ("1.2.3", "1.2.3"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.inf", math.inf),
        (".Inf", math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1.0),
        ("!!null ~", None),
        ("!!bool true", True),
        ("|\n  12\n", "12\n"),
        (">-\n  a\n  b\n", "a b"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(f"k: {text}")
    assert found == {"k": value}
    assert type(found["k"]) is type(value)  # type: ignore[index]


def test_nan() -> None:
    found = core_scalar(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    problems: list[Problem] = []
    document = compose("f.yaml", text, problems)
    assert document is not None or problems
    for problem in problems:
        assert problem.place is not None


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_as_python_writes_them_are_numbers(number: float) -> None:
    assert core_scalar(repr(number)) == number
    assert type(core_scalar(repr(number))) is type(number)


def test_positions_are_those_of_characters() -> None:
    problems: list[Problem] = []
    document = compose("f.yaml", "ä: ö\r\nkéy:   'value'\n", problems)
    assert document is not None
    assert isinstance(document.root, Mapping)
    key, value = document.root.pairs[1]
    assert (key.line, key.column, key.length) == (2, 1, 3)
    assert (value.line, value.column, value.length) == (2, 8, 7)
    assert document.source.place(value).text == "kéy:   'value'"


def test_a_byte_order_mark_moves_nothing() -> None:
    document = compose("f.yaml", "\ufeffab: 1\n", [])
    assert document is not None
    assert isinstance(document.root, Mapping)
    key, value = document.root.pairs[0]
    assert (key.text, key.column, value.column) == ("ab", 1, 5)
    assert document.source.place(value).text == "ab: 1"


def test_aliases_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, x: 0}\ntwo: {<<: [*b, *m], w: *b}\n"
    assert value_of(text) == {
        "base": {"x": 1, "y": 2},
        "more": {"y": 3, "z": 4},
        "one": {"x": 0, "y": 2},
        "two": {"w": {"x": 1, "y": 2}, "x": 1, "y": 2, "z": 4},
    }


def test_an_alias_means_the_anchor_before_it() -> None:
    assert value_of("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value_of("'<<': {x: 1}\n") == {"<<": {"x": 1}}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize("times", [MOST_DEPTH + 1, 200_000])
def test_deep_nesting_is_refused(opening: str, times: int) -> None:
    assert codes(opening * times) == ["CF103"]


def test_deep_indentation_is_refused() -> None:
    assert codes("\n".join(" " * i + "a:" for i in range(2000))) == ["CF103"]


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert codes("[" * MOST_DEPTH + "]" * MOST_DEPTH) == []
    assert codes("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1)) == ["CF103"]


def test_depth_through_aliases_is_refused() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 150)]
    assert codes("\n".join(lines)) == ["CF103"]


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert codes("\n".join(lines)) == ["CF104"]


def test_a_bomb_of_merges_is_refused() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{j}: 1" for j in range(100)) + "}"]
    lines += [f"a{i}: {{<<: *a0}}" for i in range(1, 2000)]
    assert codes("\n".join(lines)) == ["CF104"]


def test_too_large_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes("#" * (MOST_CHARACTERS + 1)) == ["CF102"]
    monkeypatch.setattr("ckptflow.spec.compose.MOST_NODES", 1000)
    assert codes("[" + "1," * 1001 + "1]") == ["CF102"]


def test_all_mistakes_that_leave_a_tree_are_found() -> None:
    problems: list[Problem] = []
    document = compose("f.yaml", "a: 1\na: 2\nb: !x 3\nb: 4\n", problems)
    assert document is not None
    assert [(p.code, p.place and p.place.line) for p in problems] == [("CF105", 2), ("CF106", 3), ("CF105", 4)]
    assert to_value(document.root) == {"a": 1, "b": "3"}


def test_hints_name_the_remedy() -> None:
    def hint(text: str) -> str | None:
        problems: list[Problem] = []
        compose("f.yaml", text, problems)
        return problems[0].hint

    assert "spaces" in (hint("a:\n\tb: 1\n") or "")
    assert "quotes" in (hint("a: b: c\n") or "")
    assert "quotes" in (hint("a: {b: ${c}}\n") or "")
    assert "quotes" in (hint("a: @b\n") or "")


def test_nodes_have_the_kinds_of_their_text() -> None:
    document = compose("f.yaml", "[a, {b: c}]", [])
    assert document is not None
    assert isinstance(document.root, Sequence)
    assert [type(item) for item in document.root.items] == [Scalar, Mapping]
