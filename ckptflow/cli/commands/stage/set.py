"""Edge. `ckptflow stage set`: fields of a stage."""

from __future__ import annotations

import click

from ....errors import UsageError
from ...session import Session, dry_edit, pipeline_file, tell_edit, verbosity
from ...values import Target


@click.command("set")
@click.argument("stage", type=Target())
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove the field KEY.")
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(
    session: Session,
    stage: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    file: str | None,
    dry: bool,
) -> None:
    """Set fields of STAGE: KEY=VALUE sets, KEY+=VALUE adds to a list, KEY-=VALUE takes from it.

    KEY is written with dots; entries of lists go by number or path. VALUE is a YAML scalar, or a list or mapping in
    brackets.

    \b
    ckptflow stage set train workers=4 chunk.rows=500 deps+=data/more.csv
    ckptflow stage set train outs.model.pkl.cache=false params-=lr --unset frozen
    """
    from ....spec.edit.typed import Assignment, Op, parse_assignment

    wanted = [*map(parse_assignment, assignments), *(Assignment(key, Op.UNSET) for key in unset)]
    if not wanted:
        raise UsageError("nothing is to be set", hint="`ckptflow stage set --help` shows what can be")
    edited = session.project(file=file).set_stage(stage, wanted, dry=dry)
    tell_edit(session, edited, f"Changed stage `{stage}` in", dry=dry)
