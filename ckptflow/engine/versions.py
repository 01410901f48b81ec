"""Edge. The versions of a project by name: the workspace, a run that was kept, a revision of git."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..dataclass import dataclass
from ..errors import DepUnreadable, GitError, StoreDamaged, ValuesMissing, VersionNotFound
from ..ids import Digest
from ..spec.findings import did_you_mean
from ..store.layout import RUNS, run_name
from ..store.protocol import NotThere
from ..workspace.discover import among, walk
from ..workspace.git import Git
from ..workspace.walk import members
from .session import Session
from .version import WORKSPACE, Tree, Version

HEAD = "HEAD"
_FEW_RUNS = 20
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


class Versions:
    """Finds versions by name. `close` ends the process that reads git."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._git: list[Git] = []

    @property
    def git(self) -> Git:
        """The repository. Raises `GitError`."""
        if not self._git:
            self._git.append(Git(self._session.root))
        return self._git[0]

    def close(self) -> None:
        """Let go of git."""
        for git in self._git:
            git.close()

    def workspace(self) -> Version:
        """Return what lies here."""
        return Version(WORKSPACE, self._session, _WorkTree(self._session.root))

    def find(self, name: str) -> Version:
        """Return the workspace, a run, or a revision of git. Raises `VersionNotFound`, `GitError`."""
        if name == WORKSPACE:
            return self.workspace()
        if _RUN.fullmatch(name):
            return self._run(name)
        try:
            commit = self.git.resolve(name)
        except VersionNotFound:
            near = did_you_mean(name, self._runs()) if name[:8].isdigit() else None
            if near is None:
                raise
            raise VersionNotFound(name, hint=near) from None
        return self._commit(name, commit)

    def all(self, *, branches: bool, tags: bool, commits: bool) -> list[Version]:
        """Return the workspace, then each commit once, under all of its names that were asked for."""
        names: dict[str, list[str]] = {}
        for name, commit in self.git.names(branches=branches, tags=tags):
            names.setdefault(commit, []).append(name)
        for commit in self.git.commits() if commits else ():
            names.setdefault(commit, [])
        found = [self._commit(",".join(known) or commit, commit) for commit, known in names.items()]
        return [self.workspace(), *found]

    def search(
        self, revisions: Iterable[str], wanted: Callable[[str], bool], *, branches: bool, tags: bool, commits: bool
    ) -> Iterator[tuple[str, str, bytes]]:
        """Yield (version's name, path, bytes) of the files whose names are `wanted` in revisions of git, each content
        once. Raises `GitError`, `VersionNotFound`.
        """
        named: dict[str, str] = {}
        for name in revisions:
            named.setdefault(self.git.resolve(name), name)
        for name, commit in self.git.names(branches=branches, tags=tags):
            named.setdefault(commit, name)
        for commit in self.git.commits() if commits else ():
            named.setdefault(commit, commit[:10])
        for commit, path, data in self.git.search(named, wanted):
            yield named[commit], path, data

    def names(self) -> list[str]:
        """Return what versions go by: the workspace, branches and tags, the latest runs."""
        named: list[str] = []
        with suppress(GitError):
            named = [name for name, _ in self.git.names(branches=True, tags=True)]
        return [WORKSPACE, HEAD, *named, *sorted(self._runs(), reverse=True)[:_FEW_RUNS]]

    def branch(self) -> str | None:
        """Return the name of the branch that is checked out, None where there is none."""
        with suppress(GitError):
            return self.git.branch()
        return None

    def _commit(self, name: str, commit: str) -> Version:
        return Version(name, self._session, _Commit(self.git, commit))

    def _run(self, name: str) -> Version:
        try:
            doc = json.loads(self._session.store.get(run_name(name)))
            files = {path: Digest(object_) for part in ("files", "locks") for path, object_ in doc[part].items()}
        except NotThere:
            runs = self._runs()
            hint = did_you_mean(name, runs) or "`ckptflow log` lists the runs that were kept"
            raise VersionNotFound(name, hint=hint) from None
        except KeyError:
            hint = "it was kept by an earlier version of ckptflow, or ran with --no-commit"
            raise ValuesMissing(f"nothing is known of the values of run {name}", hint=hint) from None
        return Version(name, self._session, _KeptTexts(self._session, files))

    def _runs(self) -> list[str]:
        names = (entry.name for entry in self._session.store.list(RUNS))
        return [name.removeprefix(RUNS).removesuffix(".json") for name in names]


@dataclass(frozen=True, slots=True)
class _WorkTree:
    root: Path

    def data(self, path: str) -> bytes | None:
        full = self.root / path
        try:
            return full.read_bytes() if full.is_file() else None  # a FIFO would wait for a writer
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DepUnreadable(f"`{path}` cannot be read: {error.strerror}") from error

    def below(self, directory: str) -> list[str]:
        if not (self.root / directory).is_dir():
            return []
        return sorted(f"{directory}/{name}" for name, _, _ in members(self.root, directory))

    def pipelines(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        return ((directory, names) for directory, _, names in walk(str(self.root)))


@dataclass(frozen=True, slots=True)
class _Commit:
    git: Git
    commit: str

    def data(self, path: str) -> bytes | None:
        return self.git.data(self.commit, path)

    def below(self, directory: str) -> list[str]:
        return list(self.git.files(self.commit, directory))

    def pipelines(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        return among(self.below("."), partial(_lenient, self))


@dataclass(frozen=True, slots=True)
class _KeptTexts:
    session: Session
    files: Mapping[str, Digest]

    def data(self, path: str) -> bytes | None:
        object_ = self.files.get(path)
        try:
            return None if object_ is None else self.session.objects.get(object_)
        except (NotThere, StoreDamaged):
            return None

    def below(self, directory: str) -> list[str]:
        return sorted(path for path in self.files if path.startswith(f"{directory}/"))

    def pipelines(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        return among(self.files, partial(_lenient, self))


def _lenient(tree: Tree, path: str) -> str | None:
    data = tree.data(path)
    return None if data is None else data.decode("utf-8", "replace")
