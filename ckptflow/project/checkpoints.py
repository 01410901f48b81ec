"""Edge. The checkpoints of a project: looked at, checked, put away and had back. What they need is imported then.

Reading waits for nobody. Whatever changes something takes the lock of the pipeline, and raises `Locked` where a living
run has it.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..engine.session import Session
from ..engine.survey import read_pipeline
from ..errors import CheckpointError, SpecError, StoreDamaged
from .opened import Opened

if TYPE_CHECKING:
    from ..checkpoints.shelf import Document
    from ..engine.away import PutAway
    from ..engine.headway import StageReport
    from ..engine.restoring import Restored
    from ..engine.shelves import CheckedCheckpoints, CheckpointView, Shelves
    from ..engine.stored import StoredChunk


class Checkpoints:
    """The checkpoints of one project. `targets` are stages, also such as are no more, ids, and names of files; where
    chunks are meant, `STAGE#3..7` too. Every method raises `StoreError`, and `CheckpointNotFound` for what matches
    nothing.
    """

    def __init__(self, project: Checkpointed) -> None:
        self._project = project

    def list(
        self, targets: Sequence[str] = (), *, run: str | None = None, older_than: float | None = None
    ) -> list[CheckpointView]:
        """Return the documents by stage, newest first, the damaged ones with what is wrong with them.

        `run`: those of this run; `older_than`: those last updated so many seconds ago.
        """
        from ..engine.shelves import choose, list_checkpoints, pipeline_of

        with self._shelves() as (session, shelves):
            shelf = shelves.read()
            asked = choose(pipeline_of(session), shelf, self._from_here(session, targets))
            return list_checkpoints(shelf, asked, run=run, older_than=older_than)

    def chunks(
        self,
        targets: Sequence[str] = (),
        *,
        states: Collection[str] = (),
        run: str | None = None,
        older_than: float | None = None,
        deep: bool = False,
    ) -> tuple[StoredChunk, ...]:
        """Return the chunks that the store holds of stages of the pipeline; with `states` only such (`valid`, `stale`,
        `maybe`, `corrupt`, `unfinished`). With `deep` their objects are hashed. Raises `SpecError`.
        """
        from ..engine.stored import chosen_chunks

        with self._project._session() as session:
            targets = self._from_here(session, targets)
            survey = read_pipeline(session)
            return chosen_chunks(
                session, survey, targets, states=frozenset(states), run=run, older_than=older_than, deep=deep
            )

    def trashed(self) -> builtins.list[CheckpointView]:
        """Return the documents that can be had back, what was put away last first."""
        from ..engine.restoring import trashed_views

        with self._shelves() as (_, shelves):
            return trashed_views(shelves)

    def forgotten(self) -> dict[tuple[str, str], int]:
        """Return how many records of (stage, when they were forgotten) can be had back."""
        from ..engine.restoring import trashed_records

        with self._shelves() as (_, shelves):
            return trashed_records(shelves)

    def report(self, target: str) -> StageReport:
        """Return how far a stage is: by its newest valid checkpoint, or by one that is named, and by what its run has
        recorded since; where a run has written none yet, by what it has recorded. Raises `StoreDamaged` for one that
        cannot be used, `CheckpointError` where a stage has none.
        """
        from ..engine.headway import report_on, report_without
        from ..engine.shelves import named, pipeline_of, stages_of

        with self._shelves() as (session, shelves):
            shelf, pipeline = shelves.read(), pipeline_of(session)
            if pipeline is not None and named(shelf, target) is None:
                for stage in stages_of(pipeline, shelf, *self._from_here(session, [target])):
                    begun = report_without(session, pipeline, stage, shelf.newest(stage))
                    if begun is not None:
                        return begun
            return report_on(session, pipeline, self._find(session, shelves, target))

    def document(self, target: str) -> dict[str, Any]:
        """Return a checkpoint as it was written, unknown fields included. Raises as `report` does."""
        with self._shelves() as (session, shelves):
            document = self._find(session, shelves, target)
            assert document.checkpoint is not None
            return document.checkpoint.to_dict()

    def verify(self, targets: Sequence[str] = (), *, deep: bool = False) -> CheckedCheckpoints:
        """Judge every document; with `deep` hash what the records of the stages name. Changes nothing."""
        from ..engine.shelves import check, pipeline_of

        with self._shelves() as (session, shelves):
            return check(shelves, pipeline_of(session), self._from_here(session, targets), deep=deep)

    def prune(
        self,
        targets: Sequence[str] = (),
        *,
        keep: int | None = None,
        older_than: float | None = None,
        corrupt: bool = False,
        yes: bool = False,
    ) -> PutAway:
        """Put away what is beyond `keep` of each stage (unless given, as the stage says) or older, or just what is
        `corrupt`; without `yes` only say what. The newest valid one of a stage stays. Raises `Locked`.
        """
        from ..engine.away import prune

        with self._shelves() as (session, shelves):
            targets = self._from_here(session, targets)
            return prune(shelves, targets, keep=keep, older_than=older_than, corrupt=corrupt, yes=yes)

    def remove(self, targets: Sequence[str], *, yes: bool = False) -> PutAway:
        """Put away these documents, and forget what is recorded of these chunks (`STAGE#3..7`), so that the next run
        makes them again; without `yes` only say what. Raises `Locked`.
        """
        from ..engine.away import remove

        with self._shelves() as (session, shelves):
            return remove(shelves, self._from_here(session, targets), yes=yes)

    def restore(self, targets: Sequence[str] = ()) -> Restored:
        """Bring back what was put away: what is named, or what the last `prune` or `remove` took. Raises `Locked`."""
        from ..engine.restoring import restore

        with self._shelves() as (session, shelves):
            return restore(shelves, self._from_here(session, targets))

    @contextmanager
    def _shelves(self) -> Iterator[tuple[Session, Shelves]]:
        from ..engine.shelves import open_shelves

        with self._project._session() as session, open_shelves(session) as shelves:
            yield session, shelves

    def _from_here(self, session: Session, targets: Sequence[str]) -> Sequence[str]:
        try:
            return self._project._from_here(session, targets)
        except SpecError:
            return targets

    def _find(self, session: Session, shelves: Shelves, target: str) -> Document:
        from ..engine.shelves import named, pipeline_of, stages_of

        shelf = shelves.read()
        document = named(shelf, target)
        if document is None:
            (target,) = self._from_here(session, [target])
            stages = sorted(stages_of(pipeline_of(session), shelf, target))
            newest = [found for stage in stages if (found := shelf.newest(stage)) is not None]
            if not newest:
                bad = [d for stage in stages for d in shelf.of(stage)]
                hint = f"{len(bad)} are damaged: `ckptflow checkpoints verify`" if bad else "it has not run here yet"
                raise CheckpointError(f"there is no valid checkpoint of {', '.join(stages)}", hint=hint)
            document = max(newest, key=lambda found: found.age)
        if document.problem is not None:
            hint = "`ckptflow checkpoints list` shows the others"
            raise StoreDamaged(f"the checkpoint {document.name} cannot be used: {document.problem}", hint=hint)
        return document


class Checkpointed(Opened):
    """A project whose checkpoints can be looked at."""

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints of this project's stages."""
        return Checkpoints(self)
