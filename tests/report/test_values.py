from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ckptflow.errors import CkptflowError, Place, Problem, SpecError, ValuesMissing
from ckptflow.report.style import Style
from ckptflow.report.values import (
    change_lines,
    changes_json,
    finite,
    metric_lines,
    path_lines,
    path_markdown,
    paths_json,
    unread_lines,
)
from ckptflow.values.flat import compare
from ckptflow.values.paths import compare_paths

PLAIN = Style()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHANGES = compare(
    {"a.json": {"x": 1.0, "ok": True, "s": "p|q"}}, {"a.json": {"x": 0.3333333, "ok": False, "s": "r", "new": 3}}
)


@dataclass(frozen=True)
class Values:
    version: str
    files: dict[str, Any]
    errors: dict[str, CkptflowError] = field(default_factory=dict)
    error: CkptflowError | None = None


def here(path: str) -> str:
    return f"../{path}"


def test_metrics_of_one_version() -> None:
    found = [Values("workspace", {"m.json": {"acc": 0.123456, "n": {"k": 1}}, "e.json": None})]
    assert metric_lines(found, str, PLAIN, precision=3) == [
        "PATH    acc    n.k",
        "m.json  0.123  1",
    ]
    assert metric_lines(found, here, PLAIN, precision=3, md=True) == [
        "| Path      | acc   | n.k |",
        "|-----------|-------|-----|",
        "| ../m.json | 0.123 | 1   |",
    ]
    assert metric_lines([Values("workspace", {})], str, PLAIN, precision=3) == ["No metrics."]


def test_metrics_that_are_too_many_for_the_width() -> None:
    found = [Values("main", {"m.json": {"a": 1, "b": 2}}), Values(COMMIT, {"m.json": {"b": 3}, "n.json": 0.5})]
    assert metric_lines(found, str, Style(width=25), precision=3) == [
        "REVISION  PATH    METRIC   VALUE",
        "main      m.json  a        1",
        "main      m.json  b        2",
        "0123456   m.json  b        3",
        "0123456   n.json  (value)  0.5",
    ]


def test_changes() -> None:
    assert change_lines(CHANGES, "metric", ("HEAD", COMMIT), str, PLAIN, precision=5) == [
        "PATH    METRIC  HEAD  0123456  CHANGE",
        "a.json  new     -     3        -",
        "a.json  ok      true  false    -",
        "a.json  s       p|q   r        -",
        "a.json  x       1.0   0.33333  -0.66667",
    ]
    assert change_lines(CHANGES, "param", ("a", "b"), str, PLAIN, path=False, md=True)[:4] == [
        "| Param | a    | b         | Change     |",
        "|-------|------|-----------|------------|",
        "| new   | -    | 3         | -          |",
        "| ok    | true | false     | -          |",
    ]
    assert change_lines({}, "param", ("a", "b"), str, PLAIN) == ["No params differ between a and b."]


def test_json_has_only_what_json_knows() -> None:
    changes = compare({"m": {"x": 1.0}}, {"m": {"x": float("nan"), "y": float("-inf")}})
    assert changes_json(changes, here) == {
        "../m": {"x": {"old": 1.0, "new": "NaN", "diff": "NaN"}, "y": {"old": None, "new": "-Infinity"}}
    }
    assert finite([float("inf"), (1, None)]) == ["Infinity", [1, None]]


def test_paths() -> None:
    changes = compare_paths({"d/": "aa", "d/x": "11", "m": "22", "g": "33"}, {"d/": "bb", "d/y": "11", "m": "md5:44"},
                            frozenset({"g"}))  # fmt: skip
    assert path_lines(changes, ("A", "B"), here, PLAIN, missing=True, digests=False) == [
        *("Deleted:", "    ../g", ""),
        *("Renamed:", "    ../d/x -> ../d/y", ""),
        *("Modified:", "    ../d/", "    ../m", ""),
        *("Not in cache:", "    ../g", ""),
        "1 file deleted, 1 file renamed, 1 file modified, 1 file not in cache",
    ]
    assert path_markdown(changes, str, missing=False, digests=True)[2:] == [
        "| deleted  | 33     | g          |",
        "| renamed  | 11     | d/x -> d/y |",
        "| modified | aa..bb | d/         |",
        "| modified | 22..44 | m          |",
    ]
    assert paths_json(changes, here, missing=False, digests=False)["renamed"] == [
        {"path": {"old": "../d/x", "new": "../d/y"}}
    ]
    nothing = compare_paths({}, {})
    assert path_lines(nothing, ("A", COMMIT), str, PLAIN, missing=True, digests=True) == [
        "No deps or outs differ between A and 0123456."
    ]


def test_what_could_not_be_read() -> None:
    gone = ValuesMissing("`m.json` is not there in main", hint="do this")
    assert unread_lines("main", "m.json", gone, PLAIN) == [
        "warning: `m.json` is not there in main",
        "  = help: do this",
    ]
    problem = Problem("CF101", "not valid JSON", Place("m.json", 1, 2))
    assert unread_lines("main", "m.json", SpecError((problem, problem)), PLAIN) == [
        "warning: main, m.json: m.json:1:2: not valid JSON (and 1 more mistake)"
    ]
