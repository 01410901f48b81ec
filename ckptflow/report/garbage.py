"""Edge. What `gc` says: what goes, how much and why; what stays; what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from .style import Style
from .tables import table
from .views import Cleaned
from .words import clean, number, plural, size


def cleaned_lines(found: Cleaned, style: Style, *, asked: bool) -> list[str]:
    """Return what was found in one store; `asked`: it was to be removed."""
    return list(_lines(found, style, asked))


def _lines(found: Cleaned, style: Style, asked: bool) -> Iterator[str]:
    verb = "deleted" if found.done else "would delete"
    rows = [(verb, g.what, number(g.count), size(g.bytes) if g.bytes else "", g.why) for g in found.groups]
    yield from table(("", "", "", "", ""), rows, right="llrrl", width=style.width)
    stays = f"keeps {plural(found.kept_objects, 'object')}, {size(found.kept_bytes)}"
    yield f"{stays}: what {clean(found.counted)} and checkpoints lead to, and what is young"
    for note in found.notes:
        yield f"note: {clean(note)}"
    total = size(sum(group.bytes for group in found.groups))
    if not found.groups:
        yield "Nothing to delete."
    elif found.done:
        yield f"Deleted {total}."
    elif found.waiting is not None:
        yield f"Nothing deleted: a run is in progress ({clean(found.waiting)}). Say it again when that has ended."
    elif not asked:
        yield f"Nothing deleted. `--yes` deletes {total}."
