"""Edge. Mozilla Common Voice: a directory a language, in it TSV files with a header and a folder of MP3 files.

    cv-corpus-17.0-2024-03-15/th/validated.tsv    client_id, path, sentence, ... in any order
    cv-corpus-17.0-2024-03-15/th/clips/common_voice_th_1.mp3

Every clip of `train`, `dev` and `test` is in `validated` too: its split is the narrower one. `other` and `invalidated`
are splits as well, for users to leave out. A clip that two of train, dev and test list is a duplicate in the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from .corpus import Layout, Line, Malformed
from .lines import texts
from .listing import table_of

RANKS = {"train": 2, "dev": 2, "test": 2, "validated": 1, "other": 0, "invalidated": 0}
COLUMNS = ("client_id", "path", "sentence")


def is_listing(path: str) -> bool:
    """Tell whether a file lists clips; others tell of reports, sentences and durations."""
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix == ".tsv" and name in RANKS


def parse(path: str, lines: Iterable[bytes]) -> Iterator[Line | Malformed]:
    """Yield the clips that a TSV file lists. No field is quoted: a quotation mark is part of the sentence."""
    split = path.rpartition("/")[2].removesuffix(".tsv")
    header: list[str] | None = None
    for number, text in texts(lines):
        if isinstance(text, Malformed):
            yield text
        elif header is None:
            header = text.split("\t")
            if lacking := [name for name in COLUMNS if name not in header]:
                yield Malformed(number, f"the header has no {', '.join(lacking)}")
                return
        elif len(fields := text.split("\t")) != len(header):
            yield Malformed(number, f"{len(fields)} fields, {len(header)} in the header")
        else:
            speaker, clip, sentence = (fields[header.index(name)] for name in COLUMNS)
            if not clip:
                yield Malformed(number, "no path")
                continue
            name = clip if clip.endswith(".mp3") else f"{clip}.mp3"  # early releases leave it out
            yield Line(clip, (f"clips/{name}",), sentence, speaker or None, split, RANKS[split])


PROCESSOR = Layout("CommonVoice", ".mp3", is_listing, parse)


def utterances(corpus: Path) -> pa.Table:
    """Return the utterances of the corpus as a table `tables.UTTERANCES`."""
    return table_of(PROCESSOR, corpus)
