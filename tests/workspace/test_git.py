from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ckptflow.errors import GitError, VersionNotFound
from ckptflow.workspace.git import Git

Run = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run git in an empty repository, as somebody, with no configuration of anybody's."""
    who = {f"GIT_{role}_{what}": f"a@{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settings = {**who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(*args: str) -> str:
        return subprocess.run(["git", "-C", str(tmp_path), *args], check=True, capture_output=True, text=True).stdout

    run("init", "-q", "-b", "main")
    return run


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Git]]:
    made: list[Git] = []

    def open_(directory: str = ".") -> Git:
        made.append(Git(tmp_path / directory))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def test_files_of_a_revision_below_the_repositorys_root(
    tmp_path: Path, git: Run, opened: Callable[[str], Git], write: Callable[..., Path]
) -> None:
    for name in ("top.txt", "sub/a.txt", "sub/ü b/c.txt", "sub/d/e.txt"):
        write(name, name)
    (tmp_path / "sub/link").symlink_to("a.txt")
    (tmp_path / "sub/out").symlink_to("/etc/hostname")
    (tmp_path / "sub/lost").symlink_to("nowhere")
    git("add", "-A")
    git("commit", "-qm", "one")
    write("sub/a.txt", "later")
    found = opened("sub")
    commit = found.resolve("HEAD")
    assert len(commit) == 40
    assert found.data(commit, "a.txt") == b"sub/a.txt"
    assert found.data(commit, "ü b/c.txt") == "sub/ü b/c.txt".encode()
    assert found.data(commit, "link") == b"sub/a.txt"
    for nothing in ("d", "out", "lost", "none.txt", "a.txt/x", "a\nb", "../../x"):
        assert found.data(commit, nothing) is None, nothing
    assert found.data(commit, "d/e.txt") == b"sub/d/e.txt"  # the reader is still in step
    assert list(found.files(commit, ".")) == ["a.txt", "d/e.txt", "link", "lost", "out", "ü b/c.txt"]
    assert list(found.files(commit, "d")) == ["d/e.txt"]
    assert list(found.files(commit, "a.txt")) == []


def test_revisions_by_name(git: Run, opened: Callable[..., Git], write: Callable[..., Path]) -> None:
    write("a", "1")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "-am", "t", "v1")
    git("branch", "topic/x")
    write("a", "two")
    git("commit", "-qam", "two")
    found = opened()
    one, two = found.resolve("HEAD~1"), found.resolve("main")
    assert found.names(branches=True) == [("main", two), ("topic/x", one)]
    assert found.names(tags=True) == [("v1", one)]
    assert found.names() == []
    assert found.commits() == [two, one]
    assert found.branch() == "main"
    assert not found.is_dirty()
    write("a", "three", age=0)
    assert found.is_dirty()
    git("checkout", "-q", "--detach", "-f")
    assert found.branch() is None
    with pytest.raises(VersionNotFound) as caught:
        found.resolve("mian")
    assert caught.value.hint == "did you mean `main`?"


@pytest.mark.parametrize("name", ["", "-x", "--all", "a\0b", "HEAD:a", "no such", "HEAD~9"])
def test_what_is_no_revision(name: str, git: Run, opened: Callable[..., Git], write: Callable[..., Path]) -> None:
    write("a", "1")
    git("add", "-A")
    git("commit", "-qm", "one")
    with pytest.raises(VersionNotFound):
        opened().resolve(name)


def test_before_the_first_commit(git: Run, opened: Callable[..., Git]) -> None:
    found = opened()
    with pytest.raises(VersionNotFound) as caught:
        found.resolve("HEAD")
    assert "no commit yet" in (caught.value.hint or "")
    assert found.commits() == []
    assert found.branch() == "main"


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="in no git repository"):
        Git(tmp_path)


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="not installed"):
        Git(tmp_path)


def is_lock(name: str) -> bool:
    return name.endswith(".lock")


def test_files_by_name_in_many_commits_each_content_once(
    tmp_path: Path, git: Run, opened: Callable[[str], Git], write: Callable[..., Path]
) -> None:
    for text in ("one", "three", "three", "one"):
        write("top.lock", "outside the project")
        write("sub/a.lock", text)
        write("sub/d e/ü.lock", "same")
        write("sub/d e/other.txt", text)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", text)
    found = opened("sub")
    commits = found.commits()
    assert len(commits) == 4
    seen = list(found.search(commits, is_lock))
    assert sorted((path, data) for _, path, data in seen) == [
        ("a.lock", b"one"),
        ("a.lock", b"three"),
        ("d e/ü.lock", b"same"),
    ]
    assert {commit for commit, _, _ in seen} <= set(commits)


def test_a_search_follows_links_and_passes_over_what_is_no_file(
    tmp_path: Path, git: Run, opened: Callable[[str], Git], write: Callable[..., Path]
) -> None:
    write("real.txt", "text")
    write("dir.lock/inner.lock", "inner")
    (tmp_path / "link.lock").symlink_to("real.txt")
    (tmp_path / "lost.lock").symlink_to("nowhere")
    git("add", "-A")
    git("commit", "-qm", "one")
    found = opened(".")
    texts = {path: data for _, path, data in found.search([found.resolve("HEAD")], is_lock)}
    assert texts == {"link.lock": b"text", "dir.lock/inner.lock": b"inner"}


def test_a_search_in_a_commit_without_the_project(
    tmp_path: Path, git: Run, opened: Callable[[str], Git], write: Callable[..., Path]
) -> None:
    write("top.lock", "x")
    git("add", "-A")
    git("commit", "-qm", "one")
    write("sub/a.lock", "y")
    assert list(opened("sub").search([opened("sub").resolve("HEAD")], is_lock)) == []


def test_a_search_in_what_git_has_lost_is_an_error(
    tmp_path: Path, git: Run, opened: Callable[[str], Git], write: Callable[..., Path]
) -> None:
    write("a.lock", "x")
    git("add", "-A")
    git("commit", "-qm", "one")
    blob = git("rev-parse", "HEAD:a.lock").strip()
    path = tmp_path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.unlink()
    with pytest.raises(GitError, match=r"does not have `a\.lock`"):
        list(opened(".").search([opened(".").resolve("HEAD")], is_lock))
