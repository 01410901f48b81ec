"""A run of commands does not pay for what functions and tables need."""

from __future__ import annotations

import subprocess
import sys

import pytest

NEEDLESS = {
    *("numpy", "pyarrow", "pandas", "rich", "email", "zipfile", "importlib.metadata"),
    *("fsspec", "s3fs", "obstore", "stamina", "aiohttp", "asyncio", "ssl"),
    *("logging", "dataclasses", "shutil", "tempfile", "lzma", "bz2", "hashlib"),
    *(
        "ckptflow.fingerprint.code",
        "ckptflow.engine.identify",
        "ckptflow.engine.inspect",
        "ckptflow.checkpoints.verify",
        "ckptflow.checkpoints.shelf",
        "ckptflow.checkpoints.trash",
        "ckptflow.engine.away",
        "ckptflow.engine.adopt",
        "ckptflow.engine.tracked",
        "ckptflow.engine.version",
        "ckptflow.workspace.dvc",
        "ckptflow.dvc.lock",
    ),
    *("ckptflow.formats.tables", "ckptflow.formats.dataset"),
}


@pytest.mark.parametrize("commands", [1, 3])
def test_a_first_run_of_commands(tmp_path, commands):
    (tmp_path / "pipeline.yaml").write_text(_pipeline(commands))
    code = (
        "import sys; from ckptflow.cli.main import main; code = main(['repro', '-q']);"
        " print(code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert NEEDLESS.intersection(modules) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
@pytest.mark.parametrize(("more", "started"), [("", False), ("\n# no call\n", True)])
def test_workers_for_commands_alone_need_no_other_interpreter(tmp_path, more, started):
    (tmp_path / "pipeline.yaml").write_text(_pipeline(2) + more)
    code = (
        "import os, sys; from ckptflow.cli.main import main; leave = os._exit;"
        " os._exit = lambda code: (print(code, *sys.modules, flush=True), leave(code)); sys.argv[1:] = ['repro', '-q'];"
        " main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    code, *modules = done.stdout.split()
    assert code == "0" and ("subprocess" in modules) is started


def test_what_dvc_left_is_read_where_it_left_something(tmp_path):
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    (tmp_path / "pipeline.yaml").write_text(_pipeline(1))
    code = "import sys; from ckptflow.cli.main import main; main(['repro', '-q']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "ckptflow.engine.adopt" in done.stdout.split()


def _pipeline(commands: int) -> str:
    stages = (f"  s{n}: {{cmd: echo {n} > {n}.txt, outs: [{n}.txt]}}" for n in range(commands))
    return "\n".join(("stages:", *stages)) + "\n"
