"""Pure. Which comments and blank lines belong to what: what goes with a stage, and what stays with its neighbours.

A pair owns the lines that it stands in; below them, comments indented further than its key; above them, comment lines
that touch it and begin in the column of its key. A ruler in such a line (`# -----`) marks a heading of all
that follows: it and what is above it belong to nobody.
"""

from __future__ import annotations

import re

from .layout import dash_of, key_column
from .located import Kind, Located, Spot

_RULER = re.compile(r"([-=#*~_+─═])\1\1")


def first_line(doc: Located, head: int) -> int:
    """Return the first line of what begins at `head`, a key or a dash, comments of its own included."""
    line, column = doc.line_of(head), doc.column(head)
    if not doc.leads(head):
        return line
    while line > 0:
        above = doc.line(line - 1)
        comment = above.lstrip(" ")
        if not comment.startswith("#") or len(above) - len(comment) != column or _RULER.search(comment):
            break
        line -= 1
    return line


def last_line(doc: Located, spot: Spot, column: int) -> int:
    """Return the last line of a value, with the comments below it that are indented further than `column`."""
    last = doc.last_line(spot)
    for line in range(last + 1, line_count(doc)):
        content = doc.line(line)
        comment = content.lstrip(" \t")
        if comment and not (comment.startswith("#") and len(content) - len(comment) > column):
            break
        if comment:
            last = line
    return last


def with_blanks(doc: Located, first: int, last: int, *, leading: bool) -> tuple[int, int]:
    """Return the lines to remove: these, and the blank ones on one side, so that no gap doubles and none is lost.

    `leading`: nothing of the same mapping or list stands before them.
    """
    count = line_count(doc)
    after = last + 1
    while after < count and not doc.line(after).strip():
        after += 1
    if after == count:
        while first > 0 and not doc.line(first - 1).strip():
            first -= 1
    elif leading or (first > 0 and not doc.line(first - 1).strip()):
        last = after - 1
    return first, last


def are_apart(doc: Located, mapping: Spot) -> bool:
    """Tell whether the pairs of a block mapping are separated by blank lines; where there is one pair: yes."""
    column = key_column(doc, mapping)
    if len(mapping.pairs) == 1:
        return True
    key = mapping.pairs[-1][0]
    between = range(last_line(doc, mapping.pairs[-2][1], column) + 1, first_line(doc, key.start) + 1)
    return any(not doc.line(line).strip() for line in between)


def line_count(doc: Located) -> int:
    """Return how many lines the text has; what follows the last line break counts if it is something."""
    return len(doc.starts) - (doc.starts[-1] == len(doc.text) and len(doc.starts) > 1)


def head_of(doc: Located, parent: Spot, number: int) -> int:
    """Return where a pair or item of a block collection begins: at its key (or `?`), or at its dash."""
    if parent.kind is Kind.SEQUENCE:
        return dash_of(doc, parent, number)
    key = parent.pairs[number][0].start
    return doc.line_start(doc.line_of(key)) + key_column(doc, parent)
