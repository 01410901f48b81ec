"""Edge. Programs that bring a project's outs to a bucket and back: ckptflow, DVC, rclone. All move the same files.

A subject is aimed at an empty bucket, pushes, becomes a machine that has only what a repository holds, and pulls. It
looks after its own directory; the server is not its own.
"""

from __future__ import annotations

import filecmp
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from tests.servers.fresh import FreshBucket

from . import projects
from .bench import COMMAND
from .cost import Cost, WentWrong, process

FLIGHT = "32"
"""Transfers at the same time, for the programs that must be told."""


class Subject(ABC):
    """One program at work in `directory`, where the files are below `data`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bucket: FreshBucket

    @property
    def data(self) -> Path:
        """The files."""
        return self.directory / "data"

    @abstractmethod
    def aim(self, bucket: FreshBucket) -> None:
        """Take an empty bucket as the place to push to."""

    @abstractmethod
    def forget(self) -> None:
        """Become a machine that has the repository and nothing else."""

    @abstractmethod
    def push(self) -> Cost:
        """Bring to the bucket what it lacks."""

    @abstractmethod
    def pull(self) -> Cost:
        """Bring back what is missing here."""

    def run(self, *argv: str, **env: str) -> Cost:
        """Run the program with the bucket's credentials in its environment."""
        return process(argv, self.directory, env={**self.bucket.env, **env})

    def demand_same(self, files: Path) -> None:
        """Raise WentWrong unless the data are those of `files`."""
        names = sorted(p.relative_to(files) for p in files.rglob("*") if p.is_file())
        wrong = [n for n in names if not (self.data / n).is_file() or not filecmp.cmp(files / n, self.data / n, False)]
        if wrong:
            raise WentWrong(f"{type(self).__name__}: {len(wrong)} of {len(names)} files did not come back: {wrong[:3]}")


class Ckptflow(Subject):
    """This project: the outs of a pipeline that has run."""

    def aim(self, bucket: FreshBucket) -> None:
        """Name the remote after the bucket, so that nothing known of another one counts."""
        self.bucket = bucket
        settings = {"remotes": {bucket.name: {"url": bucket.url}}, "remote": bucket.name}
        (self.directory / ".ckptflow").mkdir(exist_ok=True)
        (self.directory / ".ckptflow/config.yaml").write_text(json.dumps(settings))

    def forget(self) -> None:
        """Keep the pipeline, its lock file and the settings."""
        for path in (self.directory / ".ckptflow").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "config.yaml":
                path.unlink()
        shutil.rmtree(self.data)

    def push(self) -> Cost:
        """`ckptflow push`."""
        return self.run(*COMMAND, "-q", "push")

    def pull(self) -> Cost:
        """`ckptflow pull`."""
        return self.run(*COMMAND, "-q", "pull")


class Dvc(Subject):
    """DVC, with the same files added by hand, without git."""

    def __init__(self, directory: Path, files: Path, programs: Path) -> None:
        super().__init__(directory)
        self._dvc = [str(programs / "dvc")]
        self._site = directory / "site"  # what DVC remembers of remotes, elsewhere on a user's machine
        shutil.copytree(files, self.data)
        (directory / ".dvc").mkdir()
        (directory / ".dvc/config").write_text(self._config(""))
        tops = sorted(str(p.relative_to(directory)) for p in self.data.iterdir())
        process([*self._dvc, "add", "-q", *tops], directory, env=self._env())

    def _config(self, remote: str) -> str:
        return f"[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n{remote}"

    def _env(self) -> dict[str, str]:
        return {"DVC_SITE_CACHE_DIR": str(self._site), "DVC_NO_ANALYTICS": "1"}

    def aim(self, bucket: FreshBucket) -> None:
        """Name the remote after the bucket."""
        self.bucket = bucket
        remote = f"    remote = {bucket.name}\n['remote \"{bucket.name}\"']\n    url = {bucket.url}\n"
        endpoint = f"    endpointurl = {bucket.env['AWS_ENDPOINT_URL']}\n"
        (self.directory / ".dvc/config").write_text(self._config(remote + endpoint))
        shutil.rmtree(self._site, ignore_errors=True)

    def forget(self) -> None:
        """Keep the `.dvc` files, which stand beside the data."""
        for path in self.data.iterdir():
            if path.suffix != ".dvc":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in (".dvc/cache", ".dvc/tmp", "site"):
            shutil.rmtree(self.directory / name, ignore_errors=True)

    def push(self) -> Cost:
        """`dvc push`."""
        return self.run(*self._dvc, "push", "-q", **self._env())

    def pull(self) -> Cost:
        """`dvc pull`."""
        return self.run(*self._dvc, "pull", "-q", **self._env())


class Rclone(Subject):
    """`rclone copy` of the directory, told to have many transfers under way."""

    def __init__(self, directory: Path, files: Path, programs: Path) -> None:
        super().__init__(directory)
        self._rclone = [str(programs / "rclone"), "copy", "--transfers", FLIGHT, "--checkers", FLIGHT]
        shutil.copytree(files, self.data)

    def aim(self, bucket: FreshBucket) -> None:
        """Take the bucket."""
        self.bucket = bucket

    def forget(self) -> None:
        """Keep nothing."""
        shutil.rmtree(self.data)

    def push(self) -> Cost:
        """Copy there."""
        return self.run(*self._rclone, str(self.data), self._remote(), **self._env())

    def pull(self) -> Cost:
        """Copy back."""
        return self.run(*self._rclone, self._remote(), str(self.data), **self._env())

    def _remote(self) -> str:
        return f"bench:{self.bucket.name}/data"

    def _env(self) -> dict[str, str]:
        return {
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_BENCH_TYPE": "s3",
            "RCLONE_CONFIG_BENCH_PROVIDER": "Rclone",
            "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
            "RCLONE_CONFIG_BENCH_ENDPOINT": self.bucket.env["AWS_ENDPOINT_URL"],
        }


def make_small(directory: Path, count: int) -> Path:
    """Make a project whose only stage has so many chunks, each with a result of about 4 kB, and run it."""
    module = (
        "import hashlib\n\nimport pyarrow as pa\n\nNUMBERS = 450\n\n\n"
        "def noise(rows):\n"
        '    made = hashlib.shake_128(b"%d" % rows["id"][0].as_py()).digest(8 * NUMBERS)\n'
        '    return pa.table({"n": pa.Array.from_buffers(pa.int64(), NUMBERS, [None, pa.py_buffer(made)])})\n'
    )
    stage = {
        "call": "work:noise",
        "deps": {"rows": "ids.parquet"},
        "chunk": {"over": "rows", "rows": 1, "cut": "fixed"},
        "outs": {"small": "data/small.parquet"},
    }
    return _made(directory, stage, {"work": module}, count)


def make_large(directory: Path, size: int) -> Path:
    """Make a project whose only stage writes one file of random bytes, and run it."""
    module = (
        "import random\n"
        "import sys\n\n"
        "chance = random.Random(1)\n"
        'with open("data/large.bin", "wb") as file:\n'
        "    for start in range(0, int(sys.argv[1]), 1 << 20):\n"
        "        file.write(chance.randbytes(min(1 << 20, int(sys.argv[1]) - start)))\n"
    )
    stage = {"cmd": f"python3 large.py {size}", "deps": ["large.py"], "outs": ["data/large.bin"]}
    return _made(directory, stage, {"large": module}, 1)


def _made(directory: Path, stage: Mapping[str, object], modules: Mapping[str, str], count: int) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    project = projects.make(directory, {"stage": stage}, modules=modules)
    pq.write_table(pa.table({"id": pa.array(range(count), pa.int64())}), project / "ids.parquet")
    process([*COMMAND, "-q", "repro"], project)
    return project
