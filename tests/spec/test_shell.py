from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.spec.shell import Quoting

NASTY = [
    "a b",
    "$HOME",
    "`id`",
    "$(id)",
    "'",
    '"',
    "\\",
    "a\nb",
    ";ls",
    "*",
    "",
    "#x",
    'it\'s "q" $X `y` \\z',
    "~",
    "!x",
]
FRAMES = [
    ("printf %s ", ""),
    ("printf %s '", "'"),
    ('printf %s "', '"'),
    ("printf %s x\\ '\"'", ""),
    ('printf %s "\'"', ""),
]


def put(before: str, value: str) -> str | None:
    quoting = Quoting()
    quoting.feed(before)
    return quoting.quoted(value)


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize(("before", "after"), FRAMES)
def test_the_shell_reads_the_value_as_text(before: str, after: str, value: str) -> None:
    quoted = put(before, value)
    assert quoted is not None
    empty = subprocess.run(["/bin/sh", "-c", before + "MARK" + after], capture_output=True)
    got = subprocess.run(["/bin/sh", "-c", before + quoted + after], capture_output=True)
    assert got.stdout.decode() == empty.stdout.decode().replace("MARK", value)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["x", " ", "'", '"', "\\", "\\'", "a'b c'", '"d e"', "${", "$X", "#", " # c'\n"]), max_size=6
    ),
    st.sampled_from(NASTY),
)
def test_no_value_gets_out_of_its_place(pieces: list[str], value: str) -> None:
    """Whatever stands before, a value that is written is read as itself: never run, never split."""
    before = "printf '%s|' " + "".join(pieces)
    quoted, mark = put(before, value), put(before, "MARK")
    if quoted is None or mark is None:
        return
    quoting = Quoting()
    quoting.feed(before)
    closing = {"SINGLE": "'", "DOUBLE": '"', "BARE": "", "COMMENT": ""}[quoting._state.name]
    marked = subprocess.run(["/bin/sh", "-c", before + mark + closing], capture_output=True, env={"X": "1"})
    got = subprocess.run(["/bin/sh", "-c", before + quoted + closing], capture_output=True, env={"X": "1"})
    if marked.returncode == 0:
        assert got.stdout.decode() == marked.stdout.decode().replace("MARK", value)


@pytest.mark.parametrize(
    "before",
    ["cat <<E\n", "echo `", "echo $(cat ", "echo $'", "x # ", 'echo "$(', "echo ${X:-", 'echo "`', "diff <(cat "],
)
def test_where_the_place_is_not_sure_only_plain_text_is_taken(before: str) -> None:
    assert put(before, "a/b-c.d") == "a/b-c.d"
    assert put(before, "a b") is None


def test_values_that_the_run_would_replace_are_refused() -> None:
    assert put("x ", "${chunk.in}") is None
    assert put("x ", "a\0b") is None


def test_a_value_is_no_part_of_a_variable_s_name() -> None:
    assert put("echo $", "HOME") is None
    assert put("echo $HO", "ME") == "'ME'"
    assert put('echo "$HO', "ME") is None
    assert put('echo "\\$', "5") == "5"
    assert put("echo '$", "HOME") == "HOME"


def test_a_chunk_template_is_no_expansion() -> None:
    assert put("cp ${chunk.in} ", "a b") == "'a b'"


def test_text_after_a_value_is_followed_too() -> None:
    quoting = Quoting()
    quoting.feed('echo "')
    assert quoting.quoted("$a") == "\\$a"
    quoting.feed('" ')
    assert quoting.quoted("$a") == "'$a'"
    quoting.feed("#")  # stands in a word, so it begins no comment
    quoting.feed(" '")
    assert quoting.quoted("it's") == "it'\\''s"
