"""Edge. `ckptflow remote add`: a new remote."""

from __future__ import annotations

import sys

import click

from ... import terminal
from ...session import Session, tell_edit, verbosity


@click.command("add")
@click.argument("name")
@click.argument("url")
@click.option("-d", "--default", is_flag=True, help="Take it where no remote is named.")
@click.option("--local", is_flag=True, help="For this machine alone: in config.local.yaml, which git ignores.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the driver; repeatable.")
@click.option("--trust", is_flag=True, help="Load pickles from there that are not signed.")
@click.option("--no-check", is_flag=True, help="Ask nothing of it now.")
@verbosity
@click.pass_obj
def command(
    session: Session,
    name: str,
    url: str,
    default: bool,
    local: bool,
    options: tuple[str, ...],
    trust: bool,
    no_check: bool,
) -> None:
    """Add the remote NAME at URL, a path or a URL, and try out what it promises.

    Options that hold credentials are kept in config.local.yaml. One that cannot be reached is added all the same.

    \b
    ckptflow remote add storage s3://bucket/project --default
    ckptflow remote add minio s3://bucket/project --option endpoint_url=https://host:9000 --option secret=...
    ckptflow remote add backup /mnt/backup/project
    """
    from ....report.remotes import brief_lines
    from ....workspace.remote_edits import parse_option

    wanted = dict(parse_option(text) for text in options)
    project = session.project()
    edited = project.add_remote(name, url, options=wanted, default=default, local=local, trust=trust)
    tell_edit(session, edited, f"Added remote `{name}` to", dry=False)
    if no_check:
        return
    (checked,) = project.check_remotes([name])
    if not checked.usable:
        terminal.say("".join(f"{line}\n" for line in brief_lines(checked, terminal.style(sys.stderr))))
    elif not session.quiet:
        terminal.lines(brief_lines(checked, terminal.style(sys.stdout)))
