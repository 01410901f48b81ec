"""Edge. The same without a pipeline: a corpus processed by a program that may be stopped at any moment.

    python -m stages.speech.process librispeech data/corpora/librispeech --out data/librispeech

Strategy: an utterance's row is appended to `rows.jsonl` in one write, then it is marked as done. Killed between the
two, the utterance comes again, gets the same id, and its later row counts. When all is done the rows go into the two
tables, each written beside its place and moved there. Going on after that takes what is new in the corpus: new
utterances get the ids after the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ckptflow.checkpoints import CheckpointManager

from .audio import Unfit
from .corpus import Processor, Utterance
from .manifest import Row, bad_row, good_row
from .processors import PROCESSORS, processor
from .tables import MANIFEST, QUARANTINE, Problem

BATCH = 10_000
"""Rows in memory while the tables are written, and in a row group."""

_log = logging.getLogger("stages.speech")


def main(arguments: list[str] | None = None) -> int:
    """Process a corpus. Returns the exit code: 0, or 3 where something is in the quarantine."""
    parser = argparse.ArgumentParser(description="Turn a speech corpus into a manifest; stop and start it at will.")
    parser.add_argument("processor", choices=PROCESSORS)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="directory of manifest.parquet and quarantine.parquet")
    parser.add_argument("--checkpoints", help="directory or URL of the checkpoints (default: in the out directory)")
    parser.add_argument("--every", default="5m", help="time between checkpoints (default 5m)")
    parser.add_argument("--items", type=int, default=1000, help="utterances between checkpoints (default 1000)")
    parser.add_argument("--keep", type=int, default=10, help="checkpoints that stay (default 10)")
    parser.add_argument("--retry-failed", action="store_true", help="read what is in the quarantine again")
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    manager = CheckpointManager(given.checkpoints or given.out / "checkpoints", keep=given.keep)
    bad = process(
        given.processor,
        given.corpus,
        given.out,
        manager,
        every=given.every,
        items=given.items,
        retry_failed=given.retry_failed,
        fresh=given.fresh,
    )
    return 3 if bad else 0


def process(
    name: str,
    corpus: Path,
    out: Path,
    manager: CheckpointManager,
    *,
    every: str = "5m",
    items: int = 1000,
    retry_failed: bool = False,
    fresh: bool = False,
    timeout: float = 10.0,
) -> int:
    """Process the corpus with the processor called `name`, go on where an earlier call stopped, write the tables.

    Returns how many utterances are in the quarantine. A file that cannot be read (OSError) is there too, as `unread`.
    Raises `ckptflow.errors.Locked` where another process is at it for more than `timeout` seconds, RuntimeError where
    rows of what was done are gone.
    """
    chosen = processor(name)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "rows.jsonl"
    with (
        manager.lock(chosen.dataset, timeout),
        manager.track(chosen.dataset, name, every=every, items=items, retry_failed=retry_failed, fresh=fresh) as run,
    ):
        if fresh:
            file.unlink(missing_ok=True)
        _mend(file, None if run.last_generated_id is None else str(run.last_generated_id))
        with file.open("ab", buffering=0) as rows:
            for utterance in run.remaining(chosen.find(corpus), id=lambda utterance: utterance.id):
                try:
                    sound = chosen.read(corpus, utterance)
                except (Unfit, OSError) as error:
                    rows.write(_line(utterance, _quarantined(chosen, utterance, error)))
                    run.failed(utterance, _reason(error))
                    continue
                given = run.next_id("S")
                rows.write(_line(utterance, good_row(chosen.dataset, given, utterance, sound)))
                run.done(utterance, generated_id=given)
            os.fsync(rows.fileno())
        good, bad = _write_tables(file, out)
    _log.info("%s: %d utterances in the manifest, %d in the quarantine", chosen.dataset, good, bad)
    return bad


def _quarantined(chosen: Processor, utterance: Utterance, error: Unfit | OSError) -> Row:
    if isinstance(error, Unfit):
        return bad_row(chosen.dataset, utterance, str(error.problem), error.detail)
    return bad_row(chosen.dataset, utterance, str(Problem.UNREAD), error.strerror or "")


def _reason(error: Unfit | OSError) -> str:
    return str(error) if isinstance(error, Unfit) else f"{Problem.UNREAD}: {error.strerror}"


def _line(utterance: Utterance, row: Row) -> bytes:
    return json.dumps({"item": utterance.id, "row": row}, ensure_ascii=False).encode() + b"\n"


def _mend(file: Path, last_id: str | None) -> None:
    """Cut off the row that a kill tore, and see that no row that was done is lost: a loss of power may do that."""
    last, size = 0, 0
    with file.open("ab+") as rows:
        rows.seek(0)
        for line in rows:
            if line.endswith(b"\n"):
                size += len(line)
                last = max(last, _number(json.loads(line)["row"]))
        rows.truncate(size)
    if last_id is not None and last < int(last_id.removeprefix("S")):
        raise RuntimeError(f"{file} ends before {last_id}, which was done: begin anew with --fresh")


def _number(row: Row) -> int:
    return int(str(row["id"]).removeprefix("S")) if "id" in row else 0


def _write_tables(file: Path, out: Path) -> tuple[int, int]:
    """Write the manifest and the quarantine in the order of processing; return their numbers of rows."""
    places: dict[str, int] = {}
    with file.open("rb") as rows:
        at = 0
        for line in rows:
            places[json.loads(line)["item"]] = at  # the later row of one item counts
            at += len(line)
    wanted = sorted(places.values())
    good = _write_table(_rows(file, wanted, good=True), MANIFEST, out / "manifest.parquet")
    bad = _write_table(_rows(file, wanted, good=False), QUARANTINE, out / "quarantine.parquet")
    return good, bad


def _rows(file: Path, places: list[int], *, good: bool) -> Iterator[Row]:
    with file.open("rb") as rows:
        for at in places:
            rows.seek(at)
            row: Row = json.loads(rows.readline())["row"]
            if ("id" in row) == good:
                yield row


def _write_table(rows: Iterator[Row], schema: pa.Schema, path: Path) -> int:
    """Write rows beside `path` and move them there; return their number."""
    beside = path.with_name(f".{path.name}.new")
    count = 0
    with pq.ParquetWriter(beside, schema) as writer:
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                count, batch = count + len(batch), []
        writer.write_table(pa.Table.from_pylist(batch, schema))
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)
    return count + len(batch)


if __name__ == "__main__":
    sys.exit(main())
