"""What DVC makes of the `dvc.yaml` files of projects: every stage, resolved, as JSON.

Run inside DVC's process (see `twins_fork`), so nothing of ckptflow's is imported here.
"""

from __future__ import annotations

import json
import os
from typing import Any


def main(argv: list[str]) -> int:
    """Print, for each project directory in `argv`, its stages, or as a text why DVC refuses it."""
    print(json.dumps([_project(root) for root in argv]))
    return 0


def _project(root: str) -> list[dict[str, Any]] | str:
    from dvc.repo import Repo

    os.chdir(root)
    try:
        with Repo(".") as repo:
            repo.index.check_graph()  # duplicate outs, cycles
            return [_stage(repo.root_dir, stage) for stage in repo.index.stages]
    except Exception as error:  # of many kinds, not all of them DVC's own
        return f"{type(error).__name__}: {error}"


def _stage(root: str, stage: Any) -> dict[str, Any]:
    from dvc.dependency.param import ParamsDependency

    params, deps = [], []
    for dep in stage.deps:
        if not isinstance(dep, ParamsDependency):
            deps.append(os.path.relpath(dep.fs_path, root) if dep.protocol == "local" else dep.def_path)
            continue
        file = os.path.relpath(dep.fs_path, stage.wdir)
        names = [f"{file}:{key}" for key in dep.params] or [file]
        params += [name.removeprefix("params.yaml:") for name in names]
    return {
        "name": stage.addressing,
        "cmd": stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines(),
        "wdir": os.path.relpath(stage.wdir, root),
        "deps": sorted(deps),
        "params": sorted(params),
        "outs": sorted(
            [os.path.relpath(out.fs_path, root), _kind(out), bool(out.use_cache), bool(out.persist)]
            for out in stage.outs
        ),
        "frozen": bool(stage.frozen),
        "always_changed": bool(stage.always_changed),
    }


def _kind(out: Any) -> str:
    return "metric" if out.metric else "plot" if out.plot else "out"
