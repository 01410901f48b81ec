"""Rows of any block of slots come back from every run that has some, in the order of the runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ckptflow.run.runs import Index, Runs

SLOTS = 10


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_slices_of_runs(size, tmp_path):
    rng = np.random.default_rng(5)
    made = [np.sort(rng.choice([0, 1, 4, 5, 6, 9], count)) for count in (50, 0, 7, 1, 200)]
    index = Index(size)
    schema = pa.schema([("run", pa.int64()), ("slot", pa.int64())])
    with pa.OSFile(str(tmp_path / "runs"), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for run, slots in enumerate(made):
            batch = pa.record_batch({"run": pa.array([run] * len(slots), pa.int64()), "slot": slots}, schema=schema)
            for piece in index.pieces(batch, np.searchsorted(slots, np.arange(SLOTS + 1))):
                writer.write_batch(piece)
    with pa.OSFile(str(tmp_path / "runs"), "rb") as source:
        runs = Runs(pa.ipc.open_file(source), index)
        for slot in range(SLOTS):
            end = runs.end_of_block(slot)
            assert end > slot
            for last in range(slot + 1, min(SLOTS, end) + 1):
                got = [row for piece in runs.slices(slot, last) for row in piece.to_pylist()]
                wanted = [(run, int(s)) for run, slots in enumerate(made) for s in slots if slot <= s < last]
                assert [(row["run"], row["slot"]) for row in got] == wanted
