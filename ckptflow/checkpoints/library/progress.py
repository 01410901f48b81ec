"""Pure. What the journals of a dataset say: which items are done, failed, skipped, and what went with them.

A journal is sealed lines (`sealed`). Its first line tells whose it is and what it goes on from; every other one is an
item that was finished, with what changed in the state since the line before. An item whose line is damaged is done
again; none is ever taken for done that was not.

    {"journal":"GigaSpeech2","v":1,"start":"2026-06-01T12:00:00Z","x":"..."}
    {"item":"a.wav","is":"done","gave":"S1","set":{"hours":0.1},"s":0.52,"v":1,"x":"..."}
    {"item":"b.wav","is":"failed","error":"ValueError: no audio","s":0.61,"v":1,"x":"..."}

`gave` is the id that was generated for the item, `used` the last ids of further sequences; `set` and `unset` change the
state key by key; `s` counts the seconds that the run of this journal has worked. `"is":"state"` changes the state
alone, `"is":"sum"` carries over what no item's line of a merged journal tells.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ...dataclass import dataclass, field
from ..sealed import BadLine, seal, unseal

VERSION = 1
Id: TypeAlias = str | int

LISTED = 1000
"""Most ids of items that a checkpoint lists all; where there are more, it lists the last `LISTED_LAST`."""

LISTED_LAST = 100
NOTED_FAILURES = 100

_NUMBER = re.compile(r"(?P<prefix>.*?)(?P<number>[0-9]{1,18})", re.DOTALL)


@dataclass(slots=True)
class Progress:
    """The sum of journals: feed it their lines in order."""

    done: set[Id] = field(default_factory=set)
    skipped: set[Id] = field(default_factory=set)
    failed: dict[Id, tuple[int, str]] = field(default_factory=dict)
    """Items whose last attempt failed: how many attempts failed, and the last error."""
    last_done: deque[Id] = field(default_factory=lambda: deque(maxlen=LISTED))
    last_item: Id | None = None
    last_generated: Id | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    """By prefix the greatest number of the ids that were generated."""
    state: dict[str, Any] = field(default_factory=dict)
    has_state: bool = False
    seconds: float = 0.0
    lines: int = 0
    _last_seconds: float = 0.0

    @property
    def processed(self) -> int:
        """How many items were worked on: done, failed or skipped."""
        return len(self.done) + len(self.failed) + len(self.skipped)

    @property
    def listed(self) -> tuple[Id, ...]:
        """The ids of items done that a checkpoint lists: all, or the last."""
        last = tuple(self.last_done)
        return last if len(self.done) <= LISTED else last[-LISTED_LAST:]

    def begin(self, seconds: float = 0.0) -> None:
        """Another journal begins; its run had worked so long before the next line."""
        self._last_seconds = seconds

    def add(self, line: bytes) -> None:
        """Take in one line, without its end, that is not a journal's first. Raises `BadLine`, changing nothing."""
        doc = unseal(line)
        if doc.get("v") != VERSION:
            raise BadLine(f"line of version {doc.get('v')!r}, this program reads {VERSION}")
        kind, item = doc.get("is"), doc.get("item")
        if kind in _WITH_ITEM and type(item) not in (str, int):
            raise BadLine("no item")
        try:
            self.take(doc)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise BadLine(f"malformed: {error!r}") from error

    def take(self, doc: Mapping[str, Any]) -> None:
        """Take in what a line says."""
        kind: Any = doc["is"]
        item: Any = doc.get("item")
        if kind == "done":
            self._finish(item)
            if item not in self.done:
                self.done.add(item)
                self.last_done.append(item)
        elif kind == "failed":
            if item not in self.done:
                attempts = int(doc.get("attempts") or self.failed.get(item, (0, ""))[0] + 1)
                self.skipped.discard(item)
                self.failed[item] = (attempts, str(doc.get("error", "")))
        elif kind == "skipped":
            if item not in self.done:
                self._finish(item)
                self.skipped.add(item)
        elif kind not in ("state", "sum"):
            raise ValueError(f"unknown kind {kind!r}")
        if item is not None:
            self.last_item = item
        if doc.get("gave") is not None:
            self.note_generated(doc["gave"])
            self.last_generated = doc["gave"]
        for further in doc.get("used", ()):
            self.note_generated(further)
        if "set" in doc or "unset" in doc:
            self.has_state = True
            self.state.update(doc.get("set", {}))
            for key in doc.get("unset", ()):
                self.state.pop(key, None)
        if "s" in doc:
            seconds = float(doc["s"])
            self.seconds += max(0.0, seconds - self._last_seconds)
            self._last_seconds = max(self._last_seconds, seconds)
        self.lines += 1

    def note_generated(self, generated: Id) -> None:
        """Remember an id that ends in a number, so that the next one of its sequence is known."""
        split = split_number(generated)
        if split is not None:
            prefix, number = split
            self.numbers[prefix] = max(number, self.numbers.get(prefix, number))

    def merged(self) -> Iterator[bytes]:
        """Yield the lines of one journal that says the same as all that were taken in."""
        order = set(self.last_done)
        for item in (*(i for i in self.done if i not in order), *dict.fromkeys(self.last_done)):
            yield seal({"item": item, "is": "done", "v": VERSION})
        for item in self.skipped:
            yield seal({"item": item, "is": "skipped", "v": VERSION})
        for item, (attempts, error) in self.failed.items():
            yield seal({"item": item, "is": "failed", "error": error, "attempts": attempts, "v": VERSION})
        doc: dict[str, Any] = {"is": "sum", "v": VERSION, "s": round(self.seconds, 3)}
        if self.last_item is not None:
            doc["item"] = self.last_item
        if self.last_generated is not None:
            doc["gave"] = self.last_generated
        doc["used"] = [f"{prefix}{number}" for prefix, number in self.numbers.items()]
        if self.has_state:
            doc["set"] = self.state
        yield seal(doc)

    def _finish(self, item: Any) -> None:
        if self.failed:
            self.failed.pop(item, None)
        if self.skipped:
            self.skipped.discard(item)


_WITH_ITEM = ("done", "failed", "skipped")


def split_number(generated: Id) -> tuple[str, int] | None:
    """Return (prefix, number) of an id that ends in digits, None of any other: `S12` is (`S`, 12)."""
    found = _NUMBER.fullmatch(str(generated))
    return (found["prefix"], int(found["number"])) if found else None


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a journal. Where neither `fresh` nor `covers` is said, it goes on from all before it.

    `fresh`: from nothing, or, with `after`, from so many bytes of that journal, which goes on from what it says itself.
    `covers`: its lines say all that these journals said in so many bytes; what came behind them counts too.
    """

    dataset: str
    start: str
    fresh: bool = False
    after: tuple[str, int] | None = None
    covers: Mapping[str, int] | None = None

    def line(self) -> bytes:
        """Return the line, with its end."""
        doc: dict[str, Any] = {"journal": self.dataset, "v": VERSION, "start": self.start}
        if self.fresh:
            doc["fresh"] = True
        if self.after is not None:
            doc["after"] = list(self.after)
        if self.covers is not None:
            doc["covers"] = dict(self.covers)
        return seal(doc)

    @classmethod
    def parse(cls, line: bytes) -> Header:
        """Inverse of `line`, without its end. Raises `BadLine`."""
        doc = unseal(line)
        if doc.get("v") != VERSION or not isinstance(doc.get("journal"), str):
            raise BadLine("not the beginning of a journal that this program can read")
        try:
            after, covers = doc.get("after"), doc.get("covers")
            return cls(
                doc["journal"],
                str(doc.get("start", "")),
                doc.get("fresh") is True,
                None if after is None else (str(after[0]), int(after[1])),
                None if covers is None else {str(lane): int(size) for lane, size in covers.items()},
            )
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise BadLine(f"malformed: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a journal that counts: bytes `start` to `stop` (None: to its end)."""

    lane: str
    start: int = 0
    stop: int | None = None


def lineage(
    lanes: Sequence[str], header: Callable[[str], Header | None], last: tuple[str, int | None] | None = None
) -> list[Stretch]:
    """Return what counts of the journals `lanes` (sorted, oldest first), oldest first.

    `header` is asked for the first lines of those that count; None is one that is damaged: such a journal goes on from
    all before it, as nearly all do. `last` is where to look back from; the newest journal's end where it is None.
    """
    if not lanes:
        return []
    lane, stop = last if last is not None else (lanes[-1], None)
    found: list[Stretch] = []
    while lane in lanes and all(lane != each.lane for each in found):
        found.append(Stretch(lane, 0, stop))
        first = header(lane)
        if first is not None and first.covers is not None:
            behind = sorted((each, size) for each, size in first.covers.items() if each in lanes)
            found += (Stretch(each, size) for each, size in reversed(behind))
            break
        at = lanes.index(lane)
        if first is not None and first.after is not None:
            lane, stop = first.after
        elif at == 0 or (first is not None and first.fresh):
            break
        else:
            lane, stop = lanes[at - 1], None
    return found[::-1]
