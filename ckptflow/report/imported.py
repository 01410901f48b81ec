"""Edge. What `import-dvc` prints: the files, how each stage stands, what to know, what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from .views import FileChange, Standing
from .words import clean, plural

_DONE = {"create": "created", "keep": "kept", "add": "added to", "replace": "replaced"}
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
        lines += [f"    {clean(line)}" for line in diff]
    lines += [f"note: {clean(note)}" for note in notes]
    lines += ["", _sum(stages, dry=dry)]
    for stage in stages:
        if stage.state in ("stale", "unknown"):
            lines.append(f"  {clean(stage.stage)}: {clean('; '.join(stage.reasons))}")
    if dry:
        return [*lines, "", "Nothing was written.  Next:  ckptflow import-dvc"]
    again = any(stage.state in ("stale", "unknown") for stage in stages)
    return [*lines, "", f"Next:  ckptflow {'repro' if again else 'status'}"]


def _sum(stages: Sequence[Standing], *, dry: bool) -> str:
    counts = {state: sum(stage.state == state for stage in stages) for state in ("stale", "unknown", "frozen")}
    good = len(stages) - sum(counts.values())
    parts = [f"{good} up to date"]
    if counts["frozen"]:
        parts.append(f"{counts['frozen']} frozen")
    if counts["stale"]:
        parts.append(f"{counts['stale']} would run")
    if counts["unknown"]:
        parts.append(f"{counts['unknown']} known only when it is done")
    taken = sum(stage.state == "taken" for stage in stages)
    text = f"{plural(len(stages), 'stage')}: {', '.join(parts)}"
    verb = "would be" if dry else "is" if taken == 1 else "are"
    return f"{text}. What DVC made of {taken} of them {verb} taken over; nothing was run." if taken else f"{text}."
