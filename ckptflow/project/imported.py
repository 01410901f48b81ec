"""Edge. A DVC project made a ckptflow project; what that needs is imported when one is made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dataclass import dataclass
from ..workspace.cache import Cache
from ..workspace.observe import Observer
from ..workspace.settings import load_settings

if TYPE_CHECKING:
    from ..engine.import_dvc import ImportPlan
    from ..engine.take_over import Standing


@dataclass(frozen=True, slots=True)
class Imported:
    """What `import_dvc` did, or with `dry` would do: the files, and how each stage stands."""

    dry: bool
    plan: ImportPlan
    stages: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "ok": True,
            "dry": self.dry,
            "files": [{"path": f.path, "action": f.action, "from": f.origin} for f in self.plan.files],
            "stages": [stage.to_json() for stage in self.stages],
            "notes": list(self.plan.notes),
        }


def import_dvc(
    path: str | os.PathLike[str] = ".",
    *,
    files: Sequence[str] = (),
    dry: bool = False,
    force: bool = False,
    env: Mapping[str, str] | None = None,
) -> Imported:
    """Make the DVC project at `path` a ckptflow project, and take over what DVC did; run nothing.

    `files` are the `dvc.yaml`s to import, relative to the project's root (default: all). With `dry` nothing is written.
    An existing `pipeline.yaml` is kept unless `force`.
    """
    from ..engine.import_dvc import plan_import, project_at, write_files
    from ..engine.session import open_session
    from ..engine.take_over import take_over
    from ..workspace.dvc import DvcProject

    location = project_at(Path(path))
    cache = Cache(None)
    plan = plan_import(location, DvcProject(location.root, Observer(location.root, cache), cache), files, force=force)
    if not dry:
        write_files(plan)
    settings = load_settings(location.root, os.environ if env is None else env)
    session = open_session(location, settings, create=not dry)
    try:
        return Imported(dry, plan, take_over(session, plan.survey, plan.old, write=not dry))
    finally:
        session.close()
