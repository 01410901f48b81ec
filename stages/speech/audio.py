"""Edge. One audio file: decoded to its end, since a header may promise what the file does not hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import soundfile

from .mpeg import walk
from .tables import Problem

BLOCK = 1 << 16
"""Frames decoded at a time."""

OPEN_ENDED = (0, 0xFFFFFFFF)
"""Sizes in a WAV that was written to a pipe: they promise nothing."""


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
    be read at all. Not found are changed samples of a WAV, which has no checksum, and the loss of whole frames at the
    end of an MP3 that does not say how long it is.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise Unfit(Problem.EMPTY_FILE)
        missing = _wav_missing(file, size)
        file.seek(0)
        mpeg = walk(file.read()) if path.suffix.lower() == ".mp3" else None
    if mpeg is not None:
        missing = mpeg.missing
    if missing > 0:
        raise Unfit(Problem.TRUNCATED, f"{missing} of the bytes announced are not there")
    if mpeg is not None and mpeg.lost is not None:
        raise Unfit(Problem.UNDECODABLE, f"no frame at byte {mpeg.lost}")
    found, announced = _decode(path)
    if mpeg is not None and not mpeg.tagged:  # then libsndfile guesses the length from the first frame, and stops there
        found, announced = found._replace(frames=mpeg.samples), mpeg.samples
    if found.frames < announced:
        raise Unfit(Problem.TRUNCATED, f"{announced} frames announced, {found.frames} found")
    if found.frames == 0:
        raise Unfit(Problem.NO_SAMPLES)
    return found


def _decode(path: Path) -> tuple[Sound, int]:
    """Return what decoding gives, and how many frames the file announces."""
    frames = 0
    sound = None
    try:
        with soundfile.SoundFile(os.fsencode(path)) as sound:  # as text, soundfile takes no name that is not UTF-8
            while count := len(sound.read(BLOCK, dtype="int16", always_2d=True)):
                frames += count
    except soundfile.LibsndfileError as error:
        # The error's own text names the file by its absolute path, and of many a broken file it says it is not there.
        detail = "not recognised as audio" if sound is None else f"after {frames} frames: {error.error_string.strip()}"
        raise Unfit(Problem.UNDECODABLE, detail) from error
    return Sound(frames, sound.samplerate, sound.channels), sound.frames


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
