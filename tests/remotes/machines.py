"""Machines that work on one repository and share a remote: clones at paths of their own, with stores of their own.

An `Origin` is the repository that all clone from. A `Machine` is a `Place` (see tests/e2e) that has nothing in common
with another one but what git and the remote bring: its home, user, time zone, language, hash seed and path are its own.

    origin = Origin.small(tmp_path / "origin")
    a, b = Machine.clone(origin, tmp_path, "a"), Machine.clone(origin, tmp_path, "b")
    a.config(moto_bucket, sync="auto")
    process = a.start("repro")
    a.await_traces(20)
    a.die(process)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ckptflow.checkpoints.lines import BadLine, decode
from ckptflow.plan.model import Record
from tests.e2e.place import PATIENCE, WORK, Ended, Place
from tests.servers import FreshBucket

ROOT = Path(__file__).resolve().parents[2]
ZONES = ("Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "UTC")
LANGUAGES = ("C", "C.UTF-8", "POSIX")

SMALL = """
    def half(rows):
        trace(first(rows))
        time.sleep(float(os.environ.get("PAUSE", "0")))
        if str(first(rows)) == os.environ.get("STOP_AT"):
            wait_for("go", 300.0)
        return rows.append_column("half", [[i / 2 for i in rows["x"].to_pylist()]])

    def total(rows):
        trace("total")
        return {"rows": rows.num_rows, "sum": sum(rows["half"].to_pylist())}

    def large(rows, size):
        import numpy

        trace("large")
        return numpy.random.default_rng(7).integers(0, 255, size, dtype="uint8")

    def lookup(rows):
        trace("lookup")
        return dict(zip(rows["x"].to_pylist(), rows["half"].to_pylist()))
"""
PIPELINE: Mapping[str, Any] = {
    "half": {
        "call": "work:half",
        "deps": {"rows": "rows.csv"},
        "chunk": {"over": "rows", "rows": 10, "cut": "fixed"},
        "outs": {"half": "data/half.parquet"},
    },
    "total": {
        "call": "work:total",
        "deps": {"rows": "data/half.parquet"},
        "outs": {"total": "data/total.json"},
    },
    "lookup": {
        "call": "work:lookup",
        "deps": {"rows": "data/half.parquet"},
        "outs": {"lookup": {"path": "data/lookup.pkl", "format": "pickle"}},
    },
}

LARGE: Mapping[str, Any] = {
    "call": "work:large",
    "deps": {"rows": "data/total.json"},
    "outs": {"large": "data/large.npy"},
}


@dataclass(frozen=True)
class Origin:
    """A bare repository; `commit` what it is to hold before machines are cloned from it."""

    path: Path

    @classmethod
    def small(cls, path: Path, chunks: int = 40, large: int = 0) -> Origin:
        """A stage with so many chunks, each of which takes PAUSE seconds, and two that read its out: one makes a
        value, one a pickle. Functions leave traces (`Machine.traces`), chunks the number of their first row: 0, 10, ...
        The one with the number STOP_AT waits for `Machine.let("go")`. `large`: one more stage makes so many bytes.
        """
        rows = "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(10 * chunks))
        stages = {**PIPELINE, **({"large": {**LARGE, "args": {"size": large}}} if large else {})}
        return cls.of(path, stages, {"work.py": WORK + "\n\n" + textwrap.dedent(SMALL), "rows.csv": rows})

    @classmethod
    def aml(cls, path: Path, chunk: Mapping[str, int] | None = None, **synthetic: Any) -> Origin:
        """The demonstration of this project, on few accounts (`chunk`: other sizes, `synthetic`: of its data). The last
        stage never comes to an end on a machine that has WAIT in its environment.
        """
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        small = {"accounts": 600, "transactions_per_account": 7.5, "laundering_share": 0.03}
        params["synthetic"] |= small | synthetic
        params["chunk"] = {"node_rows": 50, "edge_rows": 200, **(chunk or {})}
        stages = {
            p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8")
            for p in sorted((ROOT / "stages").rglob("*.py"))
        }
        stages["stages/aml/graph.py"] += "\nimport os, time\nwhile os.environ.get('WAIT'):\n    time.sleep(0.1)\n"
        pipeline = yaml.safe_load((ROOT / "pipeline.yaml").read_text(encoding="utf-8"))["stages"]
        return cls.of(path, pipeline, {**stages, "params.yaml": yaml.safe_dump(params)})

    @classmethod
    def of(cls, path: Path, stages: Mapping[str, Any], files: Mapping[str, str]) -> Origin:
        """Make a repository with a pipeline and these files."""
        work = path.with_name(f"{path.name} in the making")
        work.mkdir(parents=True)
        for name, text in {"pipeline.yaml": json.dumps({"stages": stages}, indent=1), **files}.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text, encoding="utf-8")
        (work / ".gitignore").write_text("/data/\n/.ckptflow/\n__pycache__/\n")
        git(work, "init", "-q", "-b", "main")
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "The pipeline")
        git(work, "clone", "-q", "--bare", str(work), str(path))
        shutil.rmtree(work)
        return cls(path)


@dataclass
class Machine(Place):
    """One machine. `root` is its clone; `traces`, `repro`, `start` and the like are those of every `Place`."""

    name: str = ""

    @classmethod
    def clone(cls, origin: Origin, beside: Path, name: str, jobs: int = 1, **env: str) -> Machine:
        """Clone to a new directory in `beside`. What makes a machine differ from others follows from its name."""
        home = beside / f"machine {name}"
        root = home / "some where" / f"clone of {name}"
        root.parent.mkdir(parents=True)
        git(root.parent, "clone", "-q", str(origin.path), root.name)
        chance = zlib.crc32(name.encode())
        own = {
            "HOME": str(home),
            "USER": f"user-{name}",
            "LOGNAME": f"user-{name}",
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "TZ": ZONES[chance % len(ZONES)],
            "LANG": LANGUAGES[chance // 7 % len(LANGUAGES)],
            "PYTHONHASHSEED": str(chance % 4_294_967_295),
            "SIDE": str(home / "side.txt"),
            "CKPTFLOW_JOBS": str(jobs),
            "NO_COLOR": "1",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CKPTFLOW_", "AWS_", "AZURE_", "LC_", "GIT_"))}
        return cls(root, home / "side.txt", {**kept, **own, **env}, name)

    def config(
        self,
        remote: FreshBucket | None = None,
        *,
        sync: str = "auto",
        trust: bool = False,
        credentials: str = "environment",
        **settings: Any,
    ) -> None:
        """Write the settings of this machine, which git does not know: the remote `storage`, if any, and others.

        The bucket's server and credentials go to the environment of the commands, or (`credentials="options"`) to the
        options of the remote.
        """
        settings["sync"] = sync
        if remote is not None:
            options = {"options": dict(remote.options)} if credentials == "options" else {}
            settings["remotes"] = {"storage": {"url": remote.url, "trust": trust, **options}}
            settings["remote"] = "storage"
            if not options:
                self.env |= remote.env
        self.write(".ckptflow/config.local.yaml", json.dumps(settings, indent=1))

    def outs(self, below: str = "data") -> dict[str, str]:
        """Return path -> SHA-256 of all files below a directory of the clone."""
        top = self.root / below
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(top.rglob("*"))
            if path.is_file()
        }

    def commit(self, message: str = "What was made") -> None:
        """Commit everything and push it to where this machine was cloned from."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", message)
        git(self.root, "push", "-q", "origin", "HEAD")

    def update(self) -> None:
        """Take what others have committed."""
        git(self.root, "pull", "-q", "--ff-only")

    def python(self, code: str) -> Ended:
        """Run Python in the clone, as a notebook would."""
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def made(self) -> dict[str, Record]:
        """Return the records of what this machine has made itself, by key; lines that a kill has torn are left out."""
        found: dict[str, Record] = {}
        for path in sorted((self.root / ".ckptflow/store/records").glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                with suppress(BadLine):
                    if isinstance(record := decode(line), Record):
                        found[record.key] = record
        return found

    def die(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL to a command and all that it has started, at once: the machine is switched off."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)

    def lose(self, *names: str) -> None:
        """Remove files and directories of the clone; without names, the state and the outs: all but what git has."""
        for name in names or (".ckptflow/store", ".ckptflow/cache.db", ".ckptflow/remotes", "data"):
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def git(cwd: Path, *args: str) -> str:
    """Run git as nobody in particular, with no settings of the user's; return what it prints."""
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER") for field, value in _NOBODY}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env = {**clean, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    ended = subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"git {' '.join(args)}:\n{ended.stderr}"
    return ended.stdout


_NOBODY = (("NAME", "Nobody"), ("EMAIL", "nobody@example.invalid"))
