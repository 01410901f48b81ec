"""Edge. What the audio files of a corpus hold, as rows of a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ckptflow

from .audio import Unfit, measure
from .tables import shown


def facts(audio: Path, *, root: str) -> dict[str, Any]:
    """Return what one file of the corpus holds, as a row. `root` is the corpus's path in the project.

    `path` (in the corpus), `frames` (samples a channel), `sample_rate` (hertz) and `channels`; where the audio is no
    good the numbers are 0, and `problem` says why. Raises OSError where the file cannot be read: that says nothing of
    the file, and another try may do better.
    """
    row = {"path": _inside(audio, root), "frames": 0, "sample_rate": 0, "channels": 0, "problem": "", "detail": ""}
    try:
        return row | measure(audio)._asdict()
    except Unfit as unfit:
        return row | {"problem": str(unfit.problem), "detail": unfit.detail}


def _inside(audio: Path, root: str) -> str:
    """Return the path in the corpus. Stages are run in the project's directory, and get files as absolute paths.

    A file that comes from the store lies anywhere; then its path in the dep counts, which is the corpus.
    """
    top = Path(os.path.normpath(Path.cwd() / root))
    item = ckptflow.context().item
    if audio.is_relative_to(top):
        return shown(audio.relative_to(top).as_posix())
    if item is not None:
        return shown(item)
    raise ValueError(f"{audio.name} is not inside {root}: is that the directory of the corpus?")
