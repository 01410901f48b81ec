"""What the tests of renderers share: a clock turned by hand, streams that are lists, snapshots."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.errors import Failure
from ckptflow.events import (
    ChunkDone,
    ChunkFailed,
    ChunkProgress,
    ChunkRetry,
    ChunkStarted,
    Cutting,
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageDone,
    StagePlanned,
    StageStarted,
    Waiting,
)
from ckptflow.ids import StageName

GOLDEN = Path(__file__).parents[1] / "golden"


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with `tests/golden/NAME`; CKPTFLOW_WRITE_GOLDEN=1 writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("CKPTFLOW_WRITE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def story() -> list[tuple[float, Event]]:
    """A run as it may go: a fresh stage, one that is cut and mostly reused, failures, a blocked one, a warning."""
    load, features, edges, graph = (StageName(n) for n in ("load", "node_features", "edge_features", "graph"))
    bad = Failure(
        kind="exception",
        message="ValueError: Cannot convert non-finite values (NA or inf) to integer",
        traceback=(
            "Traceback (most recent call last):\n"
            '  File "stages.py", line 118, in edge_features\n'
            '    return df.astype({"rate": "int32"})\n'
            "ValueError: Cannot convert non-finite values (NA or inf) to integer\n"
        ),
        output="reading\nrow 1\x1b[31m\nrow 2\n",
        log=".ckptflow/logs/r3/edge_features/00001.log",
        hint="look at rows where balance_before is 0",
    )
    short = Failure(kind="killed", message="the worker was killed by SIGKILL")

    def counts(total: int, ran: int, reused: int, failed: int) -> dict[str, int]:
        return {"total": total, "ran": ran, "reused": reused, "failed": failed}

    result = {
        "run": "r3",
        "ok": False,
        "seconds": 95.0,
        "stages": [
            {"stage": load, "state": "fresh", "chunks": counts(1, 0, 1, 0)},
            {"stage": features, "state": "ran", "chunks": counts(64, 3, 61, 0)},
            {"stage": edges, "state": "failed", "chunks": counts(7, 2, 0, 5)},
            {"stage": graph, "state": "blocked", "chunks": counts(1, 0, 0, 0)},
        ],
    }
    return [
        (0.0, RunStarted("r3", (load, features, edges, graph), 2)),
        (0.0, Waiting("the store", "pid 7 on gpu-box since 12:00")),
        (0.1, StageDone(load, "fresh", 0.0, 1, 0, 1, 0)),
        (0.1, Note("warning", "pandas 3.1.0 here,\n3.1.1 for the kept chunks")),
        (0.1, Note("info", "read 2 files")),
        (0.2, StageStarted(features, ("3 chunks of accounts changed",))),
        (0.2, Cutting(features)),
        (1.0, StagePlanned(features, 64, 61)),
        (1.0, ChunkStarted(features, 3, 1, 0)),
        (1.1, ChunkStarted(features, 4, 1, 1)),
        (1.2, ChunkProgress(features, 3, 50, 200)),
        (3.0, ChunkDone(features, 3, 2.0, 1000, 5000)),
        (3.0, ChunkRetry(features, 4, 1, short, 1.0)),
        (4.0, ChunkStarted(features, 4, 2, 1)),
        (34.0, ChunkDone(features, 4, 30.0, 1000, 5000)),
        (34.0, ChunkStarted(features, 9, 1, 1)),
        (66.0, ChunkDone(features, 9, 32.0, 1000, 5000)),
        (66.0, StageDone(features, "ran", 65.8, 64, 3, 61, 0, 64_000, 212_000)),
        (66.0, StageStarted(edges)),
        (66.0, StagePlanned(edges, 7, 0)),
        *((66.0, ChunkStarted(edges, i, 1, i)) for i in range(7)),
        (70.0, ChunkFailed(edges, 1, 3, bad, label="rows 500-999")),
        (71.0, ChunkFailed(edges, 2, 1, short)),
        (72.0, ChunkFailed(edges, 3, 1, short)),
        (73.0, ChunkFailed(edges, 4, 1, short)),
        (74.0, ChunkDone(edges, 0, 8.0, 10, 10)),
        (75.0, ChunkFailed(edges, 5, 1, short)),
        (94.0, ChunkDone(edges, 6, 28.0, 10, 10)),
        (95.0, StageDone(edges, "failed", 29.0, 7, 2, 0, 5)),
        (95.0, StageDone(graph, "blocked", 0.0, 1, 0, 0, 0)),
        (95.0, RunEnded("r3", False, 95.0, result)),
    ]
