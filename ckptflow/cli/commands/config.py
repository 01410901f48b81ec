"""Edge. `ckptflow config`: the settings that hold here, and where each comes from."""

from __future__ import annotations

import difflib
import sys
from typing import Any

import click

from ...errors import UsageError
from .. import terminal
from ..session import Session, as_json, verbosity


@click.command("config")
@click.argument("name", required=False)
@as_json
@verbosity
@click.pass_obj
def command(session: Session, name: str | None, as_json: bool) -> None:
    """Show all settings and where they come from; with NAME, the value of that one."""
    from ...report.listings import setting_lines
    from ...workspace.settings import NAMES

    settings = session.project().settings
    if name is not None and name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"settings are {', '.join(NAMES)}"
        raise UsageError(f"there is no setting `{name}`", hint=hint)
    values = {key: getattr(settings, key) for key in ([name] if name else sorted(NAMES))}
    if as_json:
        origins = {key: settings.origin.get(key, "default") for key in values}
        terminal.document({key: {"value": value, "from": origins[key]} for key, value in values.items()})
    elif name is not None:
        terminal.lines([_text(values[name])])
    else:
        rows = [(key, _text(value), settings.origin.get(key, "default")) for key, value in values.items()]
        terminal.lines(setting_lines(rows, terminal.style(sys.stdout)))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
