"""Edge. Which pipeline files a project has: in its root and in the directories below, as DVC finds them.

A directory counts with the first of `PIPELINE_FILES` that it holds. Passed over are hidden directories, those where
packages are installed, links, directories that are projects or repositories of their own, and what a `.ckptflowignore`
or `.dvcignore` leaves out. Imports next to nothing: a run with nothing to do looks here whether another pipeline file
came.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` costs more than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..dvc.ignore import Ignore

PIPELINE_FILES = ("pipeline.yaml", "dvc.yaml")
STATE_DIR = ".ckptflow"
MARKERS = (STATE_DIR, ".dvc")
"""Directories that make what holds them the root of a project."""

IGNORE_FILES = (".ckptflowignore", ".dvcignore")
_OWN = frozenset((*MARKERS, ".git", "pyvenv.cfg"))
_PASSED_OVER = frozenset(("__pycache__", "node_modules", "site-packages"))


def scan(directory: str, *, top: bool = False) -> tuple[str, ...]:
    """Return the names in a directory that matter: subdirectories (with a slash), pipeline files, ignore files; sorted.

    Nothing for one that cannot be read or, unless it is the project's own root (`top`), is a project of its own.
    """
    names: list[str] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                if name in _OWN and not top:
                    return ()
                if name[0] != "." and name not in _PASSED_OVER and entry.is_dir(follow_symlinks=False):
                    names.append(f"{name}/")
                elif (name in PIPELINE_FILES or name in IGNORE_FILES) and entry.is_file():
                    names.append(name)
    except OSError:
        return ()
    return tuple(sorted(names))


def walk(root: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield (directory relative to `root`, its mtime_ns before it was looked at, its `scan`), parents first, sorted.

    What is to be ignored is neither yielded nor looked into.
    """
    todo = ["."]
    ignore: Ignore | None = None
    while todo:
        directory = todo.pop()
        full = f"{root}/{directory}"
        try:
            mtime = os.stat(full).st_mtime_ns  # noqa: PTH116 - pathlib costs more than all the rest
        except OSError:
            continue
        names = scan(full, top=directory == ".")
        prefix = "" if directory == "." else f"{directory}/"
        for name in IGNORE_FILES:
            if name in names:
                ignore = _more(ignore, directory, f"{full}/{name}")
        if ignore is not None:
            names = tuple(
                n for n in names if not ignore.leaves_out(f"{prefix}{n.rstrip('/')}", directory=n.endswith("/"))
            )
        yield directory, mtime, names
        todo += [prefix + name[:-1] for name in reversed(names) if name.endswith("/")]


def _more(ignore: Ignore | None, directory: str, path: str) -> Ignore:
    """Return the rules with those of another file."""
    from ..dvc.ignore import Ignore  # few projects have such a file

    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    return (ignore or Ignore()).plus(directory, lines)


def among(paths: Iterable[str], text: Callable[[str], str | None]) -> list[tuple[str, tuple[str, ...]]]:
    """Return (directory, names of its pipeline files) for all `paths` of a version: what `walk` would find there.

    `text` gives the texts of its files.
    """
    found: dict[str, list[str]] = {}
    others: set[str] = set()
    ignoring: list[str] = []
    for path in paths:
        directory, _, name = path.rpartition("/")
        parts = path.split("/")
        others.update("/".join(parts[:i]) for i, part in enumerate(parts) if i and part in _OWN)
        if name in IGNORE_FILES:
            ignoring.append(path)
        elif name in PIPELINE_FILES and not any(p[0] == "." or p in _PASSED_OVER for p in parts):
            found.setdefault(directory or ".", []).append(name)
    if ignoring:
        from ..dvc.ignore import Ignore

        ignore = Ignore()
        for path in sorted(ignoring, key=lambda each: (each.count("/"), each)):
            ignore = ignore.plus(path.rpartition("/")[0] or ".", (text(path) or "").splitlines())
        for directory, names in found.items():
            prefix = "" if directory == "." else f"{directory}/"
            names[:] = [name for name in names if not ignore.leaves_out(prefix + name)]
    inside = {directory for directory in found if any(f"{directory}/".startswith(f"{other}/") for other in others)}
    return [(each, tuple(sorted(found[each]))) for each in sorted(found.keys() - inside) if found[each]]


def file_of(directory: str, names: tuple[str, ...]) -> str | None:
    """Return the pipeline file of a directory with these `names`, relative to the root; None if it has none."""
    for name in PIPELINE_FILES:
        if name in names:
            return name if directory == "." else f"{directory}/{name}"
    return None


def find_root(directory: str) -> str:
    """Return the root of the project that a pipeline file in `directory` belongs to.

    It is the nearest directory upwards with one of `MARKERS`, within the same git repository; else `directory` itself.
    """
    here = directory
    while True:
        if any(os.path.isdir(f"{here}/{marker}") for marker in MARKERS):  # noqa: PTH112
            return here
        above = os.path.dirname(here)  # noqa: PTH120
        if above == here or os.path.exists(f"{here}/.git"):  # noqa: PTH110
            return directory
        here = above


def find_upwards(start: str) -> tuple[str, str] | None:
    """Return (root, pipeline file relative to it) for the nearest directory upwards that has a pipeline file.

    The file is empty where a root is met first; None: there is neither.
    """
    directory = start
    while True:
        for name in PIPELINE_FILES:
            if os.path.isfile(f"{directory}/{name}"):  # noqa: PTH113
                root = find_root(directory)
                return root, f"{directory}/{name}"[len(root.rstrip("/")) + 1 :]
        if any(os.path.isdir(f"{directory}/{marker}") for marker in MARKERS):  # noqa: PTH112
            return directory, ""
        above = os.path.dirname(directory)  # noqa: PTH120
        if above == directory:
            return None
        directory = above
