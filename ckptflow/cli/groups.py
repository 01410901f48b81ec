"""Edge. Groups of commands. A command's module is imported when it is used, so that none pays for another."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from ..errors import UsageError

_COMMANDS = f"{__package__}.commands"


class LazyGroup(click.Group):
    """A group whose commands are modules of `ckptflow.cli.commands`, each with a `command`.

    `sections` are headings of the help, each with commands and what they do; a command's module is called `prefix` and
    its name, with `_` for `-`. `elsewhere` maps words that other programs have for a command to ours.
    """

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Mapping[str, str]],
        prefix: str = "",
        elsewhere: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self._sections = sections
        self._prefix = prefix
        self._elsewhere = elsewhere or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return [name for section in self._sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None where there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"{self._prefix}{cmd_name}".replace("-", "_")
        command: click.Command = import_module(f"{_COMMANDS}.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with. Raises UsageError that names the nearest one."""
        name = args[0]
        names = self.list_commands(ctx)
        if name in names or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, [*names, *self._elsewhere], n=1)
        meant = self._elsewhere.get(near[0], near[0]) if near else None
        path = ctx.command_path
        hint = f"did you mean `{path} {meant}`?" if meant else f"`{path} --help` lists the commands"
        raise UsageError(f"there is no command `{path.partition(' ')[2]} {name}`".replace("` ", "`"), hint=hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in sections, without importing any."""
        for section, commands in self._sections.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()), col_max=12)
