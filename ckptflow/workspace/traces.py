"""Edge. Whether DVC has been here: asked before anything that reads what it left is imported (`dvc`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..dvc.names import FOLDER, LOCK
from ..spec.paths import parent


def dvc_home(root: Path) -> Path | None:
    """Return the directory that has `.dvc`: the root, or the nearest one above; None without DVC."""
    return next((d for d in (root, *root.parents) if (d / FOLDER).is_dir()), None)


def has_traces(root: Path, files: Iterable[str]) -> bool:
    """Tell whether DVC works in this project, or left a `dvc.lock` beside one of these pipeline files."""
    return dvc_home(root) is not None or any(os.path.lexists(root / parent(file) / LOCK) for file in files)
