"""Pure. Rows of the manifest and of the quarantine, and the ids of the good ones."""

from __future__ import annotations

from typing import Any, NamedTuple, TypedDict

import pyarrow as pa

from .audio import Sound
from .corpus import Utterance
from .tables import MANIFEST, QUARANTINE, Problem

Row = dict[str, Any]


class State(TypedDict):
    """What is handed on: the number of the last id, 0 before the first."""

    last_generated_id: int


class Sorted(NamedTuple):
    """Utterances in two tables: `tables.MANIFEST` and `tables.QUARANTINE`."""

    manifest: pa.Table
    quarantine: pa.Table


def id_of(number: int) -> str:
    """Return the id of the utterance that is the `number`th good one, from 1."""
    return f"S{number}"


def good_row(dataset: str, id: str, utterance: Utterance, sound: Sound) -> Row:
    """Return the utterance's row of the manifest."""
    return {
        "id": id,
        "dataset": dataset,
        "path": utterance.path,
        "duration": sound.frames / sound.sample_rate,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "transcript": utterance.transcript,
        "speaker": utterance.speaker,
        "split": utterance.split,
    }


def bad_row(dataset: str, utterance: Utterance, problem: str, detail: str) -> Row:
    """Return the utterance's row of the quarantine."""
    return {
        "dataset": dataset,
        "path": utterance.path,
        "utterance": utterance.utterance,
        "split": utterance.split,
        "problem": problem,
        "detail": detail,
    }


def numbered(utterances: pa.Table, audio: pa.Table, *, dataset: str, state: State) -> tuple[Sorted, State]:
    """Match utterances with their audio by `path`, and give the good ones the ids that come next.

    `utterances`: `tables.UTTERANCES`, `audio`: rows of `measuring.facts`; any part of both with the same paths. What
    comes out is sorted by path and number. An utterance whose file nobody could read has no row in `audio`.
    """
    sounds = {row["path"]: row for row in audio.to_pylist()}
    last = state["last_generated_id"]
    good: list[Row] = []
    bad: list[Row] = []
    for row in sorted(utterances.to_pylist(), key=lambda row: (row["path"], row["number"])):
        problem, detail = row.pop("problem"), row.pop("detail")
        utterance = Utterance(**row)
        if not problem:
            sound = sounds.get(utterance.path, {"problem": str(Problem.UNREAD), "detail": ""})
            problem, detail = sound["problem"], sound["detail"]
        if problem:
            bad.append(bad_row(dataset, utterance, problem, detail))
            continue
        last += 1
        held = Sound(sound["frames"], sound["sample_rate"], sound["channels"])
        good.append(good_row(dataset, id_of(last), utterance, held))
    tables = Sorted(pa.Table.from_pylist(good, MANIFEST), pa.Table.from_pylist(bad, QUARANTINE))
    return tables, {"last_generated_id": last}
