"""Edge. Outs that stand in the workspace just as the lock file notes them, and that the store does not hold.

So it is in a fresh clone, where git brought the outs with `cache: false` and the lock file, and where a store was lost.
What they are is worked out from their bytes; it counts only if it comes to the very tree that the lock file names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from ..checkpoints.lockfile import LockEntry
from ..chunk.model import Part
from ..errors import CkptflowError
from ..ids import ChunkKey, Digest, StageName, digest
from ..plan.model import Record
from ..plan.stagerun import make_tree
from ..run.messages import Output
from ..run.storing import store_path
from ..spec.model import Out, Pipeline, Stage
from ..store.lent import LentObjects
from .session import Session, staging

RUN = "workspace"
"""What stands for the run in records of outs that were found."""


class Regaining:
    """Answers for the stages of one pipeline, as its lock files note them."""

    def __init__(self, session: Session, pipeline: Pipeline, lock: Mapping[StageName, LockEntry]) -> None:
        self._session = session
        self._noted = {
            out.path: (out, Digest(lock[stage.name].outs[out.label]["tree"]))
            for stage in pipeline.stages.values()
            for out in stage.outs
            if stage.chunk is None and stage.name in lock and out.label in lock[stage.name].outs
        }

    def regain(self, stage: Stage, key: ChunkKey, noted: Mapping[str, Digest]) -> Record | None:
        """See `plan.model.Past`."""
        parts: dict[str, Part] = {}
        for out in stage.outs:
            part = self._stored(out, noted[out.label]) if out.workspace and out.label in noted else None
            if part is None:
                return None
            parts[out.label] = part
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Record(key, parts, stage.name, RUN, seconds=0.0, finished=finished) if parts else None

    def keeps(self, path: str, names: Collection[str]) -> set[str]:
        """See `workspace.place.Neighbour`: what is as noted was stored, and may be replaced."""
        known = self._noted.get(path)
        return set(names) if known is not None and self._stored(*known) is not None else set()

    def regain_out(self, out: Out) -> bool:
        """Store an out, and the tree that names it, if it stands in the workspace as the lock file notes it."""
        known = self._noted.get(out.path)
        part = self._stored(*known) if known is not None else None
        if part is not None:
            self._session.objects.put(make_tree(out, (part,), chunked=False).encode())
        return part is not None

    def _stored(self, out: Out, name: Digest) -> Part | None:
        """Store what stands in the place of an out; None if it does not come to the tree of this name."""
        session = self._session
        output = Output(out.label, out.path, out.format, out.name)
        for objects in (LentObjects(session.store), session.objects):  # looked at first: only what is as noted is kept
            try:
                part = store_path(staging(session, objects), output, session.root / out.path, move=False)
            except (CkptflowError, OSError):
                return None
            if digest(make_tree(out, (part,), chunked=False).encode()) != name:
                return None
        return part
