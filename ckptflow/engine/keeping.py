"""Edge. The checkpoint of each stage while it runs and when it ends, with the code that it ran.

A checkpoint tells people and other programs how far a stage is; what is done is told by the records. The normalised
source of the code goes into the store as an object that the checkpoint names, so that a later `why` can show what
changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..checkpoints.kept import newest_valid, write_checkpoint
from ..checkpoints.manifest import Checkpoint, ProcessorState, Statistics, Status
from ..dataclass import dataclass, field
from ..errors import Failure, StoreError
from ..ids import Digest, StageName, digest
from ..plan.stagerun import ChunkState, StageRun
from ..store.objects import Objects
from ..store.protocol import Store

if TYPE_CHECKING:
    from ..fingerprint.code import CodeIdentity

EVERY_SECONDS = 300.0
EVERY_CHUNKS = 1000
KEEP = 10


@dataclass(slots=True)
class _Kept:
    started: str
    written: float
    chunks: int = 0


@dataclass(slots=True)
class Keeper:
    """Writes the checkpoints of one run; `publish` hears of each: its name, and the objects that it names."""

    store: Store
    objects: Objects
    run_id: str
    code: Mapping[StageName, CodeIdentity]
    publish: Callable[[str, Iterable[Digest]], None] | None = None
    _stages: dict[StageName, _Kept] = field(default_factory=dict)
    _sources: dict[Digest, Digest] = field(default_factory=dict)

    def begin(self, run: StageRun) -> None:
        """The stage's first work begins."""
        self._stages.setdefault(run.name, _Kept(_now(), time.monotonic(), run.count(ChunkState.RAN)))

    def progress(self, run: StageRun) -> None:
        """A chunk is done: write a checkpoint if the last one is old enough."""
        kept = self._stages.get(run.name)
        if kept is None:
            return
        ran = run.count(ChunkState.RAN)
        if time.monotonic() - kept.written >= EVERY_SECONDS or ran - kept.chunks >= EVERY_CHUNKS:
            kept.written, kept.chunks = time.monotonic(), ran
            self._write(run, kept, Status.IN_PROGRESS, None)

    def end(self, run: StageRun, status: Status) -> None:
        """The stage ended, or the run did; nothing is written for a stage that did not work."""
        kept = self._stages.pop(run.name, None)
        if kept is not None:
            failure = next(iter(run.failures.values()), run.cut_failure)
            self._write(run, kept, status, failure)

    def _write(self, run: StageRun, kept: _Kept, status: Status, failure: Failure | None) -> None:
        ran, reused, failed = (run.count(s) for s in (ChunkState.RAN, ChunkState.REUSED, ChunkState.FAILED))
        now = datetime.now(UTC)
        last = max((i for i, r in enumerate(run.records) if r is not None), default=None)
        checkpoint = Checkpoint(
            checkpoint_id=f"{run.name}_{now.strftime('%Y%m%d%H%M%S')}",
            dataset=run.name,
            processor=run.stage.call or "\n".join(run.stage.cmd),
            start_time=kept.started,
            last_update=_now(),
            status=status,
            processed_count=ran + reused,
            last_processed_id=last,
            error=None if failure is None else failure.message,
            processor_state=ProcessorState(current_position=ran + reused, total_items=run.chunks),
            statistics=Statistics(ran, failed, reused, run.seconds),
            extra={"run": self.run_id, **self._code(run)},
        )
        name = write_checkpoint(self.store, checkpoint, KEEP)
        if self.publish is not None:
            self.publish(name, self._sources.values())

    def _code(self, run: StageRun) -> dict[str, Any]:
        code = self.code.get(run.name)
        if code is None:
            return {}
        if code.digest not in self._sources:
            text = json.dumps(dict(code.sources), sort_keys=True, separators=(",", ":")).encode()
            self._sources[code.digest] = self.objects.put(text)
        symbols = {name: value[:16] for name, value in sorted(code.symbols.items())}
        return {
            "code": {"digest": code.digest, "sources": self._sources[code.digest], "symbols": symbols},
            "distributions": list(code.distributions),
        }


def sources_of(store: Store, objects: Objects, stage: StageName, code: Digest) -> dict[str, str] | None:
    """Return the normalised source of the code that a stage last ran (symbol -> text), None if it is not kept."""
    checkpoint, _ = newest_valid(store, stage)
    noted = checkpoint.extra.get("code") if checkpoint is not None else None
    if not isinstance(noted, dict) or noted.get("digest") != code:
        return None
    try:
        data = objects.get(Digest(noted["sources"]))
    except (StoreError, KeyError):
        return None
    found: dict[str, str] = json.loads(data) if digest(data) == noted["sources"] else {}
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
