"""Pure. Two documents of figures: which ratios moved by more than what they spread over in either.

A ratio is what ckptflow costs in units of what stands beside it in the same run, so documents of two machines compare;
but what a limit costs is a matter of the machine too, and those of one machine compare better. Only lines of the same
name are compared, and the size is in the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LEAST = 0.05
"""What moves by less has not moved, however little it spreads."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One ratio in two documents."""

    line: str
    beside: str
    before: float
    after: float
    moved: bool

    @property
    def worse(self) -> bool:
        """It moved, and ckptflow costs more than it did."""
        return self.moved and self.after > self.before


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Moved]:
    """Return all ratios that are in both, in the order of the new one."""
    known = dict(_ratios(old))
    return [_moved(key, known[key], ratio) for key, ratio in _ratios(new) if key in known]


def _ratios(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, float]]]:
    for lines in document["rows"].values():
        for line in lines:
            if "name" not in line:  # of a version that did not name its lines
                continue
            if line["limit"] is not None:
                yield (line["name"], "limit"), line["limit"]
            for peer, beside in line["peers"].items():
                yield (line["name"], peer), beside["ratio"]


def _moved(key: tuple[str, str], old: Mapping[str, float], new: Mapping[str, float]) -> Moved:
    apart = new["low"] > old["high"] or new["high"] < old["low"]
    far = abs(new["median"] / old["median"] - 1) > LEAST
    return Moved(*key, old["median"], new["median"], apart and far)


def told(found: list[Moved]) -> list[str]:
    """Return lines for people: what moved, worst first, and how many did not."""
    moved = sorted((each for each in found if each.moved), key=lambda each: each.before / each.after)
    lines = [
        f"{'worse' if each.worse else 'better'}: {each.line} beside {each.beside}: "
        f"{each.before:.3g} → {each.after:.3g} ({each.after / each.before - 1:+.0%})"
        for each in moved
    ]
    same = len(found) - len(moved)
    return [*lines, f"{same} of {len(found)} ratios did not move by more than they spread."]
