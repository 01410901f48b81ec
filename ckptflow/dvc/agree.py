"""Pure. Is a stage, as it is declared now, the one that DVC noted? Commands, params and paths; contents are the edge's.

Stricter than DVC in one point: a dep that was removed since makes the stage another one. A stage that says more than
`dvc.yaml` can (a function, chunks, an environment, a version) is never DVC's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from posixpath import normpath
from shlex import split
from typing import Any

from ..fingerprint.encode import digest_of
from ..spec.model import Stage, Value
from ..spec.paths import is_glob, is_url
from ..spec.values import param_origin
from .lock import Noted, NotedStage, relative

_IDLE = re.compile(r"""'([^\s!"#$&'()*;<=>?\[\\\]^`{|}~]+)'""")
"""Text in quotes that the shell reads as the same word without them."""


def is_plain(stage: Stage) -> bool:
    """Tell whether DVC could have run this very stage, and would not run it again anyway."""
    more = stage.chunk is not None or stage.env or stage.packages or stage.version is not None
    always = stage.always_changed or not (stage.deps or stage.params or stage.outs)
    unknown = any(is_glob(dep.path) or is_url(dep.path) for dep in stage.deps)
    return bool(stage.cmd) and not (more or always or unknown)


def difference(stage: Stage, noted: NotedStage) -> str | None:
    """Return in what a stage differs from what DVC noted, as a sentence; None where command, params and paths agree."""
    if _lines(stage.cmd) != _lines(noted.cmd):
        if _unquoted(stage.cmd) == _unquoted(noted.cmd):
            return "a value in its command is quoted here, and DVC left it to the shell as it was"
        return "its command changed since DVC ran it"
    changed = _params(stage, noted)
    if changed is not None:
        return changed
    for noun, ours, theirs in (
        ("dep", {dep.path for dep in stage.deps}, by_path(stage, noted.deps)),
        ("out", {out.path for out in stage.outs}, by_path(stage, noted.outs)),
    ):
        for path in sorted(ours ^ theirs.keys()):
            return f"{noun} {path} was {'added' if path in ours else 'removed'} since DVC ran it"
    return None


def by_path(stage: Stage, entries: Iterable[Noted]) -> dict[str, Noted]:
    """Return entries by their path as the stage's deps and outs have it."""
    return {entry.rooted(stage.wdir): entry for entry in entries}


def run_keys(stage: Stage, deps: Mapping[str, Noted]) -> tuple[str, ...]:
    """Return the names under which DVC's run cache would have this stage with these contents of its deps (by path).

    The SHA-256 of the canonical JSON of what `dvc.lock` would say, with the outs' paths alone. Two names for one
    command: as text, and as a list.
    """
    here = stage.wdir
    doc: dict[str, Any] = {"outs": sorted(relative(out.path, here) for out in stage.outs)}
    rows = ((relative(path, here), noted) for path, noted in deps.items())
    if deps:
        doc["deps"] = [_run_dep(path, noted) for path, noted in sorted(rows, key=lambda row: row[0])]
    if stage.params:
        doc["params"] = _declared(stage)
    commands: tuple[Any, ...] = (stage.cmd[0], [stage.cmd[0]]) if len(stage.cmd) == 1 else (list(stage.cmd),)
    return tuple(sha256(json.dumps({**doc, "cmd": cmd}, sort_keys=True).encode()).hexdigest() for cmd in commands)


def _run_dep(path: str, noted: Noted) -> dict[str, Any]:
    hashed = {} if noted.legacy else {"hash": "md5"}
    return {"path": path, **hashed, "md5": noted.md5, **({"isexec": True} if noted.executable else {})}


def _lines(cmd: tuple[str, ...]) -> tuple[str, ...]:
    """Return commands without quotes that mean nothing: values are quoted here in doubt, and never in DVC."""
    return tuple(text if '"' in text or "\\" in text else _IDLE.sub(r"\1", text) for text in map(str.strip, cmd))


def _unquoted(cmd: tuple[str, ...]) -> list[str] | None:
    """Return commands without any quotes; None where they are no sound words."""
    try:
        return [" ".join(split(text)) for text in cmd]
    except ValueError:
        return None


def _params(stage: Stage, noted: NotedStage) -> str | None:
    ours = _declared(stage)
    theirs = {normpath(file): values for file, values in noted.params.items()}
    for file in sorted(ours.keys() | {file for file, values in theirs.items() if values}):
        now, then = ours.get(file, {}), theirs.get(file, {})
        for key in sorted(now.keys() | then.keys()):
            if key not in now or key not in then or digest_of(now[key]) != digest_of(then[key]):
                verb = "added" if key not in then else "removed" if key not in now else "changed"
                return f"parameter {key} ({file}) was {verb} since DVC ran it"
    return None


def _declared(stage: Stage) -> dict[str, dict[str, Value]]:
    """Return a stage's params as DVC groups them: file -> dotted key -> value; of whole files the keys at the top."""
    found: dict[str, dict[str, Value]] = {}
    for name, value in stage.params.items():
        file, key = param_origin(name)
        values = found.setdefault(normpath(file), {})
        if key is not None:
            values[key] = value
        elif isinstance(value, dict):
            values.update(value)
    return found
