"""Edge. `ckptflow completion`: the script with which a shell completes commands, options and targets."""

from __future__ import annotations

import click

from .. import terminal


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL; for bash: eval "$(ckptflow completion bash)" in ~/.bashrc."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells that the argument allows"
    terminal.result(kind(ctx.find_root().command, {}, "ckptflow", "_CKPTFLOW_COMPLETE").source() + "\n")
