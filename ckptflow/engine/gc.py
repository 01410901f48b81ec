"""Edge. The use case of cleaning up: what nothing that counts leads to, in the local store or in a remote.

What counts are the lock files of the workspace and of the revisions that were asked for, the latest runs, checkpoints,
and what is young. Without `yes` it is only looked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..checkpoints import gc as local
from ..checkpoints import gcremote as far
from ..checkpoints.condemned import LEAST_NS
from ..checkpoints.garbage import Group
from ..checkpoints.locks import STORE, hold
from ..checkpoints.reach import Roots, is_lock
from ..checkpoints.remote import Remote
from ..dataclass import dataclass
from ..errors import Locked, RootUnreadable, SpecError
from ..spec.model import Pipeline
from ..store.local import LocalStore
from ..workspace.discover import walk
from .session import Session, new_run_id
from .survey import read_pipeline
from .versions import Versions

KEEP_RUNS = 10
GRACE_SECONDS = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class GcOptions:
    """What counts besides the workspace, and whether to remove what does not. `grace` in seconds."""

    branches: bool = False
    tags: bool = False
    commits: bool = False
    revisions: tuple[str, ...] = ()
    keep_runs: int = KEEP_RUNS
    grace: float = GRACE_SECONDS
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What goes, or would go, from one store (`where`), and what stays. `waiting` says who stands in the way, where
    nothing was removed that was to be. `notes` are for people.

    From a remote, `condemned` goes later: not before `wait` seconds have passed since it was condemned. `pending_bytes`
    were condemned before and are not due; the first of them are in `due` seconds.
    """

    where: str
    groups: tuple[Group, ...] = ()
    condemned: tuple[Group, ...] = ()
    pending_bytes: int = 0
    due: float | None = None
    wait: float = 0.0
    records: int = 0
    kept_objects: int = 0
    kept_bytes: int = 0
    counted: str = ""
    notes: tuple[str, ...] = ()
    done: bool = False
    waiting: str | None = None


def clean(session: Session, options: GcOptions) -> Cleaned:
    """Look for garbage in the local store, and remove it if `options.yes`, while no run works with the store.

    Raises `RootUnreadable` where what must be kept cannot be told, `StoreError`, `GitError`, `VersionNotFound`.
    """
    store = session.store
    if not isinstance(store, LocalStore):
        return Cleaned(session.settings.store, notes=("there is no store yet",))
    if not options.yes:
        return _shown(session, options, _survey(session, options, time.time_ns()))
    run = new_run_id()
    try:
        with hold(session.store_root, [STORE], run=run, timeout=0):
            plan = _survey(session, options, local.store_clock(store, run))
            local.remove(store, plan, run)
            session.cache.drop_documents("fresh")
            return _shown(session, options, plan, done=True)
    except Locked as error:
        return _shown(session, options, _survey(session, options, time.time_ns()), waiting=error.holder)


def _survey(session: Session, options: GcOptions, now_ns: int) -> local.Plan:
    roots, all_known = gather(session, options)
    terms = local.Terms(now_ns, int(options.grace * 1e9), options.keep_runs, all_known)
    return local.survey(session.store, roots, terms)


def _shown(
    session: Session, options: GcOptions, plan: local.Plan, *, done: bool = False, waiting: str | None = None
) -> Cleaned:
    return Cleaned(
        where=session.store_root.as_posix(),
        groups=plan.groups,
        records=len(plan.log.dropped),
        kept_objects=plan.kept_objects,
        kept_bytes=plan.kept_bytes,
        counted=counted(options),
        notes=plan.notes,
        done=done,
        waiting=waiting,
    )


def clean_remote(session: Session, remote: Remote, options: GcOptions) -> Cleaned:
    """Look for garbage in a remote; if `options.yes`, delete what is due and condemn the rest.

    It needs no pause of those who work with the remote. Raises as `clean` does.
    """
    roots, all_known = gather(session, options)
    grace_ns = max(int(options.grace * 1e9), LEAST_NS)

    def terms(now_ns: int) -> local.Terms:
        return local.Terms(now_ns, grace_ns, options.keep_runs, all_known)

    waiting = None
    now_ns = time.time_ns()
    if options.yes:
        try:
            found = far.clean(remote, roots, new_run_id(), terms)
        except Locked as error:
            waiting = error.holder
    if not options.yes or waiting is not None:
        found = far.survey(remote, roots, terms(now_ns))
    return Cleaned(
        where=f"{remote.name} ({session.settings.remotes[remote.name].shown})",
        groups=found.deleted,
        condemned=found.condemned,
        pending_bytes=found.waiting_bytes,
        due=None if found.due_ns is None or not found.waiting else max(0.0, (found.due_ns - now_ns) / 1e9),
        wait=grace_ns / 1e9,
        records=found.verdict.records,
        kept_objects=found.kept_objects,
        kept_bytes=found.kept_bytes,
        counted=counted(options),
        notes=found.notes,
        done=options.yes and waiting is None,
        waiting=waiting,
    )


def gather(session: Session, options: GcOptions) -> tuple[Roots, bool]:
    """Return what lock files lead to, and whether the pipeline is unknown, so that every stage must be taken for one.

    Raises `RootUnreadable`, `GitError`, `VersionNotFound`.
    """
    roots = Roots()
    for path, data in _lock_files(session.root):
        roots.lock(data, path)
    if options.branches or options.tags or options.commits or options.revisions:
        versions = Versions(session)
        try:
            for name, path, data in versions.search(
                options.revisions, is_lock, branches=options.branches, tags=options.tags, commits=options.commits
            ):
                roots.lock(data, path, name)
        finally:
            versions.close()
    try:
        pipeline: Pipeline = read_pipeline(session).pipeline
    except SpecError:
        roots.notes.append("the pipeline has mistakes: checkpoints are kept, whatever stage they are of")
        return roots, True
    for stage in pipeline.stages.values():
        roots.stages.add(stage.name)
    return roots, False


def _lock_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of the lock files of all directories of the workspace."""
    for directory, _, _ in walk(str(root)):
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in sorted((root / directory).iterdir()):
                if not is_lock(path.name) or not path.is_file():
                    continue
                name = path.relative_to(root).as_posix()
                try:
                    yield name, path.read_bytes()
                except OSError as error:
                    raise RootUnreadable(f"{name} cannot be read: {error.strerror}") from error


def counted(options: GcOptions) -> str:
    """Return in words what counts."""
    named = [
        "the workspace",
        *(["all branches"] if options.branches else []),
        *(["all tags"] if options.tags else []),
        *(["all commits"] if options.commits else []),
        *options.revisions,
        *([_runs(options.keep_runs)] if options.keep_runs else []),
    ]
    return ", ".join(named)


def _runs(number: int) -> str:
    return "the latest run" if number == 1 else f"the latest {number} runs"
