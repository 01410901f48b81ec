"""Edge. Metrics and params of versions: which files hold them, and what stands there.

A file that cannot be read is no reason to say nothing of the others: its error stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..dataclass import dataclass, field
from ..errors import CkptflowError, Problem, SpecError, TargetNotFound, ValuesMissing
from ..spec.model import OutKind, Pipeline, Stage, Value
from ..spec.paths import normalise, suffix
from ..spec.template import Unknown, look_up
from ..spec.valuefiles import ValueFiles
from ..spec.values import DEFAULT_PARAMS
from ..values.flat import Changes, compare, numbers_and_texts
from .version import WORKSPACE, Version
from .versions import Versions

Wanted: TypeAlias = dict[str, tuple[str, ...]]
"""Files, each with the dotted keys that are asked for; none for all of it."""


@dataclass(frozen=True, slots=True)
class VersionValues:
    """What a version holds, by file; errors of files that could not be read, and of the version as a whole."""

    version: str
    files: Mapping[str, Value] = field(default_factory=dict)
    errors: Mapping[str, CkptflowError] = field(default_factory=dict)
    error: CkptflowError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, that of DVC."""
        if self.error is not None:
            return {"error": _error_json(self.error)}
        data: dict[str, Any] = {path: {"data": value or {}} for path, value in self.files.items()}
        return {"data": data | {path: {"error": _error_json(error)} for path, error in self.errors.items()}}


@dataclass(frozen=True, slots=True)
class ValuesDiff:
    """How the values of two versions differ, and what could not be read of either."""

    old: VersionValues
    new: VersionValues
    changes: Changes


def metrics_of(version: Version, targets: Sequence[str] = ()) -> VersionValues:
    """Return the metrics of a version: those of stages and of the top level, or of `targets` (files, directories)."""
    return _gathered(version, lambda: _metric_files(version, targets), numbers_and_texts, targets)


def params_of(version: Version, targets: Sequence[str] = (), *, deps: bool = False) -> VersionValues:
    """Return the params of a version: what stages declare, and but for `deps` all of params.yaml, of the files of
    `vars` and of the top level; or all of `targets`.
    """
    return _gathered(version, lambda: _param_files(version, targets, deps), lambda value: value, targets)


def show_metrics(
    versions: Versions, targets: Sequence[str], *, branches: bool, tags: bool, commits: bool
) -> list[VersionValues]:
    """Return the metrics of the workspace, or of all branches, tags or commits with it.

    The workspace is left out beside a branch that has the same. Raises `TargetNotFound` for a file that none has.
    """
    if not (branches or tags or commits):
        return _checked([metrics_of(versions.workspace(), targets)], targets)
    found = _checked(
        [metrics_of(v, targets) for v in versions.all(branches=branches, tags=tags, commits=commits)], targets
    )
    here, branch = found[0], versions.branch()
    same = any(branch in v.version.split(",") and v.to_json() == here.to_json() for v in found[1:])
    return found[1:] if same else found


def diff_values(old: VersionValues, new: VersionValues, targets: Sequence[str], *, unchanged: bool) -> ValuesDiff:
    """Return how two versions differ. Raises `TargetNotFound` for a file that neither has."""
    _checked([old, new], targets)
    return ValuesDiff(old, new, compare(old.files, new.files, unchanged=unchanged))


def _gathered(
    version: Version, wanted: Callable[[], Wanted], keep: Callable[[Value], Value], targets: Sequence[str]
) -> VersionValues:
    try:
        files = wanted()
    except CkptflowError as error:
        return VersionValues(version.name, error=error)
    problems: list[Problem] = []
    reader = ValueFiles(_Contents(version), problems)
    found: dict[str, Value] = {}
    errors: dict[str, CkptflowError] = {}
    for path, keys in files.items():
        try:
            before = len(problems)
            file = reader.load(path)
            if len(problems) > before:
                raise SpecError(tuple(problems[before:]))
            found[path] = keep(_selected(file.value, keys))
        except ValuesMissing as error:
            if version.name == WORKSPACE or not targets:  # a target may be of one version alone
                errors[path] = error
        except CkptflowError as error:
            errors[path] = error
    return VersionValues(version.name, found, errors)


def _checked(found: list[VersionValues], targets: Sequence[str]) -> list[VersionValues]:
    for target in targets:
        if not any(path == target or path.startswith(f"{target}/") for v in found for path in v.files) and not any(
            v.error or any(not isinstance(e, ValuesMissing) for e in v.errors.values()) for v in found
        ):
            raise TargetNotFound(target, hint="name a file that one of the versions has")
    return found


@dataclass(frozen=True, slots=True)
class _Contents:
    """The contents of a version as texts, those that the store holds too."""

    version: Version

    def read(self, path: str) -> str | None:
        return self.version.text(path)


def _metric_files(version: Version, targets: Sequence[str]) -> Wanted:
    paths: Iterable[str] = targets
    if not targets:
        pipeline = version.pipeline
        outs = (out for stage in _stages(pipeline) for out in stage.outs if out.kind is OutKind.METRIC)
        paths = (*(out.path for out in outs), *(pipeline.metrics if pipeline else ()))
    return {file: () for path in paths for file in version.files_of(path)}


def _param_files(version: Version, targets: Sequence[str], deps: bool) -> Wanted:
    if targets:
        return {file: () for path in targets for file in version.files_of(path)}
    pipeline = version.pipeline
    wanted: Wanted = {}
    for stage in _stages(pipeline):
        for name in stage.params:
            file, key = _declared(stage, name)
            _want(wanted, file, key)
    if deps or pipeline is None:
        return wanted
    vars_ = [path for path in pipeline.reads if path not in wanted and path not in pipeline.files]
    if version.tree.data(DEFAULT_PARAMS) is not None:
        vars_.append(DEFAULT_PARAMS)
    for path in (*pipeline.params, *vars_):
        for file in version.files_of(path):
            _want(wanted, file, None)
    return wanted


def _want(wanted: Wanted, file: str, key: str | None) -> None:
    """Ask for one key of a file, or with None for all of it, which no key can narrow again."""
    if key is None:
        wanted[file] = ()
    elif wanted.get(file) != ():
        wanted[file] = tuple(dict.fromkeys((*wanted.get(file, ()), key)))


def _declared(stage: Stage, name: str) -> tuple[str, str | None]:
    """Return the file, relative to the project, and the key that a stage's param was declared by."""
    file, colon, key = name.rpartition(":")
    if not colon:
        whole = "/" in name or suffix(name) in (".yaml", ".yml", ".json", ".toml", ".py")
        file, key = (name, "") if whole else (DEFAULT_PARAMS, name)
    return normalise(stage.wdir, file) or file, key or None


def _selected(value: Value, keys: tuple[str, ...]) -> Value:
    if not keys:
        return value
    found: dict[str, Value] = {}
    for key in keys:
        try:
            found[key] = look_up(value, key.split("."))
        except Unknown:
            continue
    return found


def _stages(pipeline: Pipeline | None) -> Iterable[Stage]:
    return pipeline.stages.values() if pipeline is not None else ()


def _error_json(error: CkptflowError) -> dict[str, str]:
    return {"type": type(error).__name__, "code": error.code, "msg": str(error)}
