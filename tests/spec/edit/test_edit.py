"""What each edit does to a text, and which edits are refused: before and after, as people would see it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from difflib import unified_diff
from typing import Any

import pytest

from ckptflow.errors import EditRefused, TargetNotFound, UsageError
from ckptflow.spec.edit import fields, stages
from ckptflow.spec.edit.changes import Delete, Put
from ckptflow.spec.edit.edition import Edition, check
from ckptflow.spec.edit.references import redirected
from ckptflow.spec.edit.splicing import excerpt
from ckptflow.spec.edit.typed import Assignment, Op, parse_assignment, parse_chunk, parse_params, parse_value

PLAIN = """\
stages:
  load:
    cmd: python load.py
    deps:
    - raw.csv
    outs:
    - a.csv
    - b.csv:
        cache: false
"""


class Files:
    """Project files in memory."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def read(self, path: str) -> str | None:
        return self.texts.get(path)


def dedent(text: str) -> str:
    return textwrap.dedent(text).removeprefix("\n")


def edition(text: str) -> Edition:
    return Edition.begin("pipeline.yaml", text)


def assigned(text: str, *asked: str, stage: str = "load", unset: tuple[str, ...] = ()) -> str:
    wanted = [*map(parse_assignment, asked), *(Assignment(key, Op.UNSET) for key in unset)]
    after = fields.assign(edition(text), stage, wanted)
    after.check_data()
    return after.result


def changed_lines(before: str, after: str) -> list[str]:
    """Return the lines that went (`-`) and came (`+`)."""
    lines = [*unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)][2:]
    return [f"{line[0]} {line[1:]}".rstrip() for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (["cmd=python load.py --fast"], ["-     cmd: python load.py", "+     cmd: python load.py --fast"]),
        (["cmd=echo a: b # c"], ["-     cmd: python load.py", '+     cmd: "echo a: b # c"']),
        (["retries=3"], ["+     retries: 3"]),
        (["desc=Load it"], ["+     desc: Load it"]),
        (["params=[a, b]"], ["+     params:", "+     - a", "+     - b"]),
        (["chunk.over=raw.csv", "chunk.rows=5"], ["+     chunk: {over: raw.csv, rows: 5}"]),
        (["deps+=more.csv"], ["+     - more.csv"]),
        (["deps+=raw.csv"], []),
        (["deps.0=other.csv"], ["-     - raw.csv", "+     - other.csv"]),
        (["deps.raw.csv=other.csv"], ["-     - raw.csv", "+     - other.csv"]),
        (["outs.0.cache=false"], ["-     - a.csv", "+     - a.csv:", "+         cache: false"]),
        (["outs.a.csv.cache=false"], ["-     - a.csv", "+     - a.csv:", "+         cache: false"]),
        (["outs.1.persist=true"], ["+         persist: true"]),
        (["outs.b.csv.cache=true"], ["-         cache: false", "+         cache: true"]),
        (["outs-=a.csv"], ["-     - a.csv"]),
        (["outs-=b.csv"], ["-     - b.csv:", "-         cache: false"]),
        (["deps-=raw.csv"], ["-     deps:", "-     - raw.csv"]),
        (["cmd+=echo"], ["-     cmd: python load.py", "+     cmd:", "+     - python load.py", "+     - echo"]),
        (["env.A='1'"], ['+     env: {A: "1"}']),
        (["params+=lr"], ["+     params:", "+     - lr"]),
        (["params+=o.yaml:a,b"], ["+     params:", "+     - o.yaml:", "+       - a", "+       - b"]),
        (["args={lr: ${lr}}"], ['+     args: {lr: "${lr}"}']),
        (["retries=0"], ["+     retries: 0"]),
        (["cmd=true"], ["-     cmd: python load.py", '+     cmd: "true"']),
        (["desc=5"], ['+     desc: "5"']),
        (["deps+=2024"], ['+     - "2024"']),
        (["env.A=1"], ["+     env: {A: 1}"]),
        (["version=1.50"], ["+     version: 1.5"]),
        (["cmd=[a, b]"], ["-     cmd: python load.py", "+     cmd:", "+     - a", "+     - b"]),
    ],
)  # fmt: skip
def test_setting_fields(asked: list[str], lines: list[str]) -> None:
    assert changed_lines(PLAIN, assigned(PLAIN, *asked)) == lines


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("deps", ["-     deps:", "-     - raw.csv"]),
        ("outs.1.cache", ["-     - b.csv:", "-         cache: false", "+     - b.csv"]),
        ("outs.b.csv.cache", ["-     - b.csv:", "-         cache: false", "+     - b.csv"]),
        ("outs.0", ["-     - a.csv"]),
    ],
)
def test_unsetting_fields(key: str, lines: list[str]) -> None:
    assert changed_lines(PLAIN, assigned(PLAIN, unset=(key,))) == lines


def test_a_field_stands_where_people_look_for_it() -> None:
    text = assigned(PLAIN, "frozen=true", "wdir=sub", "desc=x", "params=[a]", "metrics=[m.json]")
    keys = [line.strip().partition(":")[0] for line in text.splitlines() if line[:4] == "    " and line[4] not in " -"]
    assert keys == ["desc", "cmd", "wdir", "deps", "params", "outs", "metrics", "frozen"]


def test_named_places() -> None:
    text = dedent("""
        stages:
          load:
            call: m:f
            deps: {raw: raw.csv}
            outs:
              table: table.parquet   # kept
        """)
    after = assigned(text, "deps.more=more.csv", "deps+=third=c.csv", "outs.table.cache=false")
    assert changed_lines(text, after) == [
        "-     deps: {raw: raw.csv}",
        "+     deps: {raw: raw.csv, more: more.csv, third: c.csv}",
        "-       table: table.parquet   # kept",
        "+       table: {path: table.parquet, cache: false}   # kept",
    ]
    assert assigned(after, unset=("outs.table.cache", "deps.more", "deps.third")) == text
    assert assigned(after, "deps-=more.csv", "deps-=third", unset=("outs.table.cache",)) == text


def test_the_fields_of_a_group_stand_below_do() -> None:
    text = dedent("""
        stages:
          fit:
            foreach: [a, b]
            do:
              cmd: fit ${item}
        """)
    after = assigned(text, "deps+=x.csv", "foreach=[a, b, c]", stage="fit")
    assert changed_lines(text, after) == [
        "-     foreach: [a, b]",
        "+     foreach: [a, b, c]",
        "+       deps:",
        "+         - x.csv",
    ]
    assert changed_lines(text, stages.freeze(edition(text), "fit").result) == ["+       frozen: true"]


def test_a_new_stage_is_written_as_its_neighbours_are() -> None:
    text = dedent("""
        stages:
            load:
                cmd: 'a: b'
                deps: [raw.csv]
                outs:
                -   a.csv
        """)
    new = {"outs": ["b.csv"], "cmd": "it's: so", "deps": ["a.csv", "x.py"], "chunk": {"over": "a.csv", "rows": 2}}
    after = stages.add(edition(text), "next", new)
    after.check_data()
    assert after.result == text + (
        "\n"
        "    next:\n"
        '        cmd: "it\'s: so"\n'
        "        deps: [a.csv, x.py]\n"
        "        chunk: {over: a.csv, rows: 2}\n"
        "        outs:\n"
        "        -   b.csv\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "stages:\n  a:\n    cmd: x\n"),
        ("# nothing yet", "# nothing yet\nstages:\n  a:\n    cmd: x\n"),
        ("---\n# nothing yet\n...\n", "---\n# nothing yet\nstages:\n  a:\n    cmd: x\n...\n"),
        ("stages:\n", "stages:\n  a:\n    cmd: x\n"),
        ("stages: # none yet\nvars: []\n", "stages: # none yet\n  a:\n    cmd: x\nvars: []\n"),
        ("stages: {}\n", "stages:\n  a:\n    cmd: x\n"),
        ("stages: {}  # none yet", "stages:  # none yet\n  a:\n    cmd: x"),
        ("stages: null\n", "stages:\n  a:\n    cmd: x\n"),
        ("stages: ~\nvars: []\n", "stages:\n  a:\n    cmd: x\nvars: []\n"),
        ("vars: []\n", "vars: []\n\nstages:\n  a:\n    cmd: x\n"),
        ("vars: []", "vars: []\n\nstages:\n  a:\n    cmd: x"),
        ("vars: []\r\n# end\r\n", "vars: []\r\n# end\r\n\r\nstages:\r\n  a:\r\n    cmd: x\r\n"),
        ("{}\n", "{stages: {a: {cmd: x}}}\n"),
        ("stages: {b: {cmd: y}}\n", "stages: {b: {cmd: y}, a: {cmd: x}}\n"),
        ('{"stages": {}}\n', '{"stages": {"a": {"cmd": "x"}}}\n'),
        ("stages:\n  b:\n    cmd: y", "stages:\n  b:\n    cmd: y\n\n  a:\n    cmd: x"),
        (
            "stages:\n  b:\n    cmd: y\n  c:\n    cmd: z\n  # d: later\n",
            "stages:\n  b:\n    cmd: y\n  c:\n    cmd: z\n  # d: later\n  a:\n    cmd: x\n",
        ),
        (
            "stages:\n  b:\n    cmd: |\n      y\n\n\nvars: []\n",
            "stages:\n  b:\n    cmd: |\n      y\n\n  a:\n    cmd: x\n\n\nvars: []\n",
        ),
    ],
)
def test_a_first_stage(before: str, after: str) -> None:
    made = stages.add(edition(before), "a", {"cmd": "x"})
    made.check_data()
    assert made.result == after


def test_force_changes_the_stage_that_is_there_field_by_field() -> None:
    text = PLAIN.replace("cmd: python load.py", "cmd: python load.py   # as ever") + "    retries: 1\n"
    after = stages.add(edition(text), "load", {"cmd": "python load.py", "deps": ["new.csv"], "desc": "d"}, force=True)
    after.check_data()
    assert after.result == dedent("""
        stages:
          load:
            desc: d
            cmd: python load.py   # as ever
            deps:
            - new.csv
        """)


SECTIONS = """\
stages:
  # ----- data -----

  # loads it
  load:
    cmd: a   # x
    # frozen: true

  # ----- models -----
  # fits it
  fit:
    cmd: b
    deps:
    - c

      # deep
  # fits it later
  #refit: {}

  end:
    cmd: c
"""


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("load", range(3, 8)),
        ("fit", range(9, 16)),
        ("end", range(18, 21)),
    ],
)
def test_comments_of_a_removed_stage_go_and_those_of_others_stay(name: str, gone: range) -> None:
    lines = SECTIONS.splitlines()
    after = stages.remove(edition(SECTIONS), name)
    after.check_data()
    assert after.result.splitlines() == [line for i, line in enumerate(lines) if i not in gone]


def test_removing_the_only_stage_leaves_no_stages() -> None:
    assert stages.remove(edition("stages:\n  # it\n  a:\n    cmd: x\n"), "a").result == "stages: {}\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("stages: {a: {cmd: x}, b: {cmd: y}}\n", "stages: {b: {cmd: y}}\n"),
        ("stages: {b: {cmd: y}, a: {cmd: x}}  # c\n", "stages: {b: {cmd: y}}  # c\n"),
        ("stages: {b: {cmd: y}, a: {cmd: x},}\n", "stages: {b: {cmd: y},}\n"),
        ("stages: { a: {cmd: x} }\n", "stages: {}\n"),
        ("stages: {\n  a: {cmd: x},  # one\n  b: {cmd: y}  # two\n}\n", "stages: {\n  b: {cmd: y}  # two\n}\n"),
        ("stages: {\n  b: {cmd: y},  # two\n  # it\n  a: {cmd: x}  # one\n}\n", "stages: {\n  b: {cmd: y}  # two\n}\n"),
    ],
)
def test_removing_inside_brackets(text: str, after: str) -> None:
    made = stages.remove(edition(text), "a")
    made.check_data()
    assert made.result == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("stages:\n  a: # c\n    cmd: x\n", "stages:\n  b: # c\n    cmd: x\n"),
        ("stages:\n  'a'  :\n    cmd: x\n", "stages:\n  'b'  :\n    cmd: x\n"),
        ('{"stages": {"a": {"cmd": "x"}}}', '{"stages": {"b": {"cmd": "x"}}}'),
        ("stages:\n  ? a\n  : cmd: x\n", "stages:\n  ? b\n  : cmd: x\n"),
        ("stages:\n  &n a: {cmd: x}\n", "stages:\n  &n b: {cmd: x}\n"),
    ],
)
def test_renaming(text: str, after: str) -> None:
    made = stages.rename(edition(text), "a", "b")
    made.check_data()
    assert made.result == after


def test_references_follow_a_renaming() -> None:
    text = dedent("""
        stages:
          a:
            cmd: x
            deps:
            - stage: load   # a stage
            - stage: load@1
            - stage: sub/dvc.yaml:load
            - load
            - {stage: reload}
          g:
            foreach: [1]
            do: {cmd: x, deps: [{stage: ./pipeline.yaml:load}]}
        """)
    after = redirected(edition(text), "pipeline.yaml", "load", "fetch")
    after.check_data()
    assert changed_lines(text, after.result) == [
        "-     - stage: load   # a stage",
        "-     - stage: load@1",
        "+     - stage: fetch   # a stage",
        "+     - stage: fetch@1",
        "-     do: {cmd: x, deps: [{stage: ./pipeline.yaml:load}]}",
        "+     do: {cmd: x, deps: [{stage: ./pipeline.yaml:fetch}]}",
    ]
    there = redirected(edition(text), "sub/dvc.yaml", "load", "fetch")
    assert changed_lines(text, there.result) == [
        "-     - stage: sub/dvc.yaml:load",
        "+     - stage: sub/dvc.yaml:fetch",
    ]


def test_freezing_and_thawing() -> None:
    frozen = stages.freeze(edition(PLAIN), "load")
    assert changed_lines(PLAIN, frozen.result) == ["+     frozen: true"]
    assert stages.freeze(frozen, "load") == frozen
    assert stages.unfreeze(frozen, "load").result == PLAIN
    assert stages.unfreeze(edition(PLAIN), "load").result == PLAIN


def test_a_stage_that_is_frozen_by_a_merged_mapping_is_thawed_against_it() -> None:
    text = "meta: &m {frozen: true}\nstages:\n  load:\n    <<: *m\n    cmd: x\n"
    after = stages.unfreeze(edition(text), "load")
    after.check_data()
    assert changed_lines(text, after.result) == ["+     frozen: false"]


def test_an_excerpt_has_the_comments_of_the_stage() -> None:
    assert excerpt(SECTIONS, ("stages", "load")).lines == tuple(SECTIONS.splitlines()[3:7])
    found = excerpt("stages: {a: {cmd: x}, b: {cmd: y}}\n", ("stages", "b"))
    assert (found.first, found.lines) == (0, ("b: {cmd: y}",))


# -- what is refused


def refused(code: str, edit: Callable[[], Any]) -> EditRefused:
    with pytest.raises(EditRefused) as caught:
        edit()
    assert caught.value.problems[0].code == code
    return caught.value


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("cmd.x=1", "`cmd` is a text"),
        ("deps-=rw.csv", "`deps` has no `rw.csv`"),
        ("deps.7=x", "`deps` has no `7`"),
        ("nothing-=x", "`nothing` has no `x`"),
    ],
)
def test_fields_that_are_not_there(asked: str, says: str) -> None:
    assert says in str(refused("CF192", lambda: assigned(PLAIN, asked)))


def test_unsetting_what_is_not_there_says_what_is_meant() -> None:
    error = refused("CF192", lambda: assigned(PLAIN, unset=("dps",)))
    assert error.problems[0].hint == "did you mean `deps`?"


def test_a_name_that_is_taken() -> None:
    two = edition(PLAIN + "  fit:\n    cmd: y\n")
    refused("CF191", lambda: stages.add(two, "load", {"cmd": "x"}))
    refused("CF191", lambda: stages.rename(two, "load", "fit"))


@pytest.mark.parametrize("edit", [stages.freeze, stages.remove, stages.unfreeze])
def test_a_stage_that_is_not_there(edit: Callable[[Edition, str], Edition]) -> None:
    with pytest.raises(TargetNotFound) as caught:
        edit(edition(PLAIN), "laod")
    assert caught.value.hint == "did you mean `load`?"
    with pytest.raises(TargetNotFound) as caught:
        edit(edition("stages:\n  fit: {foreach: [1], do: {cmd: x}}\n"), "fit@1")
    assert "written as one: `fit`" in str(caught.value.hint)


ALIASED = """\
stages:
  a:
    cmd: x
    deps: &in [raw.csv]
  b:
    cmd: y
    deps: *in
"""


def test_what_others_share_is_not_changed_behind_their_back() -> None:
    assert "`stages.b.deps" in str(refused("CF193", lambda: assigned(ALIASED, "deps+=x", stage="a")))
    error = refused("CF192", lambda: assigned(ALIASED, "deps+=x", stage="b"))
    assert "`*in` stands for it here" in str(error) and error.problems[0].place is not None
    assert error.problems[0].place.line == 7
    assert "*in has no anchor" in str(refused("CF190", lambda: stages.remove(edition(ALIASED), "a").check_data()))
    assert changed_lines(ALIASED, assigned(ALIASED, "deps=[z]", stage="b")) == ["-     deps: *in", "+     deps: [z]"]


def test_a_file_that_is_no_yaml_cannot_be_edited() -> None:
    error = refused("CF190", lambda: edition("stages:\n  a: [\n"))
    assert [p.code for p in error.problems] == ["CF190", "CF101"]


def test_the_last_thing_of_a_file() -> None:
    refused("CF192", lambda: edition("a: 1\n").made(Delete(("a",))))


def test_an_edit_that_makes_the_pipeline_invalid_is_refused_with_the_reasons() -> None:
    after = fields.assign(edition(PLAIN), "load", [parse_assignment("retries=many"), parse_assignment("outs+=a.csv")])
    after = fields.assign(after, "load", [parse_assignment("wrong=1")])
    error = refused("CF190", lambda: check([after], "pipeline.yaml", Files(**{"pipeline.yaml": PLAIN})))
    assert [p.code for p in error.problems] == ["CF190", "CF111", "CF110"]
    assert str(error.problems[1].place) == "pipeline.yaml:10:14"


def test_an_invalid_file_may_be_edited_as_long_as_it_gets_no_worse() -> None:
    text = PLAIN + "  bad:\n    cmd: y\n    wrong: 1\n    outs: [a.csv]\n"
    files = Files(**{"pipeline.yaml": text})
    better = fields.assign(edition(text), "bad", [Assignment("wrong", Op.UNSET)])
    check([better], "pipeline.yaml", files)
    check([stages.freeze(edition(text), "load")], "pipeline.yaml", files)
    check([stages.rename(edition(text), "bad", "worse")], "pipeline.yaml", files, renamed={"bad": "worse"})
    check([stages.rename(edition(text), "load", "fetch")], "pipeline.yaml", files, renamed={"load": "fetch"})
    worse = fields.assign(edition(text), "bad", [parse_assignment("wrong2=1")])
    error = refused("CF190", lambda: check([worse], "pipeline.yaml", files))
    assert [p.message for p in error.problems[1:]] == ["unknown key `wrong2` in stage `bad`"]


def test_a_byte_order_mark_and_line_ends_stay() -> None:
    text = "\ufeff" + PLAIN.replace("\n", "\r\n")
    assert assigned(text, "retries=1") == text + "    retries: 1\r\n"


def test_a_slip_of_the_splicer_would_be_noticed() -> None:
    after = edition(PLAIN).made(Put(("stages", "load", "retries"), 1))
    refused("CF193", lambda: replace(after, text=after.text.replace("raw", "row")).check_data())


# -- what people type


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("text", "text"),
        ("'5'", "5"),
        ('"a\\n"', "a\n"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: [c]}}", {"a": {"b": ["c"]}}),
        ("${x}", "${x}"),
        ("[${x}, {a: ${y.z}}]", ["${x}", {"a": "${y.z}"}]),
        ("a: b", "a: b"),
        ("[ -f x ] && y", "[ -f x ] && y"),
        ("'a' 'b'", "'a' 'b'"),
        ("# no comment", "# no comment"),
        ("- x", "- x"),
        ("64MiB", "64MiB"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_value(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["", "x", "=1", "a=", "a+="])
def test_what_is_no_assignment(text: str) -> None:
    with pytest.raises(UsageError):
        parse_assignment(text)


def test_assignments() -> None:
    assert parse_assignment("a.b-c=x=y") == Assignment("a.b-c", Op.SET, "x=y", "x=y")
    assert parse_assignment("deps+=raw=x.csv") == Assignment("deps", Op.ADD, "raw=x.csv", "raw=x.csv")
    assert parse_assignment("deps-=x") == Assignment("deps", Op.TAKE, "x", "x")
    assert parse_assignment("cmd=a\nb") == Assignment("cmd", Op.SET, "a\nb", "a\nb")


def test_chunks_and_params() -> None:
    assert parse_chunk("over=a,rows=5") == {"over": "a", "rows": 5}
    assert parse_chunk("by=a:x,by=b:y+z,rows=5") == {"by": {"a": "x", "b": ["y", "z"]}, "rows": 5}
    assert parse_chunk("{over: a, bytes: 1MB}") == {"over": "a", "bytes": "1MB"}
    assert parse_params(["b,c", "x.yaml:k", "params.yaml:a", "x.yaml:l", "whole.json:", "params.yaml:"]) == [
        "b", "c", "a", {"x.yaml": ["k", "l"]}, {"whole.json": None}, {"params.yaml": None},
    ]  # fmt: skip
    for wrong in ("over", "by=a", "by=:x"):
        with pytest.raises(UsageError):
            parse_chunk(wrong)
