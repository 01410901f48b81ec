"""Edge. The end of a stage: its outs become trees in the store, stand in the workspace, and are noted in the lock file.

An out that is shared and not here, that nothing in its place and no stage needs, stays in the remote (`left`).

Order of writes: objects (by the workers), records (by the loop), then the tree, the workspace, the lock file. The lock
file is written whole, so at most once a second, and for a twentieth of the time at most, and at the end: with thousands
of stages it would else cost more than they do. What a kill leaves out of it the records have.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ..checkpoints.lockfile import LockEntry
from ..checkpoints.trees import bring_all, get_tree, is_here
from ..chunk.tree import Tree
from ..ids import Digest, StageName
from ..plan.stagerun import ChunkState, StageRun
from ..spec.model import Out
from ..workspace.place import OutState
from .locks import Locks
from .quarantine import keep_quarantine, tables
from .session import Session, may_stay

LOCK_EVERY_SECONDS = 1.0
LOCK_SHARE = 0.05


class Settler:
    """Settles stages of one run. `commit` false: the lock files are left as they are."""

    def __init__(self, session: Session, locks: Locks, *, force: bool, commit: bool) -> None:
        self._session = session
        self._locks = locks
        self._known = dict(locks.entries)
        self._force = force
        self._commit = commit
        self._pending: dict[StageName, LockEntry] = {}
        self._due = time.monotonic() + LOCK_EVERY_SECONDS
        self._far: dict[str, tuple[Out, Tree]] = {}
        self._tables = tables(session)
        self.restored: set[StageName] = set()

    def settle(self, run: StageRun) -> None:
        """Keep, place and note the outs of a complete stage.

        Raises `OutEdited`, `StoreError`; `StoreDamaged` when one of its objects proves bad.
        """
        session = self._session
        ran = bool(run.count(ChunkState.RAN))
        for out in run.stage.outs:
            tree = run.trees[out.label]
            if not run.fresh:
                session.objects.put(tree.encode())
            if run.pinned and session.placer.state(out, tree) is not OutState.MISSING:
                continue  # frozen: what stands there is as good as what was made
            if not ran and may_stay(session, out, tree):
                self._far[out.path] = out, tree
            elif out.workspace:
                links = out.cache and not out.persist
                relink = (ran or run.adopted) and bool(run.stage.cmd) and not run.chunked and links
                former = partial(self._former, run.name, out.label)
                if ran and out.persist:  # it was written to where it stands, and what was seen of it is old
                    session.observer.forget(out.path)
                if session.placer.place(out, tree, former, force=self._force, relink=relink) and not ran:
                    self.restored.add(run.name)
        if run.pinned:
            return
        if not run.fresh:
            keep_quarantine(session, run, self._tables)
        known = self._known.get(run.name)
        quarantined = known.quarantined if run.fresh and known is not None else run.items.failed
        entry = _entry(run, quarantined, run.superseded)
        if self._known.get(run.name) != entry:
            self._known[run.name] = self._pending[run.name] = entry
        if time.monotonic() >= self._due:
            self.write()

    @property
    def left(self) -> frozenset[str]:
        """The paths of outs that are in the remote, and neither in the workspace nor in the store."""
        return frozenset(self._far)

    def bring(self, paths: Iterable[str]) -> None:
        """Place those of the outs at `paths` that were left far away. Raises `StoreError`."""
        for path in paths:
            if path in self._far:
                out, tree = self._far.pop(path)
                bring_all(self._session.objects, tree)
                self._session.placer.place(out, tree, force=self._force)

    def bring_near(self) -> None:
        """Place what proved to be here after all: brought for stages that read it."""
        objects = self._session.objects
        near = [path for path, (_, tree) in self._far.items() if all(is_here(objects, part) for part in tree.parts)]
        self.bring(near)

    def _former(self, stage: StageName, label: str) -> Tree | None:
        """Return what the last run had made of an out."""
        entry = self._known.get(stage)
        noted = entry.outs.get(label) if entry is not None else None
        return get_tree(self._session.objects, Digest(noted["tree"])) if noted is not None else None

    def write(self, removed: tuple[StageName, ...] = ()) -> None:
        """Write what is noted to the lock file."""
        began = time.monotonic()
        if self._commit and (self._pending or removed):
            self._session.store.sync()
            self._locks.update(self._pending.values(), removed)
            self._pending = {}
        ended = time.monotonic()
        self._due = ended + max(LOCK_EVERY_SECONDS, (ended - began) / LOCK_SHARE)


def _entry(run: StageRun, quarantined: int, superseded: int) -> LockEntry:
    recipe = run.recipe
    deps: dict[str, dict[str, Any]] = {}
    for dep in run.stage.deps:
        source = run.sources[dep.label]
        form: Any = recipe.deps[dep.label].value()
        deps[dep.label] = {"path": dep.path, "digest": source.identity, "form": form}
    outs: dict[str, dict[str, Any]] = {}
    for out in run.stage.outs:
        tree = run.trees[out.label]
        outs[out.label] = {
            "path": out.path,
            "tree": run.names[out.label],
            "bytes": tree.bytes,
            "form": recipe.outs[out.label],
        }
        if tree.rows is not None:
            outs[out.label]["rows"] = tree.rows
    return LockEntry(
        stage=run.name,
        key=run.key or run.stage_key(),
        deps=deps,
        outs=outs,
        chunks=run.chunks,
        quarantined=quarantined,
        superseded=superseded,
        code=recipe.code,
        call=run.stage.call,
        cmd=recipe.cmd,
        wdir=recipe.wdir,
        args=recipe.args,
        params=recipe.params,
        env=recipe.env,
        packages=recipe.packages,
        way=run.way,
        version=recipe.version,
    )
