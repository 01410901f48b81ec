"""Remotes as people read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ckptflow.report.remotes import brief_lines, checked_lines, remote_lines
from ckptflow.report.style import Style


@dataclass(frozen=True)
class View:
    name: str
    url: str
    options: dict[str, object] = field(default_factory=dict)
    trust: bool = False
    default: bool = False


@dataclass(frozen=True)
class Promise:
    name: str
    state: str
    seen: str
    follows: str | None = None


@dataclass(frozen=True)
class Probed:
    usable: str
    findings: tuple[Promise, ...]
    latency: float | None = None


@dataclass(frozen=True)
class Checked:
    name: str
    url: str
    probed: Probed


GOOD = Checked("near", "/mnt/x", Probed("yes", (Promise("reach", "good", "a store"),), 0.0123))
WEAK = Promise("conditional create", "weak", "ignored", "two machines may disagree")
SO_SO = Checked("weak", "s3://b/x", Probed("yes", (Promise("reach", "good", "empty"), WEAK), 0.2))
READ = Checked("read", "http://h/x", Probed("pull", (Promise("write", "weak", "refused", "not pushed to"),)))
GONE = Checked("gone", "s3://c", Probed("no", (Promise("reach", "bad", "no\x1b answer", "check the network"),)))


def test_what_users_read(golden: Callable[[str, str], None]) -> None:
    style = Style(width=80)
    views = [
        View("far", "s3://b/x", {"region": "eu", "secret": "***"}, trust=True),
        View("near", "/mnt/x", default=True),
    ]
    forms = {
        "list": remote_lines(views, style),
        "list, none": remote_lines([], style),
        "check": checked_lines([GOOD, SO_SO, READ, GONE], style),
        "check, none": checked_lines([], style),
        "check in ASCII": checked_lines([GONE], Style(unicode=False)),
        "add": brief_lines(GOOD, style),
        "add, weak": brief_lines(SO_SO, style),
        "add, gone": brief_lines(GONE, style),
    }
    golden("remotes.txt", "".join(f"--- {name}\n" + "".join(f"{x}\n" for x in lines) for name, lines in forms.items()))
