"""Edge. Writing the witness for `engine.fresh`: only from what the run itself saw, never from a second look.

A file that was modified so shortly before it was seen that a later change could leave its stamp as it is (the racy
case) makes a witness impossible; after a run that wrote something we therefore wait out the clock's granularity once,
from when the last file was written. The witness is the last thing that a run does, so little is left of that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..chunk.tree import Layout
from ..plan.schedule import Schedule
from ..plan.stagerun import Phase
from ..store import layout
from ..workspace.derived import replace_file
from ..workspace.discover import IGNORE_FILES, walk
from ..workspace.keys import key_path
from ..workspace.observed import GRANULARITY_NS, Observed, Stamp, is_racy
from ..workspace.place import OutState
from ..workspace.settings import config_paths
from ..workspace.treestamp import tree_stamp
from . import fresh
from .facts import ProjectFacts
from .result import StageResult
from .session import Session
from .survey import Survey

MOST = 100
"""Witnesses that are kept, one for each choice of targets."""


class NotYet(Exception):
    """The verdict cannot be witnessed: something was too young when it was seen, or is not as it was."""


def write(
    session: Session,
    survey: Survey,
    schedule: Schedule,
    facts: ProjectFacts,
    results: Iterable[StageResult],
    targets: Sequence[str],
    absent: Collection[str] = (),
    *,
    written: float | None,
) -> None:
    """Keep a witness that everything is up to date; nothing if that is not so, or not certain.

    `absent` are paths with nothing there, which the verdict relies on: outs that were left in a remote, among others.
    `written` (`time.monotonic`): when the last file was written; their stamps must be old enough to be believed.
    """
    if any(r.phase is not Phase.SETTLED or (r.forced and not r.pinned) for r in schedule.stages.values()):
        return
    if written is not None:
        time.sleep(max(0.0, written + GRANULARITY_NS / 1e9 - time.monotonic()))
    try:
        files, dirs = _looked_at(session, schedule, facts, absent)
        found = _found(session, survey)
        stages = list(results)
        witness = fresh.Witness(
            [*_files(session, survey, schedule), *files, *_ignores(session, found)],
            [*_absent(session, survey), *absent],
            list(dirs.items()),
            list(_places(found)),
            stages=len(stages),
            plain=not any(result.quarantined or result.superseded for result in stages),
            result=json.dumps({"stages": [_quiet(result) for result in stages]}, separators=(",", ":")),
        )
    except NotYet:
        return
    name = fresh.name_of(session.location.file, session.location.here, targets)
    _keep(session.location.state / fresh.FOLDER / name, witness.encode(name))


def _keep(path: Path, data: bytes) -> None:
    """Write a witness; it is only a cache, so a full or read-only disk is no error. The oldest of too many goes."""
    with suppress(OSError):
        replace_file(path, data)
        kept = sorted(path.parent.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        for old in kept[:-MOST]:
            old.unlink()


def _quiet(result: StageResult) -> dict[str, Any]:
    doc = result.to_json()
    state = "frozen" if result.state == "frozen" else "fresh"
    chunks = {**doc["chunks"], "ran": 0, "reused": result.total, "failed": 0}
    return {
        **doc,
        "state": state,
        "seconds": 0.0,
        "chunks": chunks,
        "items": dict.fromkeys(doc["items"], 0),
        "reasons": [],
    }


def _row(path: str, stamp: Stamp, seen_ns: int) -> tuple[str, str]:
    if is_racy(stamp.mtime_ns, seen_ns):
        raise NotYet(path)
    return path, fresh.stamp_text(stamp.size, stamp.mtime_ns, stamp.inode)


def _files(session: Session, survey: Survey, schedule: Schedule) -> Iterator[tuple[str, str]]:
    for path, seen in (*survey.seen.items(), *session.sources.seen.items()):
        if seen is not None:
            yield _row(path, *seen)
    now = time.time_ns()
    packages = {name for run in schedule.stages.values() for name in run.recipe.packages}
    for path_ in map(_installed, sorted(packages)):
        yield _row(str(path_), Stamp.of(path_.stat()), now)
    known = [session.location.lock_of(file) for file in survey.pipeline.files]
    known += _settings(session)
    known += [session.store_root / layout.MARKER]
    texts = [str(path_) for path_ in known]
    for run in schedule.stages.values():
        texts += [f"{session.store_root}/{layout.object_name(name)}" for name in run.names.values()]
    for text in texts:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield _row(text, Stamp.of(os.stat(text)), now)  # noqa: PTH116 - once a stage


def _installed(distribution: str) -> Path:
    """Return the file that goes when another version of a distribution is installed."""
    from importlib import metadata  # brings in the whole of `email`: only for stages that name packages

    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise NotYet(distribution) from None
    for file in found.files or ():
        if file.name == "METADATA":
            return Path(str(found.locate_file(file)))
    raise NotYet(distribution)


def _absent(session: Session, survey: Survey) -> Iterator[str]:
    yield from (path for path, seen in survey.seen.items() if seen is None)
    yield from (path for path, digest in session.sources.read.items() if digest is None)
    yield from (str(p) for p in _settings(session) if not p.exists())


def _settings(session: Session) -> list[Path]:
    """Return the files that settings come from, whether they exist or not."""
    key_file = session.settings.key_file
    return [*config_paths(session.root, os.environ), *([key_path(session.root, key_file)] if key_file else [])]


def _found(session: Session, survey: Survey) -> list[tuple[str, int, tuple[str, ...]]]:
    """Look once more where pipeline files may lie (`discover.walk`); there must be those that the run knew."""
    if session.location.alone:
        return []
    found = list(walk(str(session.root)))
    if session.location.files((directory, names) for directory, _, names in found) != survey.found:
        raise NotYet("another pipeline file")
    return found


def _places(found: Iterable[tuple[str, int, tuple[str, ...]]]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield (directory, mtime_ns, names): where pipeline files were looked for, and what was there (`discover.scan`).

    A directory that could still change and look the same is looked at again each time.
    """
    now = time.time_ns()
    for directory, mtime, names in found:
        yield directory, -1 if is_racy(mtime, now) else mtime, names


def _ignores(session: Session, found: Iterable[tuple[str, int, tuple[str, ...]]]) -> Iterator[tuple[str, str]]:
    """Yield the files that tell what is to be ignored."""
    now = time.time_ns()
    for directory, _, names in found:
        for path in (session.root / directory / name for name in IGNORE_FILES if name in names):
            yield _row(str(path), Stamp.of(path.stat()), now)


def _looked_at(
    session: Session, schedule: Schedule, facts: ProjectFacts, absent: Collection[str]
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the rows of the files and the stamps of the directories that are deps or outs.

    The stamp of a directory is taken first; then what it covers must be what the run saw, or what it made.
    """
    files: list[tuple[str, str]] = []
    dirs: dict[str, str] = {}
    for seen in facts.observed.values():
        if seen.kind == "url":  # to ask its server is no fast answer
            raise NotYet(seen.path)
        if seen.kind == "file":
            files.append(_row(seen.path, seen.files.stamped[0], time.time_ns()))
        elif _again(session, seen.path, seen.base, dirs).files != seen.files:
            raise NotYet(seen.path)
    for run in schedule.stages.values():
        for out in run.stage.outs:
            if not out.workspace or out.path in absent:
                continue
            tree = run.trees.get(out.label)
            if tree is None:
                raise NotYet(out.path)
            if tree.layout is not Layout.FILE:
                _again(session, out.path, out.path, dirs)
            if session.placer.state(out, tree) is not OutState.SAME or (now := session.observer.see(out.path)) is None:
                raise NotYet(out.path)
            if tree.layout is Layout.FILE:
                files.append(_row(out.path, now.files.stamped[0], time.time_ns()))
    return files, dirs


def _again(session: Session, path: str, base: str, dirs: dict[str, str]) -> Observed:
    """Look once more at a directory, or a pattern in one, after taking the stamp of its `base` into `dirs`."""
    if base not in dirs:
        try:
            dirs[base] = tree_stamp(str(session.root / base))
        except OSError:  # something was taken away meanwhile
            raise NotYet(base) from None
    session.observer.forget(path)
    seen = session.observer.see(path)
    if seen is None or seen.files.stamped.any_racy(time.time_ns()):
        raise NotYet(path)
    return seen
