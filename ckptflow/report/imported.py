"""Edge. What `import-dvc` prints: the files, how each stage stands, what to know, what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from .views import FileChange, Standing
from .words import clean, plural

_DONE = {"create": "created", "keep": "kept", "add": "added to", "replace": "replaced"}
MOST_LINES = 40
"""Of one diff."""
_DRY = {"create": "create", "keep": "keep", "add": "add to", "replace": "replace"}


def import_lines(
    files: Sequence[tuple[FileChange, Sequence[str]]], stages: Sequence[Standing], notes: Sequence[str], *, dry: bool
) -> list[str]:
    """Return what was done, or with `dry` would be. Each file comes with the diff that is to be shown of it."""
    words = _DRY if dry else _DONE
    width = max(map(len, words.values())) + 2
    lines: list[str] = []
    for file, diff in files:
        origin = f"   from {clean(file.origin)}" if file.origin and file.action != "keep" else ""
        lines.append(f"{words[file.action]:<{width}}{clean(file.path)}{origin}")
        lines += [f"    {clean(line)}" for line in diff[:MOST_LINES]]
        if len(diff) > MOST_LINES:
            lines.append(f"    ... {plural(len(diff) - MOST_LINES, 'line')} more")
    lines += [f"note: {clean(note)}" for note in notes]
    lines += ["", _sum(stages, dry=dry)]
    for stage in stages:
        if stage.state in ("stale", "unknown"):
            lines.append(f"  {clean(stage.stage)}: {clean('; '.join(stage.reasons))}")
    if dry:
        return [*lines, "", "Nothing was written.  Next:  ckptflow import-dvc"]
    again = any(stage.state in ("stale", "unknown") for stage in stages)
    said = "ckptflow reads pipeline.yaml from now on; what DVC reads was left as it is."
    several = " -P" if len({file.path for file, _ in files if file.path.endswith("pipeline.yaml")}) > 1 else ""
    return [*lines, "", said, f"Next:  ckptflow {f'repro{several}' if again else 'status'}"]


def _sum(stages: Sequence[Standing], *, dry: bool) -> str:
    counts = {state: sum(stage.state == state for stage in stages) for state in ("taken", "stale", "unknown", "frozen")}
    good = len(stages) - counts["stale"] - counts["unknown"] - counts["frozen"]
    taken = f" ({counts['taken']} {'to be ' if dry else ''}taken over from DVC)" if counts["taken"] else ""
    parts = [f"{good} up to date{taken}"]
    if counts["frozen"]:
        parts.append(f"{counts['frozen']} frozen")
    if counts["stale"]:
        parts.append(f"{counts['stale']} to run")
    if counts["unknown"]:
        parts.append(f"{counts['unknown']} known only when it is done")
    return f"{plural(len(stages), 'stage')}: {', '.join(parts)}. Nothing was run."
