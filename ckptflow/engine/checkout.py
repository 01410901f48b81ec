"""Edge. `checkout`: the workspace shows the outs that the lock files name.

First everything is looked at, then everything is placed: where one out was changed by hand, and it is not forced, none
is touched. What the store does not have in full is left as it stands and told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from ..checkpoints.locks import hold
from ..checkpoints.trees import get_tree, is_present
from ..chunk.tree import Tree
from ..dataclass import dataclass
from ..errors import OutEdited, StoreDamaged
from ..spec.model import Out
from ..store.protocol import NotThere
from ..workspace.place import OutState, edited
from .adopt import Adoption
from .regain import Regaining
from .session import Session
from .survey import Survey, find_files
from .transfer import NO_REFS, Chosen, Lack, LockedOut, Tally, locked_outs

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"


@dataclass(frozen=True, slots=True)
class Placed:
    """An out that was placed, or stood there already: `state` is `added`, `changed` or `unchanged`."""

    stage: str
    path: str
    state: str


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What a checkout came to. `outs` are those that stand in the workspace now, `missing` those that do not."""

    seconds: float
    outs: tuple[Placed, ...]
    missing: tuple[Lack, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `checkout --json`."""
        return {
            "ok": not self.missing,
            "seconds": round(self.seconds, 3),
            **{word: [o.path for o in self.outs if o.state == word] for word in (ADDED, CHANGED)},
            UNCHANGED: sum(o.state == UNCHANGED for o in self.outs),
            "missing": [lack.to_json() for lack in self.missing],
        }


def checkout(
    session: Session,
    survey: Survey,
    chosen: Chosen | None = None,
    *,
    force: bool = False,
    tally: Tally | None = None,
    on_wait: Callable[[str, str], None] | None = None,
) -> CheckedOut:
    """Place the outs of the stages in `chosen`, or of all. Waits for a run that is going on, as a run does.

    Raises `OutEdited` before anything was changed, unless `force`; `Locked`, `StoreError`.
    """
    began, tally = time.monotonic(), tally or Tally()
    locks = [f"pipeline {file}" for file in find_files(session.location)]
    timeout = session.settings.lock_timeout
    with hold(session.store_root, locks, on_wait=on_wait, timeout=timeout):
        tally.begin("looking at the workspace")
        regaining = Regaining(session, survey.pipeline, survey.lock)
        session.placer.neighbours = (regaining, Adoption(session, survey.pipeline))
        outs, missing = _look(session, survey, chosen, regaining)
        states = [(out, tree, session.placer.state(_declared(out), tree)) for out, tree in outs]
        there = {out.path for out, _, _ in states if os.path.lexists(session.root / out.path)}
        bad = [out.path for out, _, state in states if state is OutState.EDITED and not force]
        if bad:
            raise _edited(bad)
        tally.begin("placing")
        tally.expect(len(states), sum(tree.bytes for _, tree, _ in states))
        placed: list[Placed] = []
        for out, tree, state in states:
            try:
                session.placer.place(_declared(out), tree, force=force)
            except (NotThere, StoreDamaged) as error:
                missing.append(Lack(out.stage, out.path, error.message, _hint(session, out), damaged=True))
            else:
                placed.append(Placed(out.stage, out.path, _word(state, out.path in there)))
            tally.settle(1, tree.bytes)
    return CheckedOut(time.monotonic() - began, tuple(placed), tuple(missing))


def _look(
    session: Session, survey: Survey, chosen: Chosen | None, regaining: Regaining
) -> tuple[list[tuple[LockedOut, Tree]], list[Lack]]:
    """Return the outs that are in the store in full, with their trees, and those that are not.

    One that stands in the workspace as it should, and that the store does not have (git brought it), is stored.
    """
    found: list[tuple[LockedOut, Tree]] = []
    missing: list[Lack] = []
    locked = [out for out in locked_outs(session, survey, chosen, NO_REFS, []) if out.out is not None]
    for out in locked:
        if not _declared(out).workspace:
            continue
        tree = _whole(session, out)
        if tree is None and regaining.regain_out(_declared(out)):
            tree = _whole(session, out)
        if tree is not None:
            found.append((out, tree))
        else:
            missing.append(Lack(out.stage, out.path, "the store here does not have all of it", _hint(session, out)))
    known = {(out.stage, out.label) for out in locked}
    for stage, labels in (chosen or {}).items():
        for declared in survey.pipeline.stages[stage].outs:
            if (stage, declared.label) not in known and (labels is None or declared.label in labels):
                hint = f"`ckptflow repro {stage}` makes it"
                missing.append(Lack(stage, declared.path, "it was not made yet: no lock file names it", hint))
    return found, missing


def _whole(session: Session, out: LockedOut) -> Tree | None:
    """Return the tree of an out that is in the store in full."""
    tree = get_tree(session.objects, out.tree)
    return tree if tree is not None and all(is_present(session.objects, part) for part in tree.parts) else None


def _declared(out: LockedOut) -> Out:
    assert out.out is not None
    return out.out


def _hint(session: Session, out: LockedOut) -> str:
    again = f"`ckptflow repro {out.stage}` makes it again"
    return f"`ckptflow pull` brings it; {again}" if session.settings.remotes and out.pushed else again


def _word(state: OutState, there: bool) -> str:
    if state is OutState.SAME:
        return UNCHANGED
    return CHANGED if there else ADDED


def _edited(paths: list[str]) -> OutEdited:
    error = edited(paths[0])
    others = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
    text = f"`{paths[0]}`{others} was changed by hand, or was not made by ckptflow; a checkout would overwrite it"
    return OutEdited(text, hint=error.hint)
