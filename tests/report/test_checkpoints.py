"""What `checkpoints` prints, kept as a snapshot."""

from __future__ import annotations

from collections.abc import Callable

from ckptflow.checkpoints.verify import Finding, What
from ckptflow.dataclass import replace as changed
from ckptflow.engine.away import Going, PutAway
from ckptflow.engine.headway import StageReport
from ckptflow.engine.restoring import Restored
from ckptflow.engine.shelves import CheckedCheckpoints, CheckpointView
from ckptflow.engine.stored import ChunkStatus, StoredChunk
from ckptflow.ids import ChunkKey
from ckptflow.report.checkpoints import (
    checked_lines,
    checkpoint_lines,
    chunk_lines,
    put_away_lines,
    report_lines,
    restored_lines,
    trash_lines,
)
from ckptflow.report.style import Style

STYLE = Style(width=120)
DONE = CheckpointView(
    id="features_20260601120000",
    stage="features",
    status="completed",
    file="checkpoints/features/features_20260601120000_completed.json",
    updated="2026-06-01T12:00:00Z",
    latest=True,
    processed=2990,
    total=2990,
    errors=4,
    skipped=10,
    started="2026-06-01T11:00:00+00:00",
    run="20260601T110000Z-3f9a",
)
BAD = CheckpointView(
    id="features_20260601113000",
    stage="features",
    status="in_progress",
    file="checkpoints/features/features_20260601113000_in_progress.json",
    updated="2026-06-01T11:30:00Z",
    problem="corrupt: Expecting value: line 1 column 1 (char 0)\x1b[31m",
)
OTHER = changed(DONE, id="load_20260601110000", stage="load", total=None, file="checkpoints/load/l.json", latest=False)
CHUNK = StoredChunk(
    stage="features",
    index=3,
    label="account 0003 to 0004",
    state=ChunkStatus.VALID,
    rows=48_770,
    bytes=4_000_000,
    seconds=40.0,
    finished="2026-06-01T11:10:00.000Z",
    run="20260601T110000Z-3f9a",
    format="parquet",
    key=ChunkKey("ab" * 32),
    items=(990, 4, 6),
)
LOST = changed(CHUNK, index=12, state=ChunkStatus.CORRUPT, problem="names 12ab, which is missing", items=None, label="")
OLD = changed(CHUNK, index=None, state=ChunkStatus.STALE, items=None, rows=None, label="", format="")
PART = changed(CHUNK, index=4, state=ChunkStatus.UNFINISHED, seconds=None, rows=7, items=(7, 0, 0), label="")
WHOLE = changed(CHUNK, stage="graph", index=None, items=None, label="", rows=None)
REPORT = StageReport(
    id="features_20260601113000",
    stage="features",
    status="in_progress",
    file="checkpoints/features/features_20260601113000_in_progress.json",
    latest=True,
    processor="stages.features:node",
    run="20260601T110000Z-3f9a",
    running="pid 4123 on spot-1 since 2026-06-01T11:00:00Z",
    unit="items",
    processed=1500,
    total=2990,
    ok=1490,
    errors=4,
    skipped=6,
    since=120,
    started="2026-06-01T11:00:00+00:00",
    updated="2026-06-01T11:31:02.123+00:00",
    seconds=3600.0,
    elapsed=1862.0,
    average_ms=2409.639,
    rate=0.8056,
    seconds_left=1849.6,
    last_processed_id="corpus/0\x1b[31m1.wav",
    last_generated_id="S1490",
    error=None,
    state={"last": 1490, "seconds": 12.5},
)
FINDING = Finding(What.CHECKPOINT, BAD.file, "corrupt", "it is passed over", None, None)


def test_everything(golden: Callable[[str, str], None]) -> None:
    over = changed(
        REPORT,
        status="failed",
        running=None,
        since=0,
        seconds_left=None,
        rate=None,
        error="no\nspace",
        state={},
        total=None,
    )
    gone = PutAway((Going(DONE, "beyond the 1 that are kept"), Going(BAD, "corrupt")), (CHUNK, LOST), ("p.json",), 1)
    texts = {
        "list": checkpoint_lines([DONE, BAD, OTHER], STYLE),
        "list, all sound": checkpoint_lines([DONE], STYLE),
        "list, nothing": checkpoint_lines([], STYLE),
        "list --chunks": chunk_lines([CHUNK, PART, LOST, OLD, WHOLE], STYLE),
        "list --chunks, nothing": chunk_lines([], STYLE),
        "list --trash": trash_lines(
            [changed(DONE, trashed="2026-06-03T09:00:00Z")], {("load", "2026-06-03T09:00:00Z"): 3}, STYLE
        ),
        "list --trash, nothing": trash_lines([], {}, STYLE),
        "show": report_lines(REPORT, STYLE),
        "show, failed": report_lines(over, STYLE),
        "show, nobody at work": report_lines(
            changed(REPORT, running=None, state={str(i): i for i in range(25)}), STYLE
        ),
        "show, no checkpoint yet": report_lines(changed(REPORT, file="", latest=False, total=None, state={}), STYLE),
        "verify": checked_lines(CheckedCheckpoints(3, 0, 0, 0, False, ()), STYLE),
        "verify --deep": checked_lines(CheckedCheckpoints(273, 270, 276, 1_900_000_000, True, (FINDING,)), STYLE),
        "prune": put_away_lines(gone, STYLE),
        "prune --yes": put_away_lines(changed(gone, done=True), STYLE),
        "prune, nothing": put_away_lines(PutAway(kept=3), STYLE),
        "restore": restored_lines(Restored((DONE, BAD), (("load", 3),), (DONE.file,), ("2 are not",)), STYLE),
        "restore, nothing": restored_lines(Restored(), STYLE),
    }
    golden(
        "checkpoints.txt",
        "\n".join(f"--- {name}\n" + "".join(f"{line}\n" for line in lines) for name, lines in texts.items()),
    )
