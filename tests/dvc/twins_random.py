"""Random projects and random edits of them, as scenarios: the same for the same seed.

A project is a few stages in a row of layers; each reads sources or outs of earlier stages, may read a param, and writes
a file or a directory; some are groups. An out is made of everything that its stage reads, so that a stage that was not
run although it had to be shows in the bytes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import yaml
from twins_scenario import AS_DVC

EDITS = 5
_SOURCES = ("in1", "in2", "tree")


@dataclass(slots=True)
class Project:
    """What there is: stages as `dvc.yaml` has them, params, sources."""

    random: random.Random
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=lambda: {"p": 1, "q": 1})
    sources: dict[str, str] = field(default_factory=lambda: {"in1": "1", "in2": "2", "tree/a": "a", "tree/b": "b"})

    def files(self) -> dict[str, str]:
        """Return the text of every file."""
        return {
            "dvc.yaml": yaml.safe_dump({"stages": self.stages}, sort_keys=False),
            "params.yaml": yaml.safe_dump(self.params),
            **self.sources,
        }

    def grow(self) -> None:
        """Add a stage, or a group of two, behind those that are there."""
        number = len(self.stages)
        deps = self.random.sample([*_SOURCES, *self._outs()], k=self.random.randint(1, 2))
        params = self.random.sample(sorted(self.params), k=self.random.randint(0, 1))
        kind = self.random.choice(("file", "file", "directory", "group"))
        name = f"s{number}"
        if kind == "group":
            self.stages[name] = {"foreach": ["x", "y"], "do": _stage(f"{name}-${{item}}", deps, params, "file")}
        else:
            self.stages[name] = _stage(name, deps, params, kind)

    def _outs(self) -> list[str]:
        found = []
        for name, stage in self.stages.items():
            found += [f"{name}-x.out", f"{name}-y.out"] if "do" in stage else stage["outs"]
        return found

    def shuffle(self) -> None:
        """Put the stages of the file in another order, which stands for itself in no run."""
        names = list(self.stages)
        self.random.shuffle(names)
        self.stages = {name: self.stages[name] for name in names}

    def edit(self) -> dict[str, Any]:
        """Change something; return the step that does it."""
        match self.random.randrange(6):
            case 0 | 1:
                name = self.random.choice(sorted(self.sources))
                self.sources[name] = str(self.random.randint(1, 3))  # often one that it has had before
            case 2:
                name = self.random.choice(sorted(self.params))
                self.params[name] = self.random.randint(1, 2)
            case 3:
                self.sources[f"tree/{self.random.choice('abc')}"] = str(self.random.randint(1, 3))
            case 4:
                self.grow()
            case _:
                self.shuffle()
        return {"write": self.files()}


def _stage(name: str, deps: list[str], params: list[str], kind: str) -> dict[str, Any]:
    read = " ".join(f"$(find {dep} -type f | LC_ALL=C sort | xargs cat)" for dep in deps)
    params_read = " ".join(f"$(grep '^{param}:' params.yaml)" for param in params)
    out = f"{name}.dir" if kind == "directory" else f"{name}.out"
    write = f"mkdir -p {out}/d && tee {out}/1 > {out}/d/2" if kind == "directory" else f"cat > {out}"
    return {
        "cmd": f'ran {name} && echo "{name} {read} {params_read}" | {write}',
        "deps": deps,
        **({"params": params} if params else {}),
        "outs": [out],
    }


def random_scenario(seed: int) -> dict[str, Any]:
    """Return a scenario whose `repro` steps demand what DVC does."""
    chance = random.Random(seed)
    project = Project(chance)
    for _ in range(chance.randint(3, 5)):
        project.grow()
    project.shuffle()
    first = project.files()
    steps: list[dict[str, Any]] = [{"repro": None, "ran": AS_DVC}]
    for _ in range(EDITS):
        steps.append(project.edit())
        target = chance.choice(["", "", chance.choice(list(project.stages))])
        flag = chance.choice(["", "", "-s ", "--downstream "]) if target else ""
        steps.append({"repro": flag + target, "ran": AS_DVC})
        if chance.random() < 0.3:
            steps.append({"repro": None, "ran": AS_DVC})
    return {"files": first, "steps": steps}
