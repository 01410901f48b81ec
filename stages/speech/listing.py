"""Edge. The utterances of a corpus as a table."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pyarrow as pa

from .corpus import Processor
from .tables import UTTERANCES

ROWS = 10_000
"""Rows put into Arrow's form at a time: as objects they are twenty times as large."""


def table_of(processor: Processor, corpus: Path) -> pa.Table:
    """Return all utterances of the corpus, `tables.UTTERANCES`. Raises as `Processor.find`."""
    found = processor.find(corpus)
    batches = []
    while some := list(islice(found, ROWS)):
        rows = [
            (u.path, u.number, u.utterance, u.transcript, u.speaker, u.split, u.problem or "", u.detail) for u in some
        ]
        columns = [
            pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), UTTERANCES, strict=True)
        ]
        batches.append(pa.record_batch(columns, schema=UTTERANCES))
    return pa.Table.from_batches(batches, UTTERANCES)
