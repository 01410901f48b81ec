"""Edge. `ckptflow repro`: bring stages and what they depend on up to date."""

from __future__ import annotations

from typing import Any

import click

from ..running import run
from ..session import Session, as_json, pipeline_file, superseded, verbosity
from ..values import Duration, Target
from .plan import tell_plan


@click.command("repro")
@click.argument("targets", nargs=-1, type=Target())
@pipeline_file
@click.option("-f", "--force", is_flag=True, help="Run stages although nothing changed; replace edited outs.")
@click.option("-n", "--dry", is_flag=True, help="Say what would be done, do nothing.")
@click.option("-s", "--single-item", is_flag=True, help="Only the targets, not what they depend on.")
@click.option("--downstream", is_flag=True, help="The targets and all that depends on them.")
@click.option("-p", "--pipeline", is_flag=True, help="The whole pipelines that the targets belong to.")
@click.option("-R", "--recursive", is_flag=True, hidden=True)  # directories are targets without it too
@click.option("--glob", is_flag=True, hidden=True)  # patterns are targets without it too
@click.option("-P", "--all-pipelines", is_flag=True, help="All pipelines of the project.")
@click.option("--from", "from_stage", metavar="STAGE", help="Run this stage and all after it again.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, go on with what does not depend on it.")
@click.option(
    "--for", "time_limit", type=Duration(), metavar="TIME", help="Stop in time, as 3h50m; exit 75 if unfinished."
)
@superseded
@click.option("--pull", is_flag=True, help="Look for finished work in the remote; bring all outs.")
@click.option("--no-commit", is_flag=True, help="Run, but do not write pipeline.lock.")
@click.option("--retry-failed", is_flag=True, help="Only the chunks and items that failed in the last run.")
@click.option("--limit-chunks", type=click.IntRange(min=1), metavar="N", help="Try on N chunks of each stage first.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes.  [one a core]")
@click.option("--executor", type=click.Choice(["local"]), help="Where chunks are run.")
@click.option("--events", metavar="FILE", help="Write the run's events to FILE as JSON lines.")
@click.option("--exit-code", is_flag=True, help="With --dry: exit 10 if there is anything to do.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, /, **flags: Any) -> int:
    """Bring the TARGETs (stages, chunks as stage#3, or outs; default: all) and what they depend on up to date."""
    from ...project import ReproOptions

    as_json, events, exit_code, dry = (flags.pop(name) for name in ("as_json", "events", "exit_code", "dry"))
    targets, overrides = flags.pop("targets"), {name: flags.pop(name) for name in ("jobs", "executor")}
    if exit_code and not dry:
        raise click.UsageError("--exit-code needs --dry")
    project, targets = session.project_for(targets, file=flags.pop("file"), overrides=_given(overrides))
    del flags["recursive"], flags["glob"]
    options = ReproOptions(commit=not flags.pop("no_commit"), **flags)
    if dry:
        return tell_plan(session, project.plan(targets, options=options), as_json=as_json, exit_code=exit_code)
    return run(session, project, targets, options, events=events, as_json=as_json)


def _given(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
