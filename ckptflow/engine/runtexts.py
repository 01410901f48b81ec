"""Edge. What a run keeps so that its values can be looked at later: the texts that declared it, and its lock files.

The outs are in the store already, named by the lock files. Beside them go the small files that the top level of the
pipeline names and no stage makes: they are nowhere else once they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..ids import Digest
from ..spec.model import Pipeline
from ..spec.values import DEFAULT_PARAMS
from ..values.records import data_files
from .locks import lock_path
from .session import Session
from .survey import Survey

LARGEST_BYTES = 1 << 20
"""A file by hand that is larger is data and no report of values."""


def keep_texts(session: Session, survey: Survey, *, locked: bool) -> dict[str, dict[str, Digest]]:
    """Store the texts; return the fields of the run's document that name them: path -> object.

    `files` are the texts as they were read when the run was planned; `locks` the lock files as it left them, which only
    a run that wrote them (`locked`) has.
    """
    texts: dict[str, bytes] = {path: text.encode() for path, text in survey.texts.items()}
    for path in _beside(survey.pipeline):
        if path not in texts and (data := _small(session, path)) is not None:
            texts[path] = data
    locks = [lock_path(session.location, file) for file in survey.pipeline.files] if locked else []
    kept = {"files": _put(session, texts)}
    if locked:
        found = {path: data for path in locks if (data := _small(session, path, largest=None)) is not None}
        kept["locks"] = _put(session, found)
    session.store.sync()
    return kept


def _beside(pipeline: Pipeline) -> Iterator[str]:
    made = {out.path for stage in pipeline.stages.values() for out in stage.outs}
    named = [DEFAULT_PARAMS, *pipeline.params, *pipeline.metrics]
    named += [file for plot, drawing in pipeline.plots.items() for file in data_files(plot, drawing)]
    return (path for path in dict.fromkeys(named) if path not in made)


def _small(session: Session, path: str, largest: int | None = LARGEST_BYTES) -> bytes | None:
    full = session.root / path
    try:
        if not full.is_file() or (largest is not None and full.stat().st_size > largest):
            return None
        return full.read_bytes()
    except OSError:  # it went away, or may not be read: what is not kept is said to be missing later
        return None


def _put(session: Session, texts: Mapping[str, bytes]) -> dict[str, Digest]:
    return {path: session.objects.put(data) for path, data in sorted(texts.items())}
