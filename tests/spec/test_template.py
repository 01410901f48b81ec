from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.spec.findings import Findings, Source
from ckptflow.spec.model import Pipeline, Value
from ckptflow.spec.nodes import Scalar, to_value
from ckptflow.spec.shell import OptionStyle, Unquotable, options
from ckptflow.spec.template import Templates, Unknown, look_up

VALUES = {
    "n": 4,
    "f": 0.5,
    "yes": True,
    "no": False,
    "none": None,
    "text": "a b",
    "list": [1, [2, {"x": 3}]],
    "map": {"a-b": {"c": "deep"}, "0": "zero"},
    "with space": 1,
    "flags": "--lr 0.1 --name x",
    "evil": "x; rm y",
}


def resolve(text: str, *, cmd: bool = False, chunked: bool = False, own: Iterable[str] = ()) -> object:
    findings = Findings(Source.of("f.yaml", text))
    templates = Templates(dict(VALUES), findings, chunked, own=frozenset(own))
    node = Scalar(1, 1, len(text), text, text)
    found = (templates.resolve_command if cmd else templates.resolve)(node)
    assert findings.problems == []
    return to_value(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${n}", 4),
        ("${ n }", 4),
        ("${f}", 0.5),
        ("${yes}", True),
        ("${none}", None),
        ("${text}", "a b"),
        ("${list}", [1, [2, {"x": 3}]]),
        ("${list[1]}", [2, {"x": 3}]),
        ("${list[1][1].x}", 3),
        ("${list.0}", 1),
        ("${list[-2]}", 1),
        ("${map[ a-b ].c}", "deep"),
        ("${with space}", 1),
        ("${map}", VALUES["map"]),
        ("${map.a-b.c}", "deep"),
        ("${map[a-b].c}", "deep"),
        ("${map.0}", "zero"),
    ],
)
def test_an_exact_template_keeps_the_type(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x${n}y", "x4y"),
        ("${n}${n}", "44"),
        (" ${n}", " 4"),
        ("${f}/${yes}/${no}", "0.5/true/false"),
        ("x${none}", "xNone"),
        ("\\${n}", "${n}"),
        ("\\${n} ${n}", "${n} 4"),
        ("$n $(n) {n}", "$n $(n) {n}"),
        ("a\n${text}\n", "a\na b\n"),
    ],
)
def test_inside_a_text_values_are_rendered(text: str, value: str) -> None:
    assert resolve(text) == value


def test_values_in_commands_are_quoted_for_their_place() -> None:
    assert resolve("echo ${text} '${text}' \"${text}\" ${n}", cmd=True) == "echo 'a b' 'a b' \"a b\" 4"
    assert resolve("echo \\${HOME} ${n}", cmd=True) == "echo ${HOME} 4"
    assert resolve("${text}", cmd=True) == "a b"  # the whole command


def test_plain_words_of_the_pipeline_file_itself_stay_words() -> None:
    assert resolve("x ${flags}", cmd=True) == "x '--lr 0.1 --name x'"
    assert resolve("x ${flags}", cmd=True, own={"flags"}) == "x --lr 0.1 --name x"
    assert resolve("x '${flags}'", cmd=True, own={"flags"}) == "x '--lr 0.1 --name x'"
    assert resolve("x ${evil}", cmd=True, own={"evil"}) == "x 'x; rm y'"


def test_a_mapping_becomes_options() -> None:
    values: dict[str, Value] = {
        "a": 1, "b": "x y", "c": True, "d": False, "e": [1, "q r"], "f": {"g": 2.5, "h": {"i": None}}, "j": [],
    }  # fmt: skip
    assert options(values, OptionStyle()) == "--a 1 --b 'x y' --c --e 1 'q r' --f.g 2.5 --f.h.i None"
    assert options({"d": False, "e": [1, 2]}, OptionStyle(negative=True, repeat=True)) == "--no-d --e 1 --e 2"
    for odd in ({"a b": 1}, {"a": [[1]]}, {"$(x)": 1}):
        with pytest.raises(Unquotable):
            options(odd, OptionStyle())  # type: ignore[arg-type]


def test_chunk_templates_are_left_for_the_run() -> None:
    text = "f ${chunk.in} ${chunk.in.a b} ${n} ${chunk.index} > ${chunk.out}"
    assert resolve(text, cmd=True, chunked=True) == text.replace("${n}", "4")
    assert resolve("${chunk.in}", cmd=True, chunked=True) == "${chunk.in}"


def test_a_param_called_chunk_can_be_used_outside_cmd(load: Callable[..., Pipeline]) -> None:
    text = "stages: {s: {call: m:f, deps: {t: t.csv}, chunk: {over: t, rows: '${chunk.rows}'}}}"
    chunk = load(text, {"params.yaml": "chunk: {rows: 7}"}).stages["s"].chunk  # type: ignore[index]
    assert chunk.rows == 7  # type: ignore[union-attr]


def test_look_up_says_what_is_missing_and_what_is_there() -> None:
    with pytest.raises(Unknown) as caught:
        look_up(dict(VALUES), ["map", "c"])
    assert (caught.value.step, caught.value.known) == ("c", ("a-b", "0"))
    for steps in (["list", "2"], ["list", "-3"], ["list", "x"], ["n", "x"], ["none", "x"]):
        with pytest.raises(Unknown):
            look_up(dict(VALUES), steps)


@given(st.text(max_size=30).filter(lambda text: "${" not in text))
def test_texts_without_templates_are_left_alone(text: str) -> None:
    assert resolve(text) == text
    assert resolve(text, cmd=True) == text
