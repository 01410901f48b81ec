"""Scenarios: a project, and what is done to it step by step, told once for DVC and for ckptflow.

A scenario file maps names to

    files: {path: text}
    steps:
      - write: {path: text}
      - remove: path
      - repro: flags and targets
        in: directory          # the working directory, default the project's
        ran: a b               # the names that were traced, in order
        fails: true            # default false
        differ: {path: {dvc: text, ckptflow: text}}   # files that do not come out alike; null where there is none

After each `repro` both have run what `ran` says, both have failed or not as `fails` says, and all files of the two
workspaces are alike. Where the two are to behave differently (SPEC: "better than DVC"), `repro`, `ran` and `fails` are
mappings with the keys `dvc` and `ckptflow`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from twins_project import Ran, Twin

AS_DVC = "as DVC"
"""In place of what is to run: whatever DVC runs, for scenarios that nobody has thought of.

With a target the order may differ: DVC goes over fewer than half of a project's stages in the order of a set.
"""

SCENARIOS = Path(__file__).parent / "scenarios"


def all_scenarios() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every scenario and its name, `file: name`."""
    for path in sorted(SCENARIOS.glob("*.yaml")):
        for name, scenario in yaml.safe_load(path.read_text()).items():
            yield f"{path.stem}: {name}", scenario


def play(scenario: dict[str, Any], twins: tuple[Twin, Twin]) -> None:
    """Do all steps of a scenario with both, and demand what it says."""
    for twin in twins:
        for path, text in scenario["files"].items():
            twin.write(path, text)
    for number, step in enumerate(scenario["steps"], 1):
        match step:
            case {"write": files}:
                for twin in twins:
                    for path, text in files.items():
                        twin.write(path, text)
            case {"remove": path}:
                for twin in twins:
                    twin.remove(path)
            case {"repro": _}:
                _repro(f"step {number}", step, twins)
            case _:
                raise ValueError(f"step {number} is none: {step}")


def _repro(where: str, step: dict[str, Any], twins: tuple[Twin, Twin]) -> None:
    first: Ran | None = None
    for twin in twins:
        flags = _side(step["repro"], twin.name) or ""
        ran = twin.run("repro", *shlex.split(flags), cwd=step.get("in", "."))
        told = f"{where}: {twin.name} repro {flags}\n{ran.ended.said}"
        first = first or ran
        if step.get("ran") == AS_DVC:
            wanted, ok = first.stages, first.ok
            if flags and sorted(ran.stages) == sorted(wanted):
                wanted = ran.stages
        else:
            wanted, ok = (
                tuple((_side(step.get("ran"), twin.name) or "").split()),
                not _side(step.get("fails"), twin.name),
            )
        assert ran.stages == wanted, f"{told}\nran {ran.stages}, not {wanted}"
        assert ran.ok is ok, f"{told}\nexit code {ran.ended.code}"
    theirs, ours = (dict(twin.files()) for twin in twins)
    for path, texts in step.get("differ", {}).items():
        for files, text in ((theirs, texts["dvc"]), (ours, texts["ckptflow"])):
            found = files.pop(path, None)
            assert (None if found is None else found.decode()) == text, f"{where}: {path}"
    assert ours == theirs, where


def _side(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else value
