"""Pure. `deps: [{stage: NAME}]`: a stage, an item or a whole group as a dep -> the outs of it as deps.

A stage without outs cannot be read; it only comes before (`Stage.after`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from ..dataclass import dataclass, replace
from ..errors import Place
from ..ids import StageName
from .findings import Findings
from .model import Dep, Stage
from .paths import normalise, parent

Groups: TypeAlias = dict[tuple[str, str], list[StageName]]
"""(file, local name or group) -> the stages that go by it."""

_ADDRESS = re.compile(r"(?P<file>.*\.ya?ml):(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class Ref:
    """A stage that is named among the deps of another one."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Draft:
    """A stage whose references to other stages are still to be followed."""

    stage: Stage
    refs: tuple[Ref, ...] = ()


def follow(drafts: Mapping[StageName, Draft], findings: Findings) -> dict[StageName, Stage]:
    """Return the stages with their references followed; note those that lead nowhere."""
    stages = {name: draft.stage for name, draft in drafts.items()}
    if any(draft.refs for draft in drafts.values()):
        groups = _groups(stages)
        for name, draft in drafts.items():
            if draft.refs:
                stages[name] = _followed(draft, groups, stages, findings)
    return stages


def split_address(text: str) -> tuple[str | None, str]:
    """Return file and name of `dir/dvc.yaml:name`; no file where it is a name alone."""
    match = _ADDRESS.fullmatch(text)
    return (match["file"], match["name"]) if match else (None, text)


def _groups(stages: Mapping[StageName, Stage]) -> Groups:
    found: Groups = {}
    for stage in stages.values():
        found.setdefault((stage.file, stage.local), []).append(stage.name)
        if stage.group is not None:
            found.setdefault((stage.file, stage.group), []).append(stage.name)
    return found


def _followed(
    draft: Draft,
    groups: Mapping[tuple[str, str], list[StageName]],
    stages: Mapping[StageName, Stage],
    findings: Findings,
) -> Stage:
    stage = draft.stage
    deps = {dep.path: dep for dep in stage.deps if dep.name is None}
    more: list[Dep] = []
    after: dict[StageName, None] = {}
    for ref in draft.refs:
        address, name = split_address(ref.text)
        file = stage.file if address is None else normalise(parent(stage.file), address) or address
        named = groups.get((file, name), [])
        if not named:
            hint = findings.suggest(name, (n for f, n in groups if f == file))
            findings.note("CF165", f"`{ref.text}` is no stage and no group of stages in {file}", ref.place, hint)
        for other in named:
            if other == stage.name:
                findings.note("CF156", f"stage `{stage.name}` names itself among its deps", ref.place)
            elif not stages[other].outs:
                after[other] = None
            for out in stages[other].outs if other != stage.name else ():
                if out.path not in deps:
                    deps[out.path] = Dep(out.path, place=ref.place)
                    more.append(deps[out.path])
    return replace(stage, deps=(*stage.deps, *more), after=tuple(after))
