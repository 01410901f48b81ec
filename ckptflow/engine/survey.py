"""Edge. What there is before anything is decided: the pipeline, its graph, the lock file, the code, the workspace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..checkpoints.lockfile import LockEntry
from ..dataclass import dataclass, field
from ..errors import Place, Problem, ProjectNotFound, SpecError
from ..ids import StageName
from ..plan.graph import Graph, build_graph
from ..plan.selection import Selection
from ..plan.stagerun import StageRun
from ..plan.stale import Cause, Reason
from ..spec.load import load_pipeline
from ..spec.model import Pipeline
from ..workspace.discover import walk
from ..workspace.locate import Location
from ..workspace.observed import Stamp
from ..workspace.place import OutState
from .facts import ProjectFacts
from .locks import Locks, load_locks
from .session import Session, StorePast, may_stay


@dataclass(frozen=True, slots=True)
class Survey:
    """A project as it was found. `seen`: the files that declare it, see `ProjectFiles`; `found`: the pipeline files,
    also those that proved to lie inside outs; `texts`: what stands in the files that were there.
    """

    pipeline: Pipeline
    graph: Graph
    locks: Locks
    seen: Mapping[str, tuple[Stamp, int] | None]
    found: tuple[str, ...]
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def lock(self) -> Mapping[StageName, LockEntry]:
        """What the lock files say of each stage."""
        return self.locks.entries

    def code_outs(self) -> Mapping[StageName, frozenset[str]]:
        """Return the labels of the outs that run code when they are loaded, by stage: see `checkpoints.trust`."""
        from ..checkpoints.trust import code_outs  # asked by few

        return code_outs(self.pipeline, self.graph)


class ProjectFiles:
    """Gives the specification the texts it asks for, from below the root.

    `seen` is what stat said of them before they were read, and the time; None for one that was not there. `texts` is
    what stood in those that were.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.texts: dict[str, str] = {}
        self.seen: dict[str, tuple[Stamp, int] | None] = {}

    def read(self, path: str) -> str | None:
        """Return the text of a file, None if it is not there."""
        full = self._root / path
        try:
            self.seen[path] = (Stamp.of(full.stat()), time.time_ns())
            self.texts[path] = full.read_text(encoding="utf-8-sig")
            return self.texts[path]
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self.seen[path] = None
            return None
        except (UnicodeDecodeError, OSError) as error:
            why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise SpecError((Problem("CF143", f"`{path}` cannot be read: {why}", Place(path, 1, 1)),)) from error


def read_pipeline(session: Session) -> Survey:
    """Return the pipeline, its graph and the lock files. Raises `SpecError`."""
    files = ProjectFiles(session.root)
    found = find_files(session.location)
    pipeline = load_pipeline(found[0], files, others=found[1:])
    locks = load_locks(session.location, pipeline.files)
    return Survey(pipeline, build_graph(pipeline), locks, files.seen, found, files.texts)


def find_files(location: Location) -> tuple[str, ...]:
    """Return the pipeline files of the project as they lie there now. Raises `ProjectNotFound` if all are gone."""
    seen = () if location.alone else walk(str(location.root))
    found = location.files((directory, names) for directory, _, names in seen)
    if not found:
        raise ProjectNotFound(f"no pipeline file in {location.root} or below it", hint="make one: `ckptflow init`")
    return found


def gather(
    session: Session, survey: Survey, selection: Selection, elsewhere: Callable[[str], str | None]
) -> ProjectFacts:
    """Work out the recipes of what was selected. Raises `SpecError` for functions that do not fit.

    `elsewhere` is asked how a dep that is missing can be had from another program; None: it does not know.
    """
    facts = ProjectFacts(
        survey.pipeline,
        survey.graph,
        survey.lock,
        session.observer,
        session.sources,
        session.cache,
        has_spill=lambda name: (session.spills / name).exists(),
        elsewhere=elsewhere,
    )
    names = selection.stages | selection.pinned
    facts.load({name: stage for name, stage in survey.pipeline.stages.items() if name in names})
    return facts


def out_reasons(session: Session, past: StorePast, survey: Survey, run: StageRun) -> tuple[Reason, ...]:
    """Return what the workspace says about the outs of a stage: missing or changed by hand."""
    found: list[Reason] = []
    before = survey.lock.get(run.name)
    for out in run.stage.outs:
        if not out.workspace:
            continue
        tree = run.trees.get(out.label)
        if tree is None and before is not None and out.label in before.outs:
            tree = past.document(before.outs[out.label]["tree"])
        state = session.placer.state(out, tree)
        if state is OutState.MISSING and run.fresh and tree is not None and may_stay(session, out, tree):
            continue
        if state is OutState.MISSING and run.fresh:
            found.append(Reason(Cause.OUT_MISSING, f"`{out.path}` is missing and will be put back", out.path))
        elif state is OutState.DAMAGED or (state is OutState.OURS and run.fresh):
            found.append(Reason(Cause.OUT_MISSING, f"`{out.path}` is another version and will be put back", out.path))
        elif state is OutState.EDITED:
            found.append(Reason(Cause.OUT_EDITED, f"`{out.path}` was changed by hand", out.path))
    return tuple(found)
