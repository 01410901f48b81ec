"""Edge. Git as a subprocess: which revisions there are, and the files of one, without touching the work tree.

Rules: nothing is written, not even the index; a name that begins with `-` never reaches git; symbolic links are
followed inside the revision and lead nowhere outside of it. The project may lie below the repository's root: paths are
the project's own, and `Git.prefix` leads to it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..errors import GitError, VersionNotFound
from ..spec.findings import did_you_mean
from ..spec.paths import normalise

_TREE, _LINK, _SUBMODULE = b"40000", b"120000", b"160000"  # modes in git's trees
_NO_REPOSITORY = "name runs instead (`ckptflow log` lists them), or keep the project in git"


class Git:
    """The repository that the directory `root` is in. Raises `GitError` where there is none. `close` ends it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reader: subprocess.Popen[bytes] | None = None
        try:
            self.prefix = self._run("rev-parse", "--show-prefix").removesuffix("\n")
        except GitError as error:
            if "not a git repository" not in error.message:
                raise
            raise GitError(f"{root} is in no git repository", hint=_NO_REPOSITORY) from None

    def close(self) -> None:
        """End the process that reads objects."""
        if self._reader is not None:
            for stream in (self._reader.stdin, self._reader.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
            self._reader.wait()
            self._reader = None

    def resolve(self, name: str) -> str:
        """Return the full id of the commit that `name` stands for. Raises `VersionNotFound`."""
        commit = self._commit(name)
        if commit is None:
            raise VersionNotFound(name, hint=self._hint(name))
        return commit

    def names(self, *, branches: bool = False, tags: bool = False) -> list[tuple[str, str]]:
        """Return (name, commit) of branches and of tags, in the order of their names."""
        kinds = [kind for kind, wanted in (("refs/heads", branches), ("refs/tags", tags)) if wanted]
        if not kinds:
            return []
        names = self._run("for-each-ref", "--format=%(refname)", *kinds).splitlines()
        found = ((name.split("/", 2)[2], self._commit(name)) for name in names)
        return [(name, commit) for name, commit in found if commit is not None]  # a tag may name what is no commit

    def commits(self) -> list[str]:
        """Return all commits that a branch, a tag or HEAD leads to, the newest first."""
        return self._run(
            "rev-list", "--exclude=refs/stash", "--all", *(["HEAD"] if self._commit("HEAD") else [])
        ).split()

    def branch(self) -> str | None:
        """Return the branch that is checked out, None where none is."""
        with suppress(GitError):
            return self._run("symbolic-ref", "--quiet", "--short", "HEAD").strip()
        return None

    def is_dirty(self) -> bool:
        """Tell whether a tracked file of the project differs from HEAD."""
        return bool(self._run("status", "--porcelain", "--untracked-files=no", "--", "."))

    @staticmethod
    def tracks(path: Path) -> bool:
        """Tell whether the repository that the file `path` lies in, if any, has it in its index."""
        try:
            return bool(Git(path.parent)._run("ls-files", "-z", "--", f":(literal){path.name}"))
        except GitError:  # no git, or no repository
            return False

    def files(self, commit: str, directory: str) -> Iterator[str]:
        """Yield the files below `directory` of the project in `commit`, as paths of the project, sorted."""
        path = normalise(".", f"{self.prefix}{directory}") or "."
        below = [] if path == "." else ["--", f"{path}/"]
        for name in self._run("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, *below).split("\0"):
            if name:
                yield name.removeprefix(self.prefix)

    def data(self, commit: str, path: str) -> bytes | None:
        """Return the bytes of the project's file `path` in `commit`, None where it is no file there."""
        full = normalise(".", f"{self.prefix}{path}")
        if full is None or "\n" in full:
            return None
        asked, answers = self._batch()
        try:
            asked.write(f"{commit}:{full}\n".encode("utf-8", "surrogateescape"))
            asked.flush()
            head = answers.readline().split()
            if head[-1:] == [b"missing"] or len(head) < 2:
                return None
            size = int(head[-1])
            data = answers.read(size + 1)[:-1]
        except (OSError, ValueError) as error:
            raise GitError(f"git could not read `{path}` of {commit[:7]}: {error}") from error
        if len(data) != size:
            raise GitError(f"git could not read `{path}` of {commit[:7]}", hint="`git fsck` tells what is damaged")
        return data if head[1:2] == [b"blob"] else None  # else a directory, or a link that leads nowhere

    def search(self, commits: Iterable[str], wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, bytes]]:
        """Yield (commit, path, bytes) of the project's files in `commits` whose name is `wanted`, each content once.

        A directory that several commits have in common is looked into once. Raises `GitError` for what cannot be read.
        """
        seen: set[str] = set()
        for commit in commits:
            at = f"{commit}:{self.prefix.rstrip('/')}" if self.prefix else f"{commit}^{{tree}}"
            top = self._object(at)
            todo = [("", top[0], top[2])] if top is not None and top[1] == "tree" and top[0] not in seen else []
            seen.update(tree for _, tree, _ in todo)
            while todo:
                folder, tree, data = todo.pop()
                for mode, name, object_ in _entries(data, len(tree) // 2):
                    is_tree = mode == _TREE
                    if not is_tree and not wanted(name):
                        continue
                    if mode == _LINK and (linked := self.data(commit, f"{folder}{name}")) is not None:
                        yield commit, f"{folder}{name}", linked
                    if object_ in seen or mode in (_LINK, _SUBMODULE):
                        continue
                    seen.add(object_)
                    found = self._object(object_)
                    if found is None:
                        hint = "`git fsck` tells what is damaged; a clone without history: `git fetch --unshallow`"
                        raise GitError(f"git does not have `{folder}{name}` of {commit[:7]}", hint=hint)
                    if is_tree:
                        todo.append((f"{folder}{name}/", object_, found[2]))
                    else:
                        yield commit, f"{folder}{name}", found[2]

    def _object(self, name: str) -> tuple[str, str, bytes] | None:
        """Return (id, type, content) of the object that `name` stands for, None where there is none."""
        asked, answers = self._batch()
        try:
            asked.write(f"{name}\n".encode("utf-8", "surrogateescape"))
            asked.flush()
            head = answers.readline().split()
            if len(head) != 3 or not head[2].isdigit():
                if head[-1:] == [b"missing"]:
                    return None
                raise GitError(f"git could not read {name}", hint="`git fsck` tells what is damaged")
            size = int(head[2])
            data = answers.read(size + 1)[:-1]
        except OSError as error:
            raise GitError(f"git could not read {name}: {error}") from error
        if len(data) != size:
            raise GitError(f"git could not read {name}", hint="`git fsck` tells what is damaged")
        return head[0].decode(), head[1].decode(), data

    def _commit(self, name: str) -> str | None:
        if name and not name.startswith("-") and "\0" not in name:
            with suppress(GitError):
                return self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        return None

    def _hint(self, name: str) -> str:
        if self._commit("HEAD") is None:
            return "there is no commit yet: `git commit` makes the first"
        near = did_you_mean(name, [known for known, _ in self.names(branches=True, tags=True)])
        return near or "`git log` lists revisions, `ckptflow log` runs; `workspace` is what lies here"

    def _batch(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._reader is None:
            self._reader = self._start("cat-file", "--batch", "--follow-symlinks", stdin=subprocess.PIPE)
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        return self._reader.stdin, self._reader.stdout

    def _run(self, *args: str) -> str:
        process = self._start(*args, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        out, err = process.communicate()
        if process.returncode:
            lines = err.decode("utf-8", "replace").strip().splitlines()
            said = lines[0].removeprefix("fatal: ") if lines else f"it ended with {process.returncode}"
            raise GitError(f"git {args[0]}: {said}", hint=lines[-1].strip() if len(lines) > 1 else None)
        return out.decode("utf-8", "surrogateescape")

    def _start(self, *args: str, stdin: int, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command: Sequence[str] = ("git", "-C", str(self._root), *args)
        env = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=env)
        except FileNotFoundError:
            raise GitError("git is not installed", hint="install it; only runs can be compared without it") from None
        except OSError as error:
            raise GitError(f"git cannot be started: {error.strerror}") from error


def _entries(tree: bytes, id_bytes: int) -> Iterator[tuple[bytes, str, str]]:
    """Yield (mode, name, object's id) of a tree in git's own form; `id_bytes` is 20, or 32 under SHA-256."""
    at = 0
    while at < len(tree):
        space = tree.index(b" ", at)
        end = tree.index(b"\0", space)
        mode, name = tree[at:space], tree[space + 1 : end].decode("utf-8", "surrogateescape")
        at = end + 1 + id_bytes
        yield mode, name, tree[end + 1 : at].hex()
