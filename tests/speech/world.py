"""Corpora that tests write, and what they ask of projects and results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.speech.synthetic import write
from tests.e2e.place import Place

TRACED = """
import os, time
from stages.speech import measuring

def facts(audio, *, root):
    with open(os.environ["SIDE"], "a") as file:
        file.write(f"{audio.name.replace(' ', '_')} {os.getpid()}\\n")
    with open(os.environ["SIDE"]) as file:
        full = sum(1 for _ in file) >= int(os.environ.get("UNTIL", 10**9))
    while full and not os.path.exists(os.environ["SIDE"] + ".go"):
        time.sleep(0.01)
    if os.path.exists(os.environ["SIDE"] + "." + audio.name):
        raise PermissionError(13, "Permission denied")
    return measuring.facts(audio, root=root)
"""


def repro(place: Place, *args: str, code: int = 0) -> Any:
    """Run the speech pipeline of a project."""
    return place.repro("--file", "speech.yaml", *args, code=code)


def outs(place: Place, name: str) -> dict[str, bytes]:
    """All bytes of the manifest and the quarantine."""
    return {
        f"{out}/{part}": data
        for out in ("manifest", "quarantine")
        for part, data in place.content(f"data/speech/{name}/{out}.parquet").items()
    }


def tables(directory: Path) -> tuple[pa.Table, pa.Table]:
    """The manifest and the quarantine in a directory."""
    return pq.read_table(directory / "manifest.parquet"), pq.read_table(directory / "quarantine.parquet")


def check_whole(manifest: pa.Table, quarantine: pa.Table, corpus: Path, suffix: str) -> None:
    """Every audio file is in the result, once; ids have no gap and none comes twice."""
    assert manifest["id"].to_pylist() == [f"S{n}" for n in range(1, manifest.num_rows + 1)]
    paths = manifest["path"].to_pylist() + quarantine["path"].to_pylist()
    assert len(set(paths)) == len(paths)
    assert {p.relative_to(corpus).as_posix() for p in corpus.rglob(f"*{suffix}")} <= set(paths)


class Corpus:
    """A corpus that a test writes file by file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)

    def sound(self, *paths: str, fault: str = "") -> None:
        """Write audio of 34 ms at 16 kHz, in the format of each path's suffix."""
        for path in paths:
            write(self.root / path, 2, fault)

    def text(self, path: str, text: str | bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
