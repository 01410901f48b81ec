"""Edge. One audio file: decoded to its end, since a header may promise what the file does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple

import soundfile

from .tables import Problem

BLOCK = 1 << 16
"""Frames decoded at a time."""

OPEN_ENDED = (0, 0xFFFFFFFF)
"""Sizes in a WAV that was written to a pipe: they promise nothing."""

MP3_TAGS = (b"Xing", b"Info", b"VBRI")
"""What the first frame of an MP3 has in it where it says how long the file is."""


class Sound(NamedTuple):
    """What a file holds: `frames` samples in each of `channels`, `sample_rate` of them a second."""

    frames: int
    sample_rate: int
    channels: int


class Unfit(Exception):
    """An utterance that cannot be in the manifest."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(problem, detail)
        self.problem = problem
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.problem}: {self.detail}" if self.detail else str(self.problem)


def measure(path: Path) -> Sound:
    """Decode the file and return what it holds.

    Raises `Unfit` for a file that is empty, broken, shorter than it says, or without a sample; OSError where it cannot
    be read at all. Not found are changed samples of a WAV, which has no checksum, and the lost end of an MP3 whose
    first frame does not say how long it is.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            raise Unfit(Problem.EMPTY_FILE)
        missing, promises = _wav_missing(file, size), _mp3_promises(file)
    if missing > 0:
        raise Unfit(Problem.TRUNCATED, f"{missing} of the bytes announced are not there")
    frames, announced = 0, 0
    sound = None
    try:
        with soundfile.SoundFile(path) as sound:
            announced = sound.frames if sound.format != "MP3" or promises else 0
            while count := len(sound.read(BLOCK, dtype="int16", always_2d=True)):
                frames += count
    except soundfile.LibsndfileError as error:
        # The error's own text names the file by its absolute path, and for many a broken file says it is not there.
        detail = "not recognised as audio" if sound is None else f"after {frames} frames: {error.error_string.strip()}"
        raise Unfit(Problem.UNDECODABLE, detail) from error
    if frames < announced:
        raise Unfit(Problem.TRUNCATED, f"{announced} frames announced, {frames} found")
    if frames == 0:
        raise Unfit(Problem.NO_SAMPLES)
    return Sound(frames, sound.samplerate, sound.channels)


def _wav_missing(file: BinaryIO, size: int) -> int:
    """Return how many bytes a WAV lacks of those it announces: libsndfile takes what is there for all there is."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0
    at = 12
    while True:
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if len(head) < 8 or (head[:4] == b"data" and length in OPEN_ENDED):
            return 0
        if head[:4] == b"data":
            return at + 8 + length - size
        at += 8 + length + length % 2


def _mp3_promises(file: BinaryIO) -> bool:
    """Tell whether the first frame says how long the file is. Else libsndfile guesses, and may guess too much."""
    file.seek(0)
    head = file.read(10)
    tags = 0
    if head[:3] == b"ID3" and len(head) == 10:  # tags come first; their size has seven bits a byte
        tags = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(tags)
    first = file.read(64)
    return any(tag in first for tag in MP3_TAGS)
