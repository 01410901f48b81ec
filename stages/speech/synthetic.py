"""Edge. Made-up corpora in the three layouts, with whatever goes wrong with files: to try the pipeline, and for tests.

    python -m stages.speech.synthetic data/corpora --utterances 300

Utterances are short tones. They have the names, the files and the formats of the published corpora and nothing else of
them. The same arguments make the same corpus with the same version of soundfile.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
WORDS = ("sun", "rain", "the river", "café", "สวัสดี", "xin chào", "selamat pagi", "naïve", "한국어", "tomorrow")
FAULTS = ("truncated", "empty", "noise", "missing", "silent", "unlisted")
"""What every 20th utterance has in turn: cut off, no bytes, no audio, not there, no text, in no table."""


def main() -> None:
    """Make all three below a directory."""
    parser = argparse.ArgumentParser(description="Make small corpora in the layouts of the speech pipeline.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--utterances", type=int, default=300, help="in each corpus")
    given = parser.parse_args()
    for name, make in MAKERS.items():
        make(given.directory / name, given.utterances)


def gigaspeech2(root: Path, utterances: int) -> None:
    """Make Thai and Vietnamese: a quarter of it for dev and test, two thirds of the training with a refined text."""
    tables: dict[str, list[str]] = {}
    for number, fault in _numbers(utterances):
        language, part = ("th", "vi")[number % 2], ("dev", "test")[number // 4 % 2] if number % 4 == 3 else "train"
        segment = f"{number // 100}-{number // 10 % 10}-{number % 10}"
        folder, _, _ = segment.rpartition("-")
        write(root / language / part / folder.replace("-", "/") / f"{segment}.wav", number, fault)
        splits = [part] if part != "train" else ["train_raw", "train_refined"][: 2 if number % 3 else 1]
        for split in splits:
            lines = tables.setdefault(f"{language}/{split}.tsv", [])
            if fault != "unlisted":
                text = text_of(number, fault)
                lines.append(f"{segment}\t{f'{text} .' if text and split == 'train_raw' else text}\n")
    for path, lines in tables.items():
        _text(root / path, "".join(lines))


def common_voice(root: Path, utterances: int) -> None:
    """Make two languages: a third of the clips is validated and in no split, a few are invalidated."""
    header = "client_id\tpath\tsentence\tup_votes\tdown_votes\n"
    tables: dict[str, list[str]] = {}
    for number, fault in _numbers(utterances):
        language = ("id", "th")[number % 2]
        clip = f"common_voice_{language}_{number:08}.mp3"
        write(root / language / "clips" / clip, number, fault)
        narrow = ("train", "train", "dev", "test", "validated", "validated", "invalidated")[number % 7]
        for split in dict.fromkeys([narrow, "validated" if narrow != "invalidated" else narrow]):
            lines = tables.setdefault(f"{language}/{split}.tsv", [header])
            if fault != "unlisted":
                lines.append(f"{number % 5:064x}\t{clip}\t{text_of(number, fault)}\t2\t0\n")
    for path, lines in tables.items():
        _text(root / path, "".join(lines))


def librispeech(root: Path, utterances: int) -> None:
    """Make two splits of chapters with ten utterances each."""
    tables: dict[str, list[str]] = {}
    for number, fault in _numbers(utterances):
        chapter = number // 10
        split, speaker = ("dev-clean", "train-clean-100")[chapter % 2], 100 + chapter // 3
        folder = f"{split}/{speaker}/{1000 + chapter}"
        utterance = f"{speaker}-{1000 + chapter}-{number % 10:04}"
        write(root / folder / f"{utterance}.flac", number, fault)
        lines = tables.setdefault(f"{folder}/{speaker}-{1000 + chapter}.trans.txt", [])
        if fault != "unlisted":
            lines.append(f"{utterance} {text_of(number, fault).upper()}\n")
    for path, lines in tables.items():
        _text(root / path, "".join(lines))


MAKERS: dict[str, Callable[[Path, int], None]] = {
    "common_voice": common_voice,
    "gigaspeech2": gigaspeech2,
    "librispeech": librispeech,
}


def write(path: Path, number: int, fault: str = "") -> None:
    """Write an utterance of 20 to 60 ms, in the format of the suffix, with a fault or without."""
    if fault == "missing":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = RATE * (20 + number * 7 % 41) // 1000
    tone = np.sin(np.arange(frames) * (0.02 + number % 50 / 100)) * 0.3
    soundfile.write(os.fsencode(path), tone, RATE, format=path.suffix[1:].upper())
    whole = path.read_bytes()
    if fault == "truncated":
        path.write_bytes(whole[: len(whole) * 2 // 3])
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "noise":
        path.write_bytes(bytes(range(1, 251)) * 3)


def text_of(number: int, fault: str = "") -> str:
    """Return a transcript of a few words."""
    return "" if fault == "silent" else " ".join(WORDS[(number * k + k) % len(WORDS)] for k in (1, 3, 7))


def _numbers(utterances: int) -> Iterator[tuple[int, str]]:
    """Yield numbers with their faults."""
    for number in range(utterances):
        yield number, FAULTS[number // 20 % len(FAULTS)] if number % 20 == 13 else ""


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
