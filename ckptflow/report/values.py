"""Edge. Metrics, params and paths of versions as tables: for a terminal, or in Markdown for a pull request.

`shown` turns a path of the project into one that means something where the user stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import CkptflowError, SpecError
from ..values.flat import Change, Changes, flatten
from ..values.flat import shown as shown_value
from ..values.paths import PathChange, PathChanges
from .style import Style
from .tables import markdown, table
from .views import VersionValues
from .words import clean, columns_of, plural

Shown: TypeAlias = Callable[[str], str]

_SHORT = 7
_ALONE = "(value)"
_COMMIT = 40
_STATUS = {"added": "good", "deleted": "bad", "renamed": "good", "modified": "warn", "not in cache": "warn"}


def metric_lines(
    found: Sequence[VersionValues], shown: Shown, style: Style, *, precision: int, md: bool = False
) -> list[str]:
    """Return the metrics of versions: a column a metric; where the terminal is too narrow for that, a line a metric."""
    rows = [
        (version_name(values.version), shown(path), flatten(value) if value is not None else {})
        for values in found
        for path, value in values.files.items()
    ]
    rows = [row for row in rows if row[2]]
    if not rows:
        return ["No metrics."]
    names = sorted({name for _, _, flat in rows for name in flat})
    several = len(found) > 1
    wide = [
        [*_version_and_path(v, p, several), *(shown_value(flat.get(n), precision) for n in names)]
        for v, p, flat in rows
    ]
    if md:
        return markdown([*_version_and_path("Revision", "Path", several), *(n or _ALONE for n in names)], wide)
    headings = [*_version_and_path("REVISION", "PATH", several), *(n or _ALONE for n in names)]
    lines = table(headings, wide)
    if max(columns_of(line) for line in lines) <= style.width:
        return lines
    long = [
        [*_version_and_path(v, p, several), name or _ALONE, shown_value(flat[name], precision)]
        for v, p, flat in rows
        for name in sorted(flat)
    ]
    return table([*_version_and_path("REVISION", "PATH", several), "METRIC", "VALUE"], long, width=style.width)


def _version_and_path(version: str, path: str, several: bool) -> list[str]:
    return [version, path] if several else [path]


def version_name(name: str) -> str:
    """Return a version's name as people write it: a full commit id is cut."""
    return name[:_SHORT] if len(name) == _COMMIT and all(c in "0123456789abcdef" for c in name) else name


def change_lines(
    changes: Changes,
    noun: str,
    versions: tuple[str, str],
    shown: Shown,
    style: Style,
    *,
    precision: int | None = None,
    path: bool = True,
    md: bool = False,
) -> list[str]:
    """Return how values differ, a row each; `noun` is `metric` or `param`."""
    old, new = map(version_name, versions)
    if not changes:
        return [f"No {noun}s differ between {old} and {new}."]
    rows = [
        [
            *([shown(file)] if path else []),
            name or _ALONE,
            shown_value(change.old, precision),
            shown_value(change.new, precision),
            _signed(change, precision),
        ]
        for file, by_name in changes.items()
        for name, change in by_name.items()
    ]
    if md:
        return markdown([*(["Path"] if path else []), noun.capitalize(), old, new, "Change"], rows)
    return table([*(["PATH"] if path else []), noun.upper(), old, new, "CHANGE"], rows)


def _signed(change: Change, precision: int | None) -> str:
    """Return the difference with its sign; from true to false there is none that says anything to a reader."""
    diff = None if isinstance(change.old, bool) and isinstance(change.new, bool) else change.diff
    text = shown_value(diff, 12 if precision is None else precision)
    return f"+{text}" if diff is not None and diff > 0 else text


def changes_json(changes: Changes, shown: Shown) -> dict[str, Any]:
    """Return how values differ as JSON, in DVC's form."""
    return {
        shown(file): {name: finite(change.to_json()) for name, change in by_name.items()}
        for file, by_name in changes.items()
    }


def finite(value: Any) -> Any:
    """Return a JSON document without the numbers that JSON does not have: they become the texts that name them."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        case dict():
            return {name: finite(each) for name, each in value.items()}
        case list() | tuple():
            return [finite(each) for each in value]
        case _:
            return value


def path_lines(
    changes: PathChanges, versions: tuple[str, str], shown: Shown, style: Style, *, missing: bool, digests: bool
) -> list[str]:
    """Return which paths differ, in groups, and how many files there are of each."""
    groups = _groups(changes, missing=missing)
    lines: list[str] = []
    for status, found in groups.items():
        if found:
            lines.append(f"{style.paint(status.capitalize(), _STATUS[status])}:")
            for change in found:
                name = f"{_digests(change)}  " if digests else ""
                lines.append(f"    {name}{clean(_moved(change, shown))}")
            lines.append("")
    if not lines:
        old, new = map(version_name, versions)
        return [f"No deps or outs differ between {old} and {new}."]
    counts = ((status, sum(not _path(c).endswith("/") for c in found)) for status, found in groups.items())
    return [*lines, ", ".join(f"{plural(count, 'file')} {status}" for status, count in counts if count)]


def path_markdown(changes: PathChanges, shown: Shown, *, missing: bool, digests: bool) -> list[str]:
    """Return which paths differ as a table in Markdown."""
    rows = [
        [status, *([_digests(change)] if digests else []), _moved(change, shown)]
        for status, found in _groups(changes, missing=missing).items()
        for change in found
    ]
    return markdown(["Status", *(["Hash"] if digests else []), "Path"], rows)


def paths_json(changes: PathChanges, shown: Shown, *, missing: bool, digests: bool) -> dict[str, Any]:
    """Return which paths differ as JSON, in DVC's form."""

    def path(value: str | Mapping[str, str]) -> Any:
        return shown(value) if isinstance(value, str) else {name: shown(each) for name, each in value.items()}

    doc = changes.to_json(digests=digests, missing=missing)
    return {name: [{**entry, "path": path(entry["path"])} for entry in entries] for name, entries in doc.items()}


def _groups(changes: PathChanges, *, missing: bool) -> dict[str, Sequence[PathChange]]:
    groups: dict[str, Sequence[PathChange]] = {
        "added": changes.added,
        "deleted": changes.deleted,
        "renamed": changes.renamed,
        "modified": changes.modified,
    }
    return {**groups, "not in cache": changes.missing} if missing else groups


def _path(change: PathChange) -> str:
    return change.old or change.new or ""


def _moved(change: PathChange, shown: Shown) -> str:
    names: Iterable[str] = dict.fromkeys(shown(path) for path in (change.old, change.new) if path is not None)
    return " -> ".join(names)


def _digests(change: PathChange) -> str:
    found = dict.fromkeys(d.removeprefix("md5:")[:8] for d in (change.old_digest, change.new_digest) if d is not None)
    return "..".join(found)


def shown_keys(doc: dict[str, Any], shown: Shown) -> dict[str, Any]:
    """Return the JSON of a version with its files as they are written where the user stands."""
    return {
        name: {shown(path): value for path, value in part.items()} if name == "data" else part
        for name, part in doc.items()
    }


def unread_lines(version: str, what: str, error: CkptflowError, style: Style) -> list[str]:
    """Return a warning that a file or plot, or all of a version, could not be read, and what helps."""
    lines = [f"{style.paint('warning', 'warn')}: {clean(unread_text(version, what, error))}"]
    hint = error.hint
    if isinstance(error, SpecError) and error.problems:
        hint = error.problems[0].hint
    return [*lines, f"  {style.paint('=', 'busy')} help: {clean(hint)}"] if hint else lines


def unread_text(version: str, what: str, error: CkptflowError) -> str:
    """Return in one line what could not be read and why."""
    message = str(error)
    if isinstance(error, SpecError) and len(error.problems) > 1:
        message = f"{error.problems[0]} (and {plural(len(error.problems) - 1, 'more mistake')})"
    said = [name for name in (version_name(version), what) if name and f"`{name}`" not in message]
    where = ", ".join(name for name in said if not message.endswith(f" in {name}"))
    return f"{where}: {message}" if where else message
