"""Edge. Groups whose commands are modules, imported when they are used: none pays for another, nor for `--help`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

from ..errors import UsageError


class LazyGroup(click.Group):
    """A group whose commands are modules of `package`, each with a `command`.

    `sections` maps the headings of the help to commands with what each does; `elsewhere` maps what other programs call
    a command to its name here.
    """

    package = ""
    sections: Mapping[str, Mapping[str, str]] = {}
    elsewhere: Mapping[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None where there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with. Raises UsageError that names the nearest one."""
        name = args[0]
        names = self.list_commands(ctx)
        if name in names or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib  # only for a mistake

        near = difflib.get_close_matches(name, [*names, *self.elsewhere], n=1)
        meant = self.elsewhere.get(near[0], near[0]) if near else None
        path = ctx.command_path
        hint = f"did you mean `{path} {meant}`?" if meant else f"`{path} --help` lists the commands"
        raise UsageError(f"there is no command `{name}`", hint=hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in sections, without importing any."""
        for section, commands in self.sections.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()), col_max=12)
