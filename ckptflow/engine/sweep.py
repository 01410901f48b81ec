"""Edge. What nobody needs any more: partitions of deps as they were, logs of old runs, unfinished files.

Never needed for a right result. A partition is kept while it is the latest that a stage of the pipeline used.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from ..ids import is_digest
from ..run.command import discard
from ..spec.model import Pipeline
from ..store import layout
from ..workspace.link import UNFINISHED
from .facts import ProjectFacts
from .session import Session

LONG_SECONDS = 7 * 86400.0
"""No run takes that long over one file."""
_KIND = "spills"


def sweep_spills(session: Session, pipeline: Pipeline, facts: ProjectFacts) -> None:
    """Note which partitions the stages used now, and remove those that no stage's latest note names."""
    session.cache.keep_documents(_KIND, {str(stage): sorted(names) for stage, names in facts.spills.items()})
    if not session.spills.is_dir():
        return
    used = {
        name.split("/")[0]
        for stage, names in session.cache.documents(_KIND).items()
        if stage in pipeline.stages
        for name in names
    }
    for path in session.spills.iterdir():
        if is_digest(path.name):
            if path.name not in used:
                _remove(path)
        else:  # shapes of tables, and what a killed worker left: small, and perhaps somebody's
            _remove_old(path)


def sweep_logs(session: Session) -> None:
    """Keep the logs of the latest runs only."""
    if session.logs.is_dir():
        for path in sorted(p for p in session.logs.iterdir() if p.is_dir())[: -max(1, session.settings.keep_logs)]:
            _remove(path)


def sweep_scratch(session: Session) -> None:
    """Remove unfinished files that processes killed long ago left in the store or for the workspace."""
    with suppress(OSError):
        for path in (session.location.state / "tmp").glob(f"{UNFINISHED}*"):
            if time.time() - path.lstat().st_ctime > LONG_SECONDS:  # a link's own age; the file may be older
                path.unlink()
    scratch = session.store_root / layout.TEMPORARY
    if scratch.is_dir():
        for path in scratch.iterdir():
            _remove_old(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        discard(path)


def _remove_old(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime < LONG_SECONDS:
            return
        discard(path)
