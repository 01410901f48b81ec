"""Edge. LibriSpeech: a folder a split, speaker and chapter, in the last FLAC files and one file of transcripts.

    train-clean-100/19/198/19-198.trans.txt     19-198-0000 NORTHANGER ABBEY
    train-clean-100/19/198/19-198-0000.flac

Speaker and split are the names of folders. An id that comes again, in another folder too, is a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from .corpus import Layout, Line, Malformed
from .lines import texts
from .listing import table_of


def is_listing(path: str) -> bool:
    """Tell whether a file holds transcripts."""
    return path.endswith(".trans.txt")


def parse(path: str, lines: Iterable[bytes]) -> Iterator[Line | Malformed]:
    """Yield the utterances that a file of transcripts lists: id, space, text. An id alone has an empty transcript."""
    folders = path.split("/")[:-1]
    speaker = folders[-2] if len(folders) > 1 else None
    split = folders[-3] if len(folders) > 2 else None
    for number, text in texts(lines):
        if isinstance(text, Malformed):
            yield text
            continue
        utterance, _, transcript = text.partition(" ")
        if not utterance:
            yield Malformed(number, "no id at the beginning")
            continue
        yield Line(utterance, (f"{utterance}.flac",), transcript, speaker, split)


PROCESSOR = Layout("LibriSpeech", ".flac", is_listing, parse, unique=True)


def utterances(corpus: Path) -> pa.Table:
    """Return the utterances of the corpus as a table `tables.UTTERANCES`."""
    return table_of(PROCESSOR, corpus)
