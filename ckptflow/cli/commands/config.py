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
    values = {key: _shown(getattr(settings, key)) for key in ([name] if name else sorted(NAMES))}
    if as_json:
        origins = {key: settings.origin.get(key, "default") for key in values}
        terminal.document({key: {"value": value, "from": origins[key]} for key, value in values.items()})
    elif name is not None:
        terminal.lines([_text(values[name])])
    else:
        rows = [(key, _text(value), settings.origin.get(key, "default")) for key, value in values.items()]
        terminal.lines(setting_lines(rows, terminal.style(sys.stdout)))


def _shown(value: Any) -> Any:
    """Return a setting as it may be seen: of remotes the places, and of their options the names alone."""
    return {name: str(remote) for name, remote in value.items()} if isinstance(value, dict) else value


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)
