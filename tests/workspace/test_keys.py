"""The project's key: where it is found, what is refused, and that nothing shows it."""

from __future__ import annotations

import os
import subprocess

import pytest

from ckptflow.errors import KeyUnusable
from ckptflow.workspace.keys import VARIABLE, find_key, is_open_to_others

KEY = "0123456789abcdef-secret"


def test_none_is_set(tmp_path) -> None:
    assert find_key(tmp_path, None, {}) is None
    assert find_key(tmp_path, None, {VARIABLE: ""}) is None


def test_from_the_environment_first(tmp_path, write) -> None:
    write("key", "another-key-of-enough-bytes")
    found = find_key(tmp_path, "key", {VARIABLE: f" {KEY}\n"})
    assert (found.secret, found.origin) == (KEY.encode(), VARIABLE)


def test_from_a_file_wherever_it_is(tmp_path, write, monkeypatch) -> None:
    write("home/secrets/key", f"{KEY}\n")
    write("project/own", f"{KEY}\r\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    for name in ("own", "~/secrets/key", str(tmp_path / "home/secrets/key"), "../home/secrets/key"):
        found = find_key(root, name, {})
        assert (found.secret, found.origin) == (KEY.encode(), name)


def test_both_ways_it_is_the_same_key(tmp_path) -> None:
    """A key that is no text in UTF-8, with white space around it."""
    data = b"\xff\xfe 0123456789abcdef"
    (tmp_path / "key").write_bytes(data + b"\n")
    from_variable = find_key(tmp_path, None, {VARIABLE: os.fsdecode(data)})
    assert from_variable.secret == find_key(tmp_path, "key", {}).secret == data


@pytest.mark.parametrize("key", ["x", "0123456789abcde", " " * 40, "0123456789abcde\n\n"])
def test_one_that_is_too_short_is_refused_and_not_shown(tmp_path, write, key) -> None:
    write("key", key)
    for env, file in (({VARIABLE: key}, None), ({}, "key")):
        with pytest.raises(KeyUnusable) as caught:
            find_key(tmp_path, file, env)
        assert "shorter than 16 bytes" in str(caught.value) and "token_hex" in caught.value.hint
        assert key.strip() == "" or key.strip() not in str(caught.value).split()


def test_a_file_that_cannot_be_read_or_is_no_key(tmp_path, write) -> None:
    with pytest.raises(KeyUnusable, match="`key` cannot be read: No such file"):
        find_key(tmp_path, "key", {})
    with pytest.raises(KeyUnusable, match="cannot be read: Is a directory"):
        find_key(tmp_path, ".", {})
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    with pytest.raises(KeyUnusable, match="larger than 64 KiB"):
        find_key(tmp_path, "large", {})


def git(root, *args: str) -> None:
    subprocess.run(["git", "-C", str(root), *args], check=True, capture_output=True)


@pytest.mark.parametrize("name", ["key", "sub/key", "*", "a b\n"])
def test_a_file_that_git_tracks_is_refused(tmp_path, write, name) -> None:
    git(tmp_path, "init", "-q")
    write(name, KEY)
    write("other", KEY)
    git(tmp_path, "add", "other")
    assert find_key(tmp_path, name, {}).secret == KEY.encode()
    git(tmp_path, "add", "--", f":(literal){name}")
    with pytest.raises(KeyUnusable, match="git tracks the key file") as caught:
        find_key(tmp_path, name, {})
    assert KEY not in str(caught.value)


def test_a_link_to_a_file_that_git_tracks_is_refused(tmp_path, write) -> None:
    git(tmp_path, "init", "-q")
    write("tracked", KEY)
    git(tmp_path, "add", "tracked")
    (tmp_path / "link").symlink_to("tracked")
    with pytest.raises(KeyUnusable):
        find_key(tmp_path, "link", {})


def test_who_else_may_read_it(tmp_path, write) -> None:
    path = write("key", KEY)
    for mode, is_open in ((0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)):
        path.chmod(mode)
        assert is_open_to_others(tmp_path, "key") is is_open


def test_the_key_is_in_no_repr(tmp_path) -> None:
    assert KEY not in repr(find_key(tmp_path, None, {VARIABLE: KEY}))
