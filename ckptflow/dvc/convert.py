"""Pure. What DVC wrote, as ckptflow writes it: stages of DVC before 1.0 as a pipeline, remotes as settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..dataclass import dataclass
from .config import Remote
from .lock import NotedStage, Tracked
from .names import SUFFIX

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class OldStage:
    """A `.dvc` file with a command, as a stage: its name, its fields in `pipeline.yaml`, and what DVC noted of it."""

    name: str
    fields: Mapping[str, Any]
    noted: NotedStage


def old_stages(files: Iterable[Tracked]) -> tuple[OldStage, ...]:
    """Return the stages that the `.dvc` files of one directory are, named after the files."""
    found: dict[str, OldStage] = {}
    for tracked in files:
        stem = tracked.file.rpartition("/")[2].removesuffix(SUFFIX)
        plain = _NOT_IN_NAMES.sub("-", stem).strip("-") or "stage"
        name, number = plain, 1
        while name in found:
            number += 1
            name = f"{plain}-{number}"
        noted = NotedStage(tracked.cmd, tracked.deps, tuple(out.noted for out in tracked.outs))
        found[name] = OldStage(name, _fields(tracked), noted)
    return tuple(found.values())


def pipeline_of(stages: Iterable[OldStage]) -> str:
    """Return the text of a pipeline file with these stages."""
    return _yaml({"stages": {stage.name: dict(stage.fields) for stage in stages}})


def settings_of(remotes: Iterable[Remote], default: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings for the repository, and those for this machine alone: what is secret."""
    shared: dict[str, Any] = {}
    local: dict[str, Any] = {}
    for remote in remotes:
        shared[remote.name] = {"url": remote.url, **({"options": dict(remote.options)} if remote.options else {})}
        if remote.secrets:
            local[remote.name] = {"options": dict(remote.secrets)}
    chosen = {"remote": default} if default in shared else {}
    return ({"remotes": shared, **chosen} if shared else {}), ({"remotes": local} if local else {})


def with_settings(text: str, settings: Mapping[str, Any]) -> str | None:
    """Return the text of a settings file with more settings at its end; None where it has one of them already, or is
    not written so that lines can be added.
    """
    import yaml

    try:
        have = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if not settings:
        return text
    if isinstance(have, dict) and all(have.get(name) == value for name, value in settings.items()):
        return text
    if have is not None and (not isinstance(have, dict) or not have.keys().isdisjoint(settings)):
        return None
    start = "" if not text or text.endswith("\n") else "\n"
    more = f"{text}{start}{_yaml(settings)}"
    try:
        return more if yaml.safe_load(more) == {**(have or {}), **settings} else None
    except yaml.YAMLError:  # `{a: 1}` takes no lines behind it
        return None


def _fields(tracked: Tracked) -> dict[str, Any]:
    commands = [text.replace("${", "\\${") for text in tracked.cmd]  # a template here, and the shell's there
    fields: dict[str, Any] = {"cmd": commands[0] if len(commands) == 1 else commands}
    if tracked.wdir != ".":
        fields["wdir"] = tracked.wdir
    if tracked.deps:
        fields["deps"] = [dep.path for dep in tracked.deps]
    for name, metric in (("outs", False), ("metrics", True)):
        entries: list[Any] = []
        for out in tracked.outs:
            flags = {**({} if out.cache else {"cache": False}), **({"persist": True} if out.persist else {})}
            if out.metric is metric:
                entries.append({out.noted.path: flags} if flags else out.noted.path)
        if entries:
            fields[name] = entries
    fields |= {"frozen": True} if tracked.frozen else {}
    fields |= {"always_changed": True} if tracked.always_changed else {}
    return fields


def _yaml(doc: Any) -> str:
    import yaml

    return yaml.safe_dump(doc, sort_keys=False, allow_unicode=True, width=10_000)
