"""The remotes of a project on disk: files are edited as a whole or not at all, and addresses are looked at."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from contextlib import closing

import pytest

from ckptflow.errors import EditRefused, RemoteNotFound, SpecError, UsageError
from ckptflow.project import Project
from ckptflow.store.probing import State, Usable
from ckptflow.workspace import texts
from ckptflow.workspace.remote_edits import Wish, parse_setting

CONFIG, LOCAL = ".ckptflow/config.yaml", ".ckptflow/config.local.yaml"


@pytest.fixture
def project(tmp_path, write_files, open_project):
    root = tmp_path / "project"
    write_files(root, {"pipeline.yaml": "stages: {a: {cmd: echo 1 > a.txt, outs: [a.txt]}}", "sub/x.txt": ""})
    return open_project(root)


def text(project, name):
    path = project.root / name
    return path.read_text() if path.exists() else None


def set_(project, name, *assignments, **more):
    return project.set_remote(name, [wish for each in assignments for wish in parse_setting(each)], **more)


def test_from_nothing_to_nothing(project) -> None:
    assert project.remotes() == []
    project.add_remote("storage", "s3://bucket/x", options={"region": "eu", "secret": "hidden"}, default=True)
    (view,) = project.remotes()
    assert view.to_json() == {
        "name": "storage",
        "url": "s3://bucket/x",
        "options": {"region": "eu", "secret": "***"},
        "trust": False,
        "default": True,
    }
    assert project.settings.remotes["storage"].options == {"region": "eu", "secret": "hidden"}
    assert "hidden" not in text(project, CONFIG)
    assert text(project, CONFIG).startswith("# Settings of this project")
    set_(project, "storage", "trust=true", "default=false", "options.secret=")
    (view,) = project.remotes()
    assert (view.trust, view.default, view.options) == (True, False, {"region": "eu"})
    mirror = project.root / ".ckptflow/remotes/storage"
    mirror.mkdir(parents=True)
    project.remove_remote("storage")
    assert project.remotes() == [] and not mirror.exists()
    assert project.repro().ok


def test_a_remote_that_is_removed_leaves_nothing_in_the_index(project, tmp_path) -> None:
    def indexed() -> list[tuple[int, int]]:
        of_remotes = "SELECT id FROM segments_1 WHERE store LIKE '%/remotes/%'"
        with closing(sqlite3.connect(project.root / ".ckptflow/cache.db")) as db:
            return db.execute(f"SELECT (SELECT count(*) FROM ({of_remotes})), (SELECT count(*) FROM held_1)").fetchall()

    assert project.repro().ok
    (tmp_path / "far").mkdir()
    project.add_remote("far", str(tmp_path / "far"))
    project.push(remote="far")
    assert indexed() > [(0, 1)]
    project.remove_remote("far")
    assert indexed() == [(0, 0)]


def test_what_holds_credentials_is_for_its_owner_and_not_for_git(project) -> None:
    subprocess.run(["git", "init", "-q", project.root], check=True)
    (project.root / ".ckptflow").mkdir()
    (project.root / ".ckptflow/.gitignore").write_text("/store/")
    project.add_remote("storage", "s3://bucket/x", options={"secret": "hidden"})
    assert stat.S_IMODE((project.root / LOCAL).stat().st_mode) == 0o600
    assert "/config.local.yaml" in text(project, ".ckptflow/.gitignore").splitlines()
    ignored = subprocess.run(["git", "-C", project.root, "check-ignore", "-q", LOCAL])
    assert ignored.returncode == 0


def test_credentials_do_not_go_to_a_file_that_git_tracks(project) -> None:
    subprocess.run(["git", "init", "-q", project.root], check=True)
    (project.root / ".ckptflow").mkdir()
    (project.root / LOCAL).write_text("jobs: 1\n")
    subprocess.run(["git", "-C", project.root, "add", "-f", LOCAL], check=True)
    with pytest.raises(UsageError, match=r"git tracks \.ckptflow/config\.local\.yaml"):
        project.add_remote("storage", "s3://bucket/x", options={"secret": "hidden"})
    assert (text(project, CONFIG), text(project, LOCAL)) == (None, "jobs: 1\n")
    project.add_remote("storage", "s3://bucket/x", local=True)
    assert [r.name for r in project.remotes()] == ["storage"]


def test_names_that_are_taken_or_none(project) -> None:
    project.add_remote("storage", "/mnt/x")
    with pytest.raises(UsageError, match="there is a remote `storage` already: /mnt/x"):
        project.add_remote("storage", "/mnt/y")
    for name in ("", "-x", "a/b", "../x", "a b"):
        with pytest.raises(UsageError, match="is no name of a remote"):
            project.add_remote(name, "/mnt/y")
    assert text(project, CONFIG).count("url:") == 1


def test_remotes_that_are_not_there(project) -> None:
    project.add_remote("storage", "/mnt/x")
    for call in (
        lambda: set_(project, "storge", "trust=true"),
        lambda: project.remove_remote("storge"),
        lambda: project.check_remotes(["storge"]),
    ):
        with pytest.raises(RemoteNotFound, match="there is no remote `storge`") as caught:
            call()
        assert caught.value.hint == "did you mean `storage`?"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is no address"),
        ("  ", "is no address"),
        (" s3://b", "is no address"),
        ("s3://b\n", "is no address"),
        ("s3:bucket/x", "is no URL"),
        ("s3:/bucket/x", "is no URL"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("gs://b/../x", "not a path in a bucket"),
        ("sftp:///x", "names no host"),
        ("http://", "names no host"),
        (".", "own store"),
        (".ckptflow/store", "own store"),
        (".ckptflow/store/x", "own store"),
        ("..", "own store"),
    ],
)
def test_addresses_that_can_be_none(project, url, message) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        project.add_remote("storage", url)
    assert caught.value.hint
    assert text(project, CONFIG) is None
    project.add_remote("other", "/mnt/x")
    with pytest.raises(UsageError, match=message):
        project.set_remote("other", [Wish(("url",), url)])


@pytest.mark.parametrize("url", ["s3://b", "s3://b/c/d", "gs://b", "abfs://c@a.dfs.core.windows.net/x", "memory://x"])
def test_urls_are_written_as_they_are(project, url) -> None:
    project.add_remote("storage", url, default=True)
    assert project.settings.remotes["storage"].url == url


@pytest.mark.parametrize(
    ("typed", "written"),
    [("../../x", "../x"), ("x", "sub/x"), ("/mnt/x/", "/mnt/x"), ("~/x", "~/x"), ("./a b", "sub/a b")],
)
def test_paths_are_from_the_root_of_the_project(project, tmp_path, typed, written) -> None:
    here = Project(project.root / "sub", env={"HOME": str(tmp_path)})
    here.add_remote("storage", typed)
    assert here.settings.remotes["storage"].url == written


def test_a_configuration_that_would_be_invalid_is_not_written(project, tmp_path) -> None:
    project.add_remote("storage", "/mnt/x")
    before = text(project, CONFIG)
    own = tmp_path / "xdg/ckptflow/config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("remote: storage\n")
    again = Project(project.root, env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    with pytest.raises(SpecError, match="there is no remote `storage`"):
        again.remove_remote("storage")
    assert text(project, CONFIG) == before


def test_a_file_that_is_shared_by_an_alias_is_not_edited(project) -> None:
    (project.root / ".ckptflow").mkdir()
    before = "remotes:\n  a: &a {url: /mnt/x}\n  b: *a\n"
    (project.root / CONFIG).write_text(before)
    again = Project(project.root, env={"HOME": "/nonexistent"})
    with pytest.raises(EditRefused):
        set_(again, "a", "url=/mnt/y")
    assert text(project, CONFIG) == before


def test_a_refusal_shows_no_line_of_the_file(project) -> None:
    """It may be the one with the password."""
    (project.root / ".ckptflow").mkdir()
    (project.root / LOCAL).write_text("remotes: {a: &x {url: /mnt/x, options: {secret: hidden}}, b: *x}\n")
    again = Project(project.root, env={"HOME": "/nonexistent"})
    with pytest.raises(EditRefused) as caught:
        set_(again, "b", "trust=true")
    (problem,) = caught.value.problems
    assert problem.place.file == LOCAL and problem.place.line == 1
    assert "hidden" not in f"{problem!r}"


def test_both_files_are_written_or_none(project, monkeypatch) -> None:
    real = texts.replace

    def replace(file, text, **more):
        if file.name == CONFIG:
            raise OSError("no space")
        real(file, text, **more)

    monkeypatch.setattr(texts, "replace", replace)
    with pytest.raises(OSError):
        project.add_remote("storage", "s3://bucket/x", options={"secret": "hidden"})
    assert (text(project, CONFIG), text(project, LOCAL)) == (None, None)


def test_an_edit_that_was_overtaken_is_made_again(project, monkeypatch) -> None:
    real = texts.read
    others = iter(["jobs: 7\n"])

    def read(root, name):
        found = real(root, name)
        if name == CONFIG and (other := next(others, None)):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(other)
        return found

    monkeypatch.setattr(texts, "read", read)
    project.add_remote("storage", "/mnt/x")
    assert text(project, CONFIG) == "jobs: 7\n\nremotes:\n  storage:\n    url: /mnt/x\n"


def test_remotes_are_examined(project, tmp_path, moto_bucket) -> None:
    (tmp_path / "there").mkdir()
    project.add_remote("directory", "../there")
    project.add_remote("missing", "../missing")
    project.add_remote("unknown", "nowhere://x")
    project.add_remote("s3", moto_bucket.url, options=moto_bucket.options)
    found = {checked.name: checked for checked in project.check_remotes()}
    assert {name: checked.probed.usable for name, checked in found.items()} == {
        "directory": Usable.YES,
        "missing": Usable.NO,
        "unknown": Usable.NO,
        "s3": Usable.YES,
    }
    assert [f.state for f in found["unknown"].probed.findings] == [State.BAD]
    doc = found["s3"].to_json()
    assert doc["usable"] == "yes" and doc["store"] is None and doc["skew"] == 0
    assert {finding["state"] for finding in doc["findings"]} == {"good"}
    secret = moto_bucket.options["secret"]
    assert secret not in str(found) and secret not in text(project, CONFIG)
    assert os.listdir(tmp_path / "there/probes") == []
    assert [checked.name for checked in project.check_remotes(["s3"])] == ["s3"]
