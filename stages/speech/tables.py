"""Pure. The tables that pass between the stages, what can be wrong with an utterance, and how text is normalised."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

import pyarrow as pa


class Problem(StrEnum):
    """Why an utterance is in the quarantine. Where there are several reasons, the first of this list that holds."""

    MALFORMED = "malformed_line"  # a line of a transcript file that cannot be read
    BAD_NAME = "bad_name"  # a path with control characters, or that is no UTF-8: manifests are read by lines
    NO_TRANSCRIPT = "no_transcript"  # audio that no transcript file lists
    MISSING_AUDIO = "missing_audio"  # listed, and not there
    DUPLICATE_UTTERANCE = "duplicate_utterance"  # the corpus's own id came before
    DUPLICATE_PATH = "duplicate_path"  # another id leads to the same audio
    EMPTY_TRANSCRIPT = "empty_transcript"
    EMPTY_FILE = "empty_file"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"  # less audio than the file itself says
    NO_SAMPLES = "no_samples"  # whole and well, with no audio in it
    UNREAD = "unread"  # nobody could read the file: the machine's fault, not the file's


UTTERANCES = pa.schema(
    [
        ("path", pa.string()),
        ("number", pa.int64()),
        ("utterance", pa.string()),
        ("transcript", pa.string()),
        ("speaker", pa.string()),
        ("split", pa.string()),
        ("problem", pa.string()),
        ("detail", pa.string()),
    ]
)
"""One row an utterance, sorted by `path`, which is relative to the corpus, and `number`: 0, and more for each further
one at the same path. `problem` and `detail` are empty where nothing is wrong so far."""

MANIFEST = pa.schema(
    [
        ("id", pa.string()),
        ("dataset", pa.string()),
        ("path", pa.string()),
        ("duration", pa.float64()),
        ("sample_rate", pa.int32()),
        ("channels", pa.int32()),
        ("transcript", pa.string()),
        ("speaker", pa.string()),
        ("split", pa.string()),
    ]
)
"""One row a good utterance. `id` is S1, S2, ... without gaps; `duration` in seconds, `sample_rate` in hertz."""

QUARANTINE = pa.schema(
    [
        ("dataset", pa.string()),
        ("path", pa.string()),
        ("utterance", pa.string()),
        ("split", pa.string()),
        ("problem", pa.string()),
        ("detail", pa.string()),
    ]
)
"""One row an utterance that is not in the manifest: `problem` is a `Problem`, `detail` what is known beyond it."""


def normalise(text: str) -> str:
    """Return a transcript in NFC, every run of white space one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def shown(path: str) -> str:
    """Return a path as a text that Arrow can hold: bytes that are no UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def bad_name(path: str) -> str:
    """Return what is wrong with a path, as `shown` or not; empty where nothing is. Spaces and any script are fine."""
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in path):
        return "the name is not UTF-8"
    odd = sorted({letter for letter in path if unicodedata.category(letter) in ("Cc", "Zl", "Zp")})
    return f"the name has {', '.join(f'U+{ord(letter):04X}' for letter in odd)}" if odd else ""
