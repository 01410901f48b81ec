"""Edge. Edits of the pipeline file, as methods of a project; what they need is imported when one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..engine.survey import read_pipeline
from ..spec.model import Stage, Value
from .opened import Opened

if TYPE_CHECKING:
    from ..engine.editing import Edited, StageText
    from ..spec.edit.typed import Assignment


class Edits(Opened):
    """The stages of a project as text."""

    def add_stage(self, name: str, fields: Mapping[str, Value], *, force: bool = False, dry: bool = False) -> Edited:
        """Write a new stage into the pipeline file; with `force`, in the place of one of that name.

        This and the other edits keep every line that they are not about. `EditRefused`, with nothing written, where the
        file would be invalid afterwards; with `dry` nothing is written either.
        """
        from ..engine import editing

        return editing.add_stage(self.location, name, fields, force=force, dry=dry)

    def set_stage(self, stage: str, assignments: Sequence[Assignment], *, dry: bool = False) -> Edited:
        """Set, add to, take from or unset fields of a stage."""
        from ..engine import editing

        return editing.set_fields(self.location, stage, assignments, dry=dry)

    def freeze(self, stages: Sequence[str], *, dry: bool = False) -> Edited:
        """Let stages not be run again until `unfreeze`."""
        from ..engine import editing

        return editing.freeze(self.location, stages, dry=dry)

    def unfreeze(self, stages: Sequence[str], *, dry: bool = False) -> Edited:
        """Let frozen stages be run again."""
        from ..engine import editing

        return editing.unfreeze(self.location, stages, dry=dry)

    def rename_stage(self, stage: str, new: str, *, dry: bool = False) -> Edited:
        """Give a stage another name, everywhere; what is finished stays finished."""
        from ..engine import renaming

        with self._session() as session:
            return renaming.rename_stage(session, stage, new, dry=dry)

    def remove_stages(self, stages: Sequence[str], *, outs: bool = False, dry: bool = False) -> Edited:
        """Take stages out; with `outs`, delete what they made from the workspace too."""
        from ..engine import renaming

        with self._session() as session:
            return renaming.remove_stages(session, stages, outs=outs, dry=dry)

    def stage_text(self, stage: str) -> StageText:
        """Return how a stage is written in its file."""
        from ..engine import editing

        return editing.stage_text(self.location, stage)

    def stages(self, targets: Sequence[str] = (), *, every: bool = False, recursive: bool = False) -> Sequence[Stage]:
        """Return the stages of the pipeline file, of all files (`every`), or of targets: stages, groups, pipeline files
        and directories (with `recursive` those below too). Raises `TargetNotFound`.
        """
        from ..engine.editing import chosen

        with self._session() as session:
            pipeline = read_pipeline(session).pipeline
            return chosen(pipeline, targets, self.location, every=every, recursive=recursive)
