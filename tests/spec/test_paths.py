from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.spec.paths import (
    ancestors,
    is_absolute,
    is_glob,
    is_url,
    looks_like_a_file,
    names,
    names_below,
    normalise,
    parent,
    suffix,
)


@pytest.mark.parametrize(
    ("base", "path", "found"),
    [
        (".", "a/b", "a/b"),
        (".", "./a//b/", "a/b"),
        (".", "a/../b", "b"),
        (".", ".", "."),
        (".", "..", None),
        (".", "a/../../b", None),
        ("d/e", "a", "d/e/a"),
        ("d/e", "../a", "d/a"),
        ("d/e", "../..", "."),
        ("d/e", "../../../a", None),
        ("d", "/abs/../x", "/x"),
        ("d", "/..", None),
        (".", "...", "..."),
        (".", "~/a", "~/a"),
    ],
)
def test_normalise(base: str, path: str, found: str | None) -> None:
    assert normalise(base, path) == found


@given(st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=8))
def test_normalising_twice_changes_nothing_and_leaves_no_dots(parts: list[str]) -> None:
    found = normalise("x/y", "/".join(parts))
    if found is not None:
        assert normalise(".", found) == found
        assert ".." not in found.split("/")


def test_parts() -> None:
    assert ancestors("a/b/c") == ["a/b", "a"]
    assert ancestors("a") == []
    assert ancestors("/a/b") == ["/a"]
    assert parent("a/b") == "a"
    assert parent("a") == "."
    assert [suffix(p) for p in ("a.CSV", "a.b/c", ".hidden", "a.tar.gz", "a.parquet/", "a.", "x/.b.c")] == [
        *(".csv", "", "", ".gz", ".parquet", "", ".c")
    ]
    assert is_url("s3://b")
    assert not is_url("a:b")
    assert is_absolute("/a")
    assert is_absolute("C:/a")
    assert not is_absolute("a")
    assert is_glob("a[0]")
    assert not is_glob("a")


@pytest.mark.parametrize(
    ("pattern", "path", "named", "below"),
    [
        ("a/*.csv", "a/b.csv", True, False),
        ("a/*.csv", "a/b.txt", False, False),
        ("a/*.csv", "a", False, True),
        ("a/*.csv", "aa", False, False),
        ("a/*", "a/b/c", False, False),
        ("a/*/c.csv", "a/b", False, True),
        ("a/*/c.csv", "b", False, False),
        ("**/x.csv", "a/b/x.csv", True, True),
        ("a/**", "a/b/c", True, True),
        ("a/**/c/*.csv", "a/b/c/d.csv", True, True),
        ("a/**/c/*.csv", "a", False, True),
        ("a/**/c/*.csv", "b", False, False),
        ("*", "ab", True, False),
        ("a?", "ab", True, False),
        ("a?", "a/b", False, False),
        ("a[0-9]/x", "a1/x", True, False),
        ("a[0-9]/x", "a1", False, True),
        ("a[!0-9]/x", "a1", False, False),
    ],
)
def test_globs(pattern: str, path: str, named: bool, below: bool) -> None:
    assert names(pattern, path) is named
    assert names_below(pattern, path) is below


PARTS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3)


@given(st.lists(st.sampled_from(["a", "*", "**", "a*", "?", "b"]), min_size=1, max_size=4), PARTS, PARTS)
def test_what_a_glob_names_below_a_directory_is_foreseen(pattern: list[str], above: list[str], rest: list[str]) -> None:
    if names("/".join(pattern), "/".join(above + rest)):
        assert names_below("/".join(pattern), "/".join(above))


def test_what_looks_like_a_file() -> None:
    assert [looks_like_a_file(p) for p in ("a.csv", "d.x/b.T", "v1.0", "a", ".b", "a.")] == [True, True, *[False] * 4]
