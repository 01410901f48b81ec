"""Edge. What a remote really does: tried out with a few small objects of a name of their own, and removed again.

Servers that speak one protocol keep different promises: some ignore conditions, some show late what was written, some
may only be read. What follows from each for the user is said here, beside what finds it out. A promise that is not kept
makes a remote weak where the worst is work done twice, and unusable where something could not be read back.

Strategy: one step a promise; a step that gets no answer ends the examination, a step that is refused does not.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum

from ..dataclass import dataclass, field
from ..errors import StoreError
from . import layout
from .bucket import Bucket, Unavailable
from .marker import first_stranger, read_marker
from .protocol import NotThere

LATENCY_REQUESTS = 5
SKEW_SECONDS_MOST = 60.0
LEFT_BEHIND_NS = 24 * 3600 * 10**9
"""Probes older than this are of a check that was killed, and are removed by the next."""


class State(StrEnum):
    """How a promise is kept: as it should be; not, and that costs something; not, and nothing works without."""

    GOOD = "good"
    WEAK = "weak"
    BAD = "bad"


class Usable(StrEnum):
    """What a remote is good for."""

    YES = "yes"
    PULL = "pull"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: what was seen, and what follows from it where it is not kept."""

    name: str
    state: State
    seen: str
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of an examination. `store_id` is None for a place that is no store yet; times are those of requests for
    some bytes, in seconds; `skew` is how far the server's clock is ahead of this machine's, in seconds.
    """

    usable: Usable
    findings: tuple[Finding, ...]
    store_id: str | None = None
    latency: float | None = None
    skew: float | None = None


@dataclass(slots=True)
class _Probe:
    """One examination."""

    bucket: Bucket
    now_ns: Callable[[], int]
    clock: Callable[[], float]
    token: str = field(default_factory=lambda: os.urandom(8).hex())
    findings: list[Finding] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    store_id: str | None = None
    latency: float | None = None
    skew: float | None = None

    def say(self, name: str, state: State, seen: str, follows: str | None = None) -> None:
        self.findings.append(Finding(name, state, seen, follows))

    def name(self, what: str) -> str:
        """Return a name to write to, and remember that it has to go."""
        name = layout.probe_name(self.token, what)
        if name not in self.written:
            self.written.append(name)
        return name

    def has(self, state: State) -> bool:
        return any(finding.state is state for finding in self.findings)


def probe(
    bucket: Bucket, *, now_ns: Callable[[], int] = time.time_ns, clock: Callable[[], float] = time.perf_counter
) -> Probed:
    """Return what the remote at `bucket` promises and keeps, in about thirty small requests. Raises no `StoreError`.

    Writes below `probes/`, and removes what it wrote and what a check that was killed left there. Makes no store.
    `now_ns` is this machine's time since 1970, `clock` measures how long requests take, in seconds.
    """
    at = _Probe(bucket, now_ns, clock)
    if not _reach(at):
        return Probed(Usable.NO, tuple(at.findings), at.store_id)
    if not _write(at):
        usable = Usable.NO if at.has(State.BAD) else Usable.PULL
        return Probed(usable, tuple(at.findings), at.store_id, at.latency)
    try:
        for name, step in _STEPS:
            try:
                step(at)
            except Unavailable as error:
                at.say(name, State.BAD, error.message, error.hint or "try again when the server is well")
                break
            except StoreError as error:
                at.say(name, State.BAD, error.message, error.hint)
    finally:
        _clean(at)
    usable = Usable.NO if at.has(State.BAD) else Usable.YES
    return Probed(usable, tuple(at.findings), at.store_id, at.latency, at.skew)


def _reach(at: _Probe) -> bool:
    """Look what is there; return whether it is worth going on."""
    try:
        at.store_id = read_marker(at.bucket).repository
    except NotThere:
        return _look_round(at)
    except StoreError as error:
        at.say("reach", State.BAD, error.message, error.hint)
        return False
    at.say("reach", State.GOOD, f"a store of ckptflow, id {at.store_id}")
    return True


def _look_round(at: _Probe) -> bool:
    try:
        stranger = first_stranger(at.bucket)
    except StoreError as error:
        at.say("reach", State.BAD, error.message, error.hint)
        return False
    if stranger is not None:
        at.say(
            "reach",
            State.BAD,
            f"no store: it holds {stranger} and no {layout.MARKER}",
            "check the address and its prefix; a new remote needs an empty place",
        )
        return False
    at.say("reach", State.GOOD, "empty: the first `push` makes it a store")
    return True


def _write(at: _Probe) -> bool:
    """Find out whether it may be written; where not, whether it is of use all the same."""
    try:
        at.bucket.put(at.name("a"), b"first")
    except Unavailable as error:
        at.say("write", State.BAD, error.message, error.hint)
    except StoreError as error:
        if at.store_id is not None:
            at.say("write", State.WEAK, f"refused: {error.message}", "it can be pulled from, and not pushed to")
            with suppress(StoreError):
                _measure(at, layout.MARKER)
        else:
            at.say("write", State.BAD, f"refused: {error.message}", "it is empty and cannot be made a store")
    else:
        at.say("write", State.GOOD, "may be written")
        return True
    _clean_quietly(at)
    return False


def _read_after_write(at: _Probe) -> None:
    follows = (
        "others may not see for a while what was just sent, and do that work again; results stay right, since all that"
        " is read is checked by its hash"
    )
    bucket, name = at.bucket, at.name("a")
    try:
        first = bucket.get(name)
    except NotThere:
        at.say("read after write", State.WEAK, "what was just written is not there yet", follows)
        return
    bucket.put(name, b"second")
    second = bucket.get(name)
    if (first, second) == (b"first", b"second"):
        at.say("read after write", State.GOOD, "what was just written is read")
    elif first == b"first" and second == b"first":
        at.say("read after write", State.WEAK, "what was just replaced is still read", follows)
    else:
        at.say("read after write", State.BAD, "what is read is not what was written", "do not use this remote")


def _list_after_write(at: _Probe) -> None:
    lead = layout.probe_name(at.token, "a")[:-1]
    seen = []
    for what in ("a", "b"):  # two, since the first listing may fill a cache that the second is answered from
        name = at.name(what)
        at.bucket.put(name, b"second")
        seen.append(name in {entry.name for entry in at.bucket.list(lead)})
    if all(seen):
        at.say("list after write", State.GOOD, "a new name is listed at once")
    else:
        at.say(
            "list after write",
            State.WEAK,
            "a new name is not listed at once",
            "others learn late of what was sent, and may do that work again; give `gc` its grace time",
        )


def _create(at: _Probe) -> None:
    bucket, name = at.bucket, at.name("c")
    made, again = bucket.create(name, b"created"), bucket.create(name, b"created again")
    held = bucket.get(name)
    if made and not again and held == b"created":
        at.say("conditional create", State.GOOD, "a name that exists is not overwritten")
    elif not made:
        at.say("conditional create", State.BAD, "a new name is refused as if it existed", "do not use this remote")
    else:
        at.say(
            "conditional create",
            State.WEAK,
            "ignored: a name that exists is overwritten",
            "two machines that make this remote at the very same time may disagree about its id; everything else is"
            " safe, because objects and records have names that nobody else writes",
        )


def _replace(at: _Probe) -> None:
    bucket, name = at.bucket, at.name("d")
    bucket.put(name, b"one")
    _, version = bucket.read(name)
    fresh = bucket.replace(name, b"two", version)
    stale = bucket.replace(name, b"three", version)
    held = bucket.get(name)
    if fresh and not stale and held == b"two":
        at.say("conditional replace", State.GOOD, "what has changed since it was read is not overwritten")
    elif not fresh:
        follows = "nothing that ckptflow changes in place counts for results; some of it may not be kept up to date"
        at.say("conditional replace", State.WEAK, "refused, though nothing has changed", follows)
    else:
        at.say(
            "conditional replace",
            State.WEAK,
            "ignored: what has changed since it was read is overwritten",
            "of two machines that change one name at the very same time, one may not notice that it lost; results do"
            " not depend on anything that is changed in place",
        )


def _ranges(at: _Probe) -> None:
    data = bytes(range(256)) * 4
    name = at.name("e")
    at.bucket.put(name, data)
    if at.bucket.get(name, 100, 300) == data[100:400] and at.bucket.get(name, 1000) == data[1000:]:
        at.say("ranges", State.GOOD, "a part of an object can be read")
    else:
        at.say("ranges", State.BAD, "a part of an object is not what was asked for", "small objects cannot be read")


def _clocks(at: _Probe) -> None:
    name = at.name("f")
    before = at.now_ns()
    at.bucket.put(name, b"now")
    after = at.now_ns()
    entry = at.bucket.stat(name)
    if entry is None:
        at.say("clock", State.WEAK, "what was just written has no time yet")
        return
    # The server's time may be in whole seconds, rounded down: what fits between before and after is no difference.
    early, late = entry.written_ns + 10**9 - before, entry.written_ns - after
    at.skew = round((late if late > 0 else min(early, 0)) / 1e9, 3)
    if abs(at.skew) <= SKEW_SECONDS_MOST:
        at.say("clock", State.GOOD, "the server's clock and this machine's agree")
    else:
        which = "ahead of" if at.skew > 0 else "behind"
        at.say(
            "clock",
            State.WEAK,
            f"the server's clock is {abs(at.skew):.0f} s {which} this machine's",
            "`gc` goes by the server's clock, so nothing is deleted too early; checkpoints are sorted by the clock of"
            " the machine that wrote them: set it",
        )


def _latency(at: _Probe) -> None:
    _measure(at, at.name("a"))
    assert at.latency is not None
    at.say("latency", State.GOOD, f"{at.latency * 1000:.0f} ms for a small request")


def _measure(at: _Probe, name: str) -> None:
    times = []
    for _ in range(LATENCY_REQUESTS):
        began = at.clock()
        at.bucket.get(name)
        times.append(at.clock() - began)
    at.latency = statistics.median(times)


def _delete(at: _Probe) -> None:
    bucket, gone = at.bucket, at.name("b")
    follows = "`gc` cannot free space, records are not merged, and what this check wrote stays under probes/"
    try:
        bucket.delete([gone])
        left = bucket.stat(gone) is not None
    except Unavailable:
        raise
    except StoreError as error:
        at.say("delete", State.WEAK, f"refused: {error.message}", follows)
        return
    if left:
        at.say("delete", State.WEAK, "what was just deleted is still there", follows)
    else:
        at.say("delete", State.GOOD, "may be deleted")


_STEPS: tuple[tuple[str, Callable[[_Probe], None]], ...] = (
    ("read after write", _read_after_write),
    ("list after write", _list_after_write),
    ("conditional create", _create),
    ("conditional replace", _replace),
    ("ranges", _ranges),
    ("clock", _clocks),
    ("latency", _latency),
    ("delete", _delete),
)


def _clean(at: _Probe) -> None:
    with suppress(StoreError):
        at.written += _left_behind(at)
    _clean_quietly(at)


def _clean_quietly(at: _Probe) -> None:
    with suppress(StoreError):  # one that may not be deleted was told of
        at.bucket.delete(at.written)


def _left_behind(at: _Probe) -> Iterator[str]:
    for entry in at.bucket.list(layout.PROBES):
        if at.now_ns() - entry.written_ns > LEFT_BEHIND_NS:
            yield entry.name
