"""Pure. Why a stage is not fresh: one small rule a cause, each returning a reason value or None.

The rules compare the parts of the recipe (`Recipe.items`) and the deps' contents with what the lock file noted at the
last success, so they can never say something that the keys do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from ..dataclass import dataclass
from ..ids import StageName
from .model import FORGOTTEN, Before
from .stagerun import ChunkState, Phase, StageRun


class Cause(StrEnum):
    """What made something stale. The values are part of the JSON output."""

    NEVER_RUN = "never-run"
    FORCED = "forced"
    ALWAYS = "always-changed"
    CODE = "code"
    COMMAND = "command"
    PARAM = "param"
    ARG = "arg"
    ENV = "env"
    PACKAGE = "package"
    VERSION = "version"
    DEP_FORM = "dep-form"
    DEP_ADDED = "dep-added"
    DEP_REMOVED = "dep-removed"
    DATA = "data"
    OUTS = "outs"
    CUT = "cut"
    EACH = "each"
    CARRY = "carry"
    COMBINE = "combine"
    MERGES = "merges"
    QUARANTINE = "quarantine"
    SUPERSEDED = "superseded"
    LOST = "lost"
    FORGOTTEN = "forgotten"
    UNFINISHED = "unfinished"
    FOLLOWS = "follows"
    BLOCKED = "blocked"
    ADOPTED = "adopted"
    OUT_MISSING = "out-missing"
    OUT_EDITED = "out-edited"


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause with what it is about; `text` is the sentence for people."""

    cause: Cause
    text: str
    subject: str = ""
    old: Any = None
    new: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        doc: dict[str, Any] = {"cause": self.cause.value, "text": self.text}
        if self.subject:
            doc["subject"] = self.subject
        if self.old is not None or self.new is not None:
            doc["old"], doc["new"] = self.old, self.new
        return doc


_VALUES = {
    "params": (Cause.PARAM, "parameter"),
    "args": (Cause.ARG, "argument"),
    "env": (Cause.ENV, "environment variable"),
    "packages": (Cause.PACKAGE, "package"),
}


def reasons(run: StageRun, before: Before | None, upstream: tuple[StageName, ...]) -> tuple[Reason, ...]:
    """Return all causes that hold for a stage that is not fresh, the root causes first.

    `upstream` are the stages it reads whose results are not known yet.
    """
    found: list[Reason] = []
    if run.forced:
        always = run.stage.always
        found.append(Reason(Cause.ALWAYS, "it is declared to run always") if always else Reason(Cause.FORCED, "forced"))
    if run.adopted:
        found.append(Reason(Cause.ADOPTED, "DVC has made it; its outs are taken over"))
    elif before is None:
        found.append(Reason(Cause.NEVER_RUN, run.refusal or "it has not run here before"))
    else:
        now = dict(run.recipe.items())
        found.extend(_recipe(now, before))
        found.extend(_way(run.way, before.way))
        found.extend(_data(run, before))
        if run.phase is Phase.MERGING and not found:
            found.append(Reason(Cause.MERGES, "the results of its chunks are still to be combined"))
        elif not found and not upstream and run.renewed:
            found.append(Reason(Cause.SUPERSEDED, f"{_made_by_superseded(before)} made again"))
        elif not found and not upstream and run.key == before.key and before.quarantined:
            found.append(Reason(Cause.QUARANTINE, f"{before.quarantined} items in quarantine are tried again"))
        elif not found and not upstream and run.key == before.key:
            found.append(Reason(Cause.LOST, "its results are not in the store"))
        elif not found and not upstream and before.key == FORGOTTEN:
            found.append(Reason(Cause.FORGOTTEN, "records of its chunks were removed"))
        elif not found and not upstream and run.key is not None:
            found.append(Reason(Cause.CUT, "its data is cut differently"))
    if before is None and run.phase is Phase.MERGING:
        found.append(Reason(Cause.MERGES, "the results of its chunks are still to be combined"))
    done = run.count(ChunkState.REUSED)
    if before is None and done and run.phase is Phase.OPEN:
        found.append(Reason(Cause.UNFINISHED, f"{done} of {run.chunks} chunks are done already"))
    found.extend(Reason(Cause.FOLLOWS, f"follows {name}", subject=name) for name in upstream)
    return tuple(found)


def _recipe(now: dict[str, Any], before: Before) -> Iterator[Reason]:
    then = before.items
    if now.get("code") != then.get("code"):
        yield Reason(Cause.CODE, "its code changed", old=then.get("code"), new=now.get("code"))
    if now.get("cmd") != then.get("cmd") or now.get("wdir") != then.get("wdir"):
        yield Reason(Cause.COMMAND, "its command changed", old=then.get("cmd"), new=now.get("cmd"))
    for name in sorted(now.keys() | then.keys()):
        kind, _, subject = name.partition(".")
        old, new = then.get(name), now.get(name)
        if old == new and (name in then) == (name in now):
            continue
        if kind in _VALUES:
            cause, noun = _VALUES[kind]
            yield Reason(cause, f"{noun} {subject} changed: {_change(name, then, now)}", subject, old, new)
        elif kind == "version":
            yield Reason(Cause.VERSION, f"version changed: {_change(name, then, now)}", "version", old, new)
        elif kind == "out":
            verb = "was added" if name not in then else "was removed" if name not in now else "has another format"
            yield Reason(Cause.OUTS, f"out {subject} {verb}", subject, old, new)
        elif kind == "dep" and name in now and name in then:
            yield Reason(Cause.DEP_FORM, f"{subject} is read in another way", subject, old, new)


_WAYS = {
    "each": (Cause.EACH, "its function takes one item at a time", "its function takes whole chunks"),
    "carry": (Cause.CARRY, "a state is handed on from chunk to chunk", "no state is handed on any more"),
    "combine": (Cause.COMBINE, "the results of its chunks are combined", "the results of its chunks stay apart"),
}


def _way(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Reason]:
    """Compare how the function is called. A lock file that does not say how it was tells nothing."""
    for name, (cause, begun, ended) in _WAYS.items():
        old, new = then.get(name), now.get(name)
        if old == new:
            continue
        if old is None:
            yield Reason(cause, begun)
        elif new is None:
            yield Reason(cause, ended)
        elif cause is Cause.COMBINE:
            yield Reason(cause, "the code that combines its results changed", old=old, new=new)
        else:
            change = _change("initial", old, new)
            yield Reason(cause, f"its initial state changed: {change}", old=old, new=new)


def _change(name: str, then: dict[str, Any] | Any, now: dict[str, Any]) -> str:
    old = _show(then[name]) if name in then else "not set"
    new = _show(now[name]) if name in now else "not set"
    return f"{old} -> {new}"


def _show(value: Any) -> str:
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _data(run: StageRun, before: Before) -> Iterator[Reason]:
    labels = {d.label for d in run.stage.deps}
    for label in sorted(before.deps.keys() - labels):
        yield Reason(Cause.DEP_REMOVED, f"{label} is no longer a dep", label)
    for dep in run.stage.deps:
        source = run.sources.get(dep.label)
        if dep.label not in before.deps:
            yield Reason(Cause.DEP_ADDED, f"{dep.label} is a new dep", dep.label)
        elif source is not None and source.identity != before.deps[dep.label]:
            named = dep.label if source.tree is not None or dep.label == dep.path else f"{dep.label} ({dep.path})"
            yield Reason(Cause.DATA, f"{_chunks_changed(run, dep.label)}{named} changed", dep.label)


def _made_by_superseded(before: Before) -> str:
    few = before.superseded == 1
    return f"{before.superseded} chunk{'' if few else 's'} made by superseded code {'is' if few else 'are'}"


def _chunks_changed(run: StageRun, label: str) -> str:
    """Say how many chunks are touched (`3 chunks of `), where that is known and says more than the name alone."""
    states = (ChunkState.READY, ChunkState.HELD, ChunkState.RUNNING, ChunkState.RAN, ChunkState.FAILED)
    touched = sum(run.count(state) for state in states)
    if label in run.whole or run.chunks <= 1 or not touched:
        return ""
    return f"{touched} chunk{'s' if touched != 1 else ''} of "
