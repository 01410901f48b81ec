"""Edge. The projects that are measured: a pipeline file, stage functions, data that is the same everywhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .peers import Copies

if TYPE_CHECKING:
    import pyarrow as pa

WORK = '''\
"""Stage functions as plain as they come."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc


def double(rows: pa.Table) -> pa.Table:
    return rows.append_column("double", pc.multiply(rows["x"], 2.0))


def double_one(rows: dict) -> dict:
    rows["double"] = rows["x"] * 2.0
    return rows


def traced(rows: pa.Table) -> pa.Table:
    with open(os.environ["TRACE"], "a") as file:
        file.write(f"{rows['id'][0]}\\n")
    return double(rows)


def features(rows: pa.Table) -> pa.Table:
    x, y = rows["x"], rows["y"]
    out = rows.append_column("log", pc.ln(pc.add(x, 1.0)))
    out = out.append_column("ratio", pc.divide(x, pc.add(y, 1.0)))
    out = out.append_column("root", pc.sqrt(pc.add(pc.multiply(x, x), pc.multiply(y, y))))
    return out.append_column("rank", pc.rank(y))


def each_row(rows: pa.Table) -> pa.Table:
    made, seen = [], {}
    for key, x, y in zip(rows["key"].to_pylist(), rows["x"].to_pylist(), rows["y"].to_pylist()):
        digits = [int(c) for c in key[1:]]
        weights = [d * (x if i % 2 else y) for i, d in enumerate(digits)]
        seen[key] = seen.get(key, 0) + 1
        made.append(sum(weights) / (1 + len(digits)) + max(weights) - min(weights) + seen[key])
    return rows.append_column("made", pa.array(made, pa.float64()))


def count(source: Path) -> dict[str, int]:
    return {"bytes": source.stat().st_size}
'''

STATE = (".ckptflow", "pipeline.lock")


def make(directory: Path, stages: Mapping[str, Any], *, modules: Mapping[str, str] | None = None) -> Path:
    """Make a project with these stages and modules (default: `work`), and an empty `data`; return its directory."""
    directory.mkdir(parents=True)
    (directory / "data").mkdir()
    # JSON is YAML, and parsing it is not what is measured.
    (directory / "pipeline.yaml").write_text(json.dumps({"stages": stages}, indent=1) + "\n")
    for name, text in (modules or {"work": WORK}).items():
        (directory / f"{name}.py").write_text(text)
    return directory


def copying(directory: Path, copies: Copies) -> Path:
    """Make a project of stages that copy files, as the peers have it; return its directory."""
    stages = {
        f"s{n}": {"cmd": f"cp {source} {out}", "deps": [source], "outs": [out]}
        for n, (source, out) in enumerate(copies.pairs())
    }
    project = make(directory, stages)
    copies.write_sources(project)
    return project


def counting(path: str) -> dict[str, Any]:
    """Return a stage that looks at a file or a directory and does next to nothing with it."""
    return {"call": "work:count", "deps": {"source": path}, "outs": {"out": "count.json"}}


def write_tree(directory: Path, files: int, *, a_folder: int = 1000) -> None:
    """Write so many small files, no two alike, into folders of that many."""
    for number in range(files):
        folder = directory / f"{number // a_folder:04d}"
        if number % a_folder == 0:
            folder.mkdir()
        with open(f"{folder}/{number % a_folder:05d}.txt", "w") as file:
            file.write(str(number))


def write_noise(path: Path, size: int) -> None:
    """Write random bytes, of which blocks of 16 MiB repeat."""
    block = os.urandom(min(size, 16 << 20))
    with open(path, "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])


def forget(project: Path, *outs: str) -> None:
    """Make the project as it was before its first run."""
    for name in (*STATE, *outs):
        path = project / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def batches(rows: int, *, start: int = 0, step: int = 1 << 20) -> Iterator[pa.RecordBatch]:
    """Yield `rows` rows from id `start` on: id, a key of text, three numbers. 50 bytes a row, no two alike."""
    import numpy as np
    import pyarrow as pa

    for first in range(start, start + rows, step):
        count = min(step, start + rows - first)
        ids = np.arange(first, first + count, dtype=np.int64)
        mixed = ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53 * 1000.0
        y = np.round((mixed >> np.uint64(31)).astype(np.float64) / 2.0**33 * 5000.0, 2)
        key = np.char.add("A", (mixed % np.uint64(900_000_000)).astype("U9"))
        yield pa.record_batch(
            {
                "id": ids,
                "key": pa.array(key),
                "x": x,
                "y": y,
                "n": (mixed % np.uint64(97)).astype(np.int32),
            }
        )


def write_table(path: Path, rows: int, *, insert_at: int | None = None) -> int:
    """Write the table as Parquet, with one more row before row `insert_at` if given; return its size in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = 0
    writer: pq.ParquetWriter | None = None
    for batch in batches(rows):
        if writer is None:
            writer = pq.ParquetWriter(path, batch.schema, compression="snappy")
        size += batch.nbytes
        table = pa.Table.from_batches([batch])
        first = batch["id"][0].as_py()
        if insert_at is not None and first <= insert_at < first + batch.num_rows:
            extra = pa.Table.from_batches(list(batches(1, start=10**12)))
            at = insert_at - first
            table = pa.concat_tables([table.slice(0, at), extra, table.slice(at)]).combine_chunks()
        writer.write_table(table, row_group_size=1 << 20)
    assert writer is not None
    writer.close()
    return size


def write_parts(directory: Path, count: int, rows: int) -> None:
    """Write the table as so many files of `rows` rows below `parts`, and make `out`, for programs that cut nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in ("parts", "out"):
        (directory / name).mkdir(parents=True)
    for number, batch in enumerate(batches(count * rows, step=rows)):
        pq.write_table(pa.Table.from_batches([batch]), directory / f"parts/{number}.parquet", compression="snappy")
