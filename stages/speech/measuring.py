"""Edge. The audio files of a corpus, decoded: what each holds, or what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from .audio import Unfit, measure
from .tables import AUDIO, shown


def facts(audio: Path, *, root: str) -> dict[str, Any]:
    """Return the row of `tables.AUDIO` for one file of the corpus at `root`, relative to the project.

    Raises OSError where the file cannot be read: that says nothing of the file, and another try may do better.
    """
    row = {"path": _inside(audio, root), "frames": 0, "sample_rate": 0, "channels": 0, "problem": "", "detail": ""}
    try:
        return row | measure(audio)._asdict()
    except Unfit as unfit:
        return row | {"problem": str(unfit.problem), "detail": unfit.detail}


def measured(audio: list[Path], *, root: str) -> pa.Table:
    """Return `facts` of each file, `tables.AUDIO`."""
    return pa.Table.from_pylist([facts(path, root=root) for path in audio], AUDIO)


def _inside(audio: Path, root: str) -> str:
    """Return the path in the corpus. Stages are run in the project's directory, and get files as absolute paths."""
    top = Path(os.path.normpath(Path.cwd() / root))
    if not audio.is_relative_to(top):
        raise ValueError(f"{audio.name} is not inside {root}: the corpus must be a directory of the workspace")
    return shown(audio.relative_to(top).as_posix())
