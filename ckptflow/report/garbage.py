"""Edge. What `gc` says: what goes, how much and why; what stays; what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .style import Style
from .tables import table
from .views import Cleaned, Group
from .words import clean, duration, number, plural, size


def cleaned_lines(found: Cleaned, style: Style, *, asked: bool) -> list[str]:
    """Return what was found in one store; `asked`: it was to be removed."""
    return list(_lines(found, style, asked))


def _lines(found: Cleaned, style: Style, asked: bool) -> Iterator[str]:
    rows = [
        *_rows("deleted" if found.done else "would delete", found.groups),
        *_rows("condemned" if found.done else "would condemn", found.condemned),
    ]
    yield from table(("", "", "", "", ""), rows, right="llrrl", width=style.width)
    stays = f"keeps {plural(found.kept_objects, 'object')}, {size(found.kept_bytes)}"
    yield f"{stays}: what {clean(found.counted)} and checkpoints lead to, and what is young"
    if found.pending_bytes:
        first = f", the first of it in {duration(found.due)}" if found.due is not None else ""
        yield f"{size(found.pending_bytes)} were condemned before and go later{first}"
    for note in found.notes:
        yield f"note: {clean(note)}"
    yield _last_word(found, asked)


def _rows(verb: str, groups: Sequence[Group]) -> list[tuple[str, str, str, str, str]]:
    return [(verb, g.what, number(g.count), size(g.bytes) if g.bytes else "", g.why) for g in groups]


def _last_word(found: Cleaned, asked: bool) -> str:
    total = size(sum(group.bytes for group in found.groups))
    later = size(sum(group.bytes for group in found.condemned))
    if found.waiting is not None:
        return f"Nothing deleted: the store is in use ({clean(found.waiting)}). Say it again when that has ended."
    if not found.groups and not found.condemned:
        return "Nothing to delete."
    if not asked:
        again = f" and condemns {later}, which a `gc` deletes after {duration(found.wait)}" if found.condemned else ""
        return f"Nothing deleted. `--yes` deletes {total}{again}."
    again = f" {later} are condemned; a `gc` after {duration(found.wait)} deletes them." if found.condemned else ""
    return f"Deleted {total}.{again}"
