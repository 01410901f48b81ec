"""Edge. The limits beside the rows: the same work by the shortest program that does it, each in a process of its own.

`python -m benchmarks.bare WHAT ARGUMENTS...`
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WRITING: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": False,
    "write_page_checksum": True,
    "store_schema": True,
}
"""The options with which ckptflow writes Parquet."""

DICTS_AT_ONCE = 1024


def chunks(table: str, out: str, rows: str) -> None:
    """Read a table, compute each chunk, write each part with the options that ckptflow uses; sync once a second."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    target = Path(out)
    target.mkdir()
    ended = threading.Event()
    syncing = threading.Thread(target=_sync_each_second, args=(target, ended))
    syncing.start()
    step = int(rows)
    whole = pq.read_table(table).combine_chunks()
    for number, start in enumerate(range(0, whole.num_rows, step)):
        part = whole.slice(start, step)
        result = part.append_column("double", pc.multiply(part["x"], 2.0))
        pq.write_table(result, f"{out}/part-{number:06d}.parquet", **WRITING)
    ended.set()
    syncing.join()


def items(table: str, out: str, rows: str) -> None:
    """Read a table, compute each row as a dict, write so many at a time as a part; sync at the end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(out)
    target.mkdir()
    step = int(rows)
    whole = pq.read_table(table).combine_chunks()
    names = whole.column_names
    for number, start in enumerate(range(0, whole.num_rows, step)):
        parts = []
        for first in range(start, min(start + step, whole.num_rows), DICTS_AT_ONCE):
            some = whole.slice(first, min(DICTS_AT_ONCE, start + step - first))
            made = []
            for values in zip(*(column.to_pylist() for column in some.columns), strict=True):
                row = dict(zip(names, values, strict=True))
                row["double"] = row["x"] * 2.0
                made.append(row)
            parts.append(pa.Table.from_pylist(made))
        part = pa.concat_tables(parts).combine_chunks()
        pq.write_table(part, target / f"part-{number:06d}.parquet", **WRITING)
    _sync(target)


def _sync_each_second(directory: Path, ended: threading.Event) -> None:
    while not ended.wait(1.0):
        _sync(directory)
    _sync(directory)


def _sync(directory: Path) -> None:
    from ckptflow.store.syncing import sync_file_system

    sync_file_system(str(directory))


def blake3(path: str) -> None:
    """Hash a file on all cores."""
    from blake3 import blake3 as hasher

    hasher(max_threads=hasher.AUTO).update_mmap(path).digest()


def commands(count: str) -> None:
    """Start a shell that copies a file, so many times, one after the other."""
    for number in range(int(count)):
        subprocess.run(["/bin/sh", "-c", f"cp source.txt out/{number}.txt"], check=True)


def dicts(count: str, out: str) -> None:
    """Make a mapping of records, pickle it and sync the file; without a place, only make it."""
    value = records(int(count))
    if out:
        with open(out, "wb") as file:
            pickle.dump(value, file, protocol=5)
            file.flush()
            os.fsync(file.fileno())


def unpickle(path: str) -> None:
    """Load a pickle; without a place, load nothing."""
    if path:
        with open(path, "rb") as file:
            pickle.load(file)


def save(count: str, base: str) -> None:
    """Make a mapping of records and save it with the library."""
    from ckptflow.checkpoints import CheckpointManager

    value = records(int(count))
    CheckpointManager(base).save("aml", "node_features", value)


def load(base: str) -> None:
    """Load what the library saved."""
    from ckptflow.checkpoints import CheckpointManager

    CheckpointManager(base).load("aml", "node_features")


def records(count: int) -> dict[str, dict[str, float]]:
    """Return so many accounts with fifteen features each: whole numbers, amounts and shares, as pipelines have them."""
    names = [f"feature_{i:02d}" for i in range(15)]
    made = {}
    for i in range(count):
        n = i * 2654435761 % 4294967296
        values = [(n >> j) % (7 + j) if j < 5 else round((n >> j) % 100_000 / 100, 2) for j in range(15)]
        made[f"0{i % 97:02d}_{n:09X}"] = dict(zip(names, values, strict=True))
    return made


PROGRAMS = {f.__name__: f for f in (chunks, items, blake3, commands, dicts, unpickle, save, load)}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
