from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.spec.paths import ancestors, is_absolute, is_glob, is_url, may_hold, normalise, parent, suffix


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
    ("pattern", "path", "meets"),
    [
        ("a/*.csv", "a/b.csv", True),
        ("a/*.csv", "a/b.txt", False),
        ("a/*.csv", "a", True),
        ("a/*", "a/b/c", True),
        ("a/*.csv", "a/b/c.csv", False),
        ("a/*/c.csv", "a/b", True),
        ("a/*/c.csv", "b", False),
        ("**/x.csv", "x.csv", True),
        ("**/x.csv", "a/b/x.csv", True),
        ("a/**", "a/b/c", True),
        ("a/**/c/*.csv", "a/b/c/d.csv", True),
        ("a/**/c/*.csv", "a/c/d.csv", True),
        ("a/**/c/*.csv", "b/c/d.csv", False),
        ("*", "a/b", True),
        ("a?", "ab", True),
        ("a?", "abc", False),
        ("a[0-9]/x", "a1/x", True),
        ("a[!0-9]/x", "a1/x", False),
    ],
)
def test_may_hold(pattern: str, path: str, meets: bool) -> None:
    assert may_hold(pattern, path) is meets


NAMES = st.sampled_from(["a", "b", "ab"])


@given(
    st.lists(st.sampled_from(["a", "*", "**", "a*", "?", "b"]), min_size=1, max_size=4),
    st.lists(NAMES, min_size=1, max_size=3),
    st.lists(NAMES, max_size=2),
)
def test_a_pattern_that_names_something_below_meets_it(pattern: list[str], path: list[str], below: list[str]) -> None:
    if _names(pattern, path + below) or _names(pattern, path):
        assert may_hold("/".join(pattern), "/".join(path))
        for up in range(1, len(path)):
            assert may_hold("/".join(pattern), "/".join(path[:up]))


def _names(pattern: list[str], path: list[str]) -> bool:
    """Tell whether `pattern` names exactly `path`; the plain recursive meaning."""
    from fnmatch import fnmatchcase

    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_names(pattern[1:], path[i:]) for i in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _names(pattern[1:], path[1:])
