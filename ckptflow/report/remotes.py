"""Edge. Remotes as people read them: which there are, and what each promises and keeps."""

from __future__ import annotations

from collections.abc import Sequence

from .style import Style
from .tables import table
from .views import CheckedRemote, RemoteView
from .words import clean

_NONE = "No remotes: `ckptflow remote add NAME URL` adds one."
_MARKS = {"good": ("✓", "good"), "weak": ("●", "warn"), "bad": ("✗", "bad")}
_VERDICTS = {
    "yes": "can be used",
    "pull": "can be pulled from, and not pushed to",
    "no": "cannot be used",
}


def remote_lines(remotes: Sequence[RemoteView], style: Style) -> list[str]:
    """Return remotes, a line each; the one that is taken where none is named has a star."""
    if not remotes:
        return [_NONE]
    rows = [(f"{remote.name}{' *' if remote.default else ''}", remote.url, _details(remote)) for remote in remotes]
    return table(("REMOTE", "URL", "OPTIONS"), rows, width=style.width)


def checked_lines(checked: Sequence[CheckedRemote], style: Style) -> list[str]:
    """Return what was found out about remotes, a line a promise, and below each that is not kept what follows."""
    if not checked:
        return [_NONE]
    lines: list[str] = []
    for remote in checked:
        findings = remote.probed.findings
        width = max(len(finding.name) for finding in findings)
        lines += [*([""] if lines else []), f"{style.paint(clean(remote.name), 'bold')}  {clean(remote.url)}"]
        for finding in findings:
            sign, role = _MARKS[finding.state]
            lines.append(f"{style.paint(style.fit(sign), role)} {finding.name.ljust(width)}  {clean(finding.seen)}")
            if finding.follows:
                lines.append(f"    = {'help' if finding.state == 'bad' else 'so'}: {clean(finding.follows)}")
        lines.append(_verdict(remote))
    return lines


def brief_lines(remote: CheckedRemote, style: Style) -> list[str]:
    """Return what there is to say of a remote that was just added: what is not as it should be, and the verdict."""
    lines = []
    for finding in remote.probed.findings:
        if finding.state != "good":
            lines.append(f"{style.paint('warning:', 'warn')} {finding.name}: {clean(finding.seen)}")
            if finding.follows:
                lines.append(f"  = {'help' if finding.state == 'bad' else 'so'}: {clean(finding.follows)}")
    return [*lines, _verdict(remote)]


def _verdict(remote: CheckedRemote) -> str:
    weak = sum(finding.state == "weak" for finding in remote.probed.findings)
    seconds = remote.probed.latency
    verdict = _VERDICTS[remote.probed.usable]
    if remote.probed.usable == "yes" and weak:
        verdict += ", less well than it could be"
    speed = f"; {seconds * 1000:.0f} ms a small request" if seconds is not None else ""
    return f"Remote `{clean(remote.name)}` {verdict}{speed}."


def _details(remote: RemoteView) -> str:
    options = [f"{name}={value}" for name, value in remote.options.items()]
    return ", ".join([*options, *(["trusted"] if remote.trust else [])])
