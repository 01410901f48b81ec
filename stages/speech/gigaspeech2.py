"""Edge. GigaSpeech 2: a directory a language, in it TSV files and folders of WAV files.

    data/th/train_refined.tsv      0-0-7<tab>text
    data/th/train/0/0/0-0-7.wav    the id without its last number is the folder

`train_raw` and `train_refined` label the same audio, below `train`, or each its own below a folder of its name. Where
both list one file the refined text counts. The corpus names no speakers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from .corpus import Layout, Line, Malformed
from .lines import texts
from .listing import table_of

RANKS = {"train_raw": 0, "train_refined": 1, "dev": 2, "test": 2}


def is_listing(path: str) -> bool:
    """Tell whether a file lists segments."""
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix == ".tsv" and name in RANKS


def parse(path: str, lines: Iterable[bytes]) -> Iterator[Line | Malformed]:
    """Yield the segments that a TSV file lists: id, tab, text."""
    split = path.rpartition("/")[2].removesuffix(".tsv")
    folders = [split, "train"] if split.startswith("train_") else [split]
    for number, text in texts(lines):
        if isinstance(text, Malformed):
            yield text
            continue
        segment, tab, transcript = text.partition("\t")
        if not tab or not segment.strip():
            yield Malformed(number, "no tab between id and text" if not tab else "no id")
            continue
        below = "/".join([*segment.split("-")[:-1], f"{segment}.wav"])
        yield Line(segment, tuple(f"{folder}/{below}" for folder in folders), transcript, None, split, RANKS[split])


PROCESSOR = Layout("GigaSpeech2", ".wav", is_listing, parse)


def utterances(corpus: Path) -> pa.Table:
    """Return the utterances of the corpus as a table `tables.UTTERANCES`."""
    return table_of(PROCESSOR, corpus)
