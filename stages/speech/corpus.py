"""Edge. The utterances of a corpus: what its transcript files list, matched with the audio that lies there.

Strategy: the directories are walked in the order of their names. The first one on the way down that has transcript
files is a *scope*: they are read, the audio below is looked up in them, and what comes of it goes out before the next
scope is looked at. So memory holds one scope: a chapter of LibriSpeech, a language of the others.

Names are matched in NFC, since some disks store é as two letters whatever a table says; the path that goes out is
always the one on the disk. Links to files are followed, links to directories are not.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from .audio import Sound, Unfit, measure
from .tables import Problem, bad_name, normalise, shown


@dataclass(frozen=True, slots=True)
class Line:
    """What a transcript file says of one utterance. `transcript` is as it stands there.

    `paths` are where the audio may be, relative to the directory of the file: the first that is there counts, and if
    none is, the last one is missing. Of several files that list the same audio the one of highest `rank` counts, and it
    is no mistake that the others do too.
    """

    utterance: str
    paths: tuple[str, ...]
    transcript: str
    speaker: str | None
    split: str | None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that cannot be read: its `number`, from 1, and why."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance of a corpus, good so far where `problem` is None. `path` is relative to the corpus.

    No two have the same `path` and `number`; they come sorted by them. `transcript` is normalised.
    """

    path: str
    utterance: str
    transcript: str = ""
    speaker: str | None = None
    split: str | None = None
    problem: Problem | None = None
    detail: str = ""
    number: int = 0

    @property
    def id(self) -> str:
        """What tells it from all others of the corpus."""
        return f"{self.path}#{self.number}" if self.number else self.path


class Processor(Protocol):
    """What knows one layout of corpora."""

    @property
    def dataset(self) -> str:
        """The corpus's name in the tables."""
        ...

    def find(self, root: Path) -> Iterator[Utterance]:
        """Yield all utterances of the corpus at `root`, in a defined order, scope by scope as they are asked for.

        Raises FileNotFoundError where there is no such directory, OSError where it cannot be read.
        """
        ...

    def read(self, root: Path, utterance: Utterance) -> Sound:
        """Return what the utterance's audio holds. Raises `Unfit` where it is not for the manifest, and OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Layout:
    """A processor made of what layouts differ in.

    `is_listing` tells transcript files by their names. `parse` reads one: its path relative to the corpus, its lines.
    `suffix` is that of audio. `unique`: the corpus's own ids are unique in all of it, not just where they lead to
    different audio.
    """

    dataset: str
    suffix: str
    is_listing: Callable[[str], bool]
    parse: Callable[[str, Iterable[bytes]], Iterator[Line | Malformed]]
    unique: bool = False

    def find(self, root: Path) -> Iterator[Utterance]:
        """See `Processor`."""
        seen: set[str] = set()
        last, number = None, 0
        for one in _visit(self, root, ""):
            number = number + 1 if one.path == last else 0
            last = one.path
            if self.unique and one.problem is None:
                if one.utterance in seen:
                    one = replace(one, problem=Problem.DUPLICATE_UTTERANCE, detail="it is listed elsewhere before")
                seen.add(one.utterance)
            yield replace(one, number=number) if number else one

    def read(self, root: Path, utterance: Utterance) -> Sound:
        """See `Processor`."""
        if utterance.problem is not None:
            raise Unfit(utterance.problem, utterance.detail)
        return measure(root / utterance.path)


@dataclass(slots=True)
class _Found:
    """The files of a scope, by their paths in the corpus."""

    audio: list[str] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)


def _entries(root: Path, directory: str) -> list[tuple[str, bool]]:
    """Return what lies in a directory as (path in the corpus, whether it is a directory), in the order of paths.

    A directory counts with a slash after its name, so that the order is that of all the paths below.
    """
    with os.scandir(root / directory) as entries:
        found = [
            (directory + entry.name, entry.is_dir(follow_symlinks=False))
            for entry in entries
            if entry.is_dir(follow_symlinks=False) or entry.is_file()
        ]
    return sorted(((f"{path}/", True) if is_dir else (path, False)) for path, is_dir in found)


def _visit(layout: Layout, root: Path, directory: str) -> Iterator[Utterance]:
    """Yield the utterances of a directory, empty or with a slash at its end, and of all below it."""
    entries = _entries(root, directory)
    if any(layout.is_listing(path) for path, is_dir in entries if not is_dir):
        yield from _scope(layout, root, directory)
        return
    for path, is_dir in entries:
        if is_dir:
            yield from _visit(layout, root, path)
        elif path.lower().endswith(layout.suffix):
            yield _orphan(path)


def _scope(layout: Layout, root: Path, directory: str) -> Iterator[Utterance]:
    """Yield the utterances of a directory that has transcript files."""
    found = _Found()
    _collect(layout, root, directory, found)
    known: dict[str, str] = {}
    for path in found.audio:
        known.setdefault(unicodedata.normalize("NFC", path), path)
    claims: dict[str, list[Line]] = {path: [] for path in found.audio}
    bad: dict[str, list[Utterance]] = {}
    for listing in found.listings:
        with (root / listing).open("rb") as file:
            for line in layout.parse(listing, file):
                if isinstance(line, Malformed):
                    bad[f"{listing}:{line.number}"] = [_malformed(listing, line)]
                    continue
                base = listing.rpartition("/")[0]
                paths = [f"{base}/{path}" if base else path for path in line.paths]
                there = (known.get(unicodedata.normalize("NFC", path)) for path in paths)
                claims.setdefault(next((path for path in there if path is not None), paths[-1]), []).append(line)
    present = set(found.audio)
    for path in sorted({*claims, *bad}):
        yield from bad.get(path, ())
        if path in claims:
            yield from _claimed(path, claims[path], there=path in present)


def _collect(layout: Layout, root: Path, directory: str, found: _Found) -> None:
    for path, is_dir in _entries(root, directory):
        if is_dir:
            _collect(layout, root, path, found)
        elif layout.is_listing(path):
            found.listings.append(path)
        elif path.lower().endswith(layout.suffix):
            found.audio.append(path)


def _claimed(path: str, lines: list[Line], *, there: bool) -> Iterator[Utterance]:
    """Yield the utterance at `path`, and one for each further line that claims to be it."""
    rank = max((line.rank for line in lines), default=0)
    first: Line | None = None
    for line in lines:
        if line.rank < rank:
            continue
        text = normalise(line.transcript)
        speaker, split = (None if name is None else shown(name) for name in (line.speaker, line.split))
        one = Utterance(shown(path), line.utterance, text, speaker, split)
        if why := bad_name(path):
            one = replace(one, problem=Problem.BAD_NAME, detail=why)
        elif not there:
            one = replace(one, problem=Problem.MISSING_AUDIO)
        elif first is not None and first.utterance == line.utterance:
            where = f"first in {first.split}" if first.split != line.split else "listed before"
            one = replace(one, problem=Problem.DUPLICATE_UTTERANCE, detail=where)
        elif first is not None:
            one = replace(one, problem=Problem.DUPLICATE_PATH, detail=f"the audio of {first.utterance}")
        elif not text:
            one = replace(one, problem=Problem.EMPTY_TRANSCRIPT)
        first = first or line
        yield one
    if not lines:
        yield _orphan(path)


def _orphan(path: str) -> Utterance:
    why = bad_name(path)
    return Utterance(shown(path), "", problem=Problem.BAD_NAME if why else Problem.NO_TRANSCRIPT, detail=why)


def _malformed(listing: str, line: Malformed) -> Utterance:
    return Utterance(f"{shown(listing)}:{line.number}", "", problem=Problem.MALFORMED, detail=line.why)
