"""Edge. How the place where text goes can be written to: colour or not, which characters, how wide.

A value made once by the command line from the stream and the environment; renderers read it and never look themselves.
"""

from __future__ import annotations

from ..dataclass import dataclass

_CODES = {
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "busy": "36",
    "dim": "2",
    "bold": "1",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Style:
    """`color`: ANSI colours are wanted; `unicode`: the encoding has box characters; `width`: in columns."""

    color: bool = False
    unicode: bool = True
    width: int = 100

    def paint(self, text: str, role: str) -> str:
        """Return `text` in the colour of `role`: good, bad, warn, busy, dim, bold, or empty for none."""
        code = _CODES[role]
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text

    def fit(self, text: str) -> str:
        """Return `text` with the signs of this program replaced by ASCII where the terminal has no others."""
        return text if self.unicode else text.translate(_ASCII)


_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "●": "*",
        "○": "o",
        "━": "#",
        "╸": "#",
        "╺": "-",
        "─": "-",
        "│": "|",
        "├": "|",
        "┤": "|",
        "┴": "+",
        "┬": "+",
        "┼": "+",
        "╭": "+",
        "╮": "+",
        "╰": "+",
        "╯": "+",
        "·": "-",
        "…": ".",
    }
)
