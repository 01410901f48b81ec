"""What a `repro` with nothing to do costs, counted: modules, and calls of the system. What it must not import stands in
tests/engine/test_fresh.py; what it asks a remote, in tests/remotes/test_requests.py; `--version`, in test_main.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAIN = 10
SIZES = (20, 40, 200)

COUNTED = """
import json, sys
from collections import Counter
from ckptflow.cli.main import main

calls = Counter()

def hear(frame, event, what):
    if event == "c_call" and what.__module__ == "posix":
        calls[what.__name__] += 1

sys.setprofile(hear)
code = main(["repro", "-q"])
sys.setprofile(None)
print(json.dumps(calls))
sys.exit(code)
"""

IMPORTED = """
import sys
before = set(sys.modules)
from ckptflow.cli.main import main
code = main(["repro"])
print(*sorted(set(sys.modules) - before))
sys.exit(code)
"""

OWN = """
ckptflow ckptflow.cli ckptflow.cli.main ckptflow.cli.quick ckptflow.engine ckptflow.engine.fresh ckptflow.report
ckptflow.report.summary ckptflow.report.words ckptflow.store ckptflow.store.inodes ckptflow.workspace
ckptflow.workspace.discover
"""
MOST = 25
"""Modules beside those an interpreter has anyway: the ones above, `xxhash` and a few of C; they differ by version."""


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    """Projects of so many stages, in chains of ten, that are up to date."""
    made = {size: tmp_path_factory.mktemp(f"stages-{size}") for size in SIZES}
    for size, directory in made.items():
        (directory / "data").mkdir()
        stages = {}
        for n in range(size):
            source, out = f"data/{n}.txt" if n % CHAIN == 0 else f"out/{n - 1}.txt", f"out/{n}.txt"
            stages[f"s{n}"] = {"cmd": f"cp {source} {out}", "deps": [source], "outs": [out]}
            if n % CHAIN == 0:
                (directory / source).write_text(f"{n}")
        (directory / "pipeline.yaml").write_text(json.dumps({"stages": stages}))
        assert _python(directory, "from ckptflow.cli.main import main; main(['repro', '-q'])") == ""
        _python(directory, COUNTED)  # it may still tidy up the cache of the run before it
    return made


@pytest.fixture(scope="module")
def calls(projects: Mapping[int, Path]) -> Callable[[str], dict[int, int]]:
    """Return how often a function of the system is called, by the number of stages."""
    counted = {size: json.loads(_python(directory, COUNTED)) for size, directory in projects.items()}
    return lambda name: {size: calls.get(name, 0) for size, calls in counted.items()}


def test_files_are_looked_at_a_fixed_number_of_times_a_stage(calls: Callable[[str], dict[int, int]]) -> None:
    looks = calls("stat")
    a_chain = (looks[40] - looks[20]) / (20 / CHAIN)
    assert (looks[200] - looks[20]) / (180 / CHAIN) == a_chain
    assert a_chain <= 2.1 * CHAIN  # of each stage the out and its object, of a chain its source


@pytest.mark.parametrize("name", ["open", "listdir", "scandir", "lstat", "readlink", "getcwd"])
def test_nothing_else_grows_with_the_number_of_stages(calls: Callable[[str], dict[int, int]], name: str) -> None:
    assert len(set(calls(name).values())) == 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
def test_the_system_is_called_a_fixed_number_of_times_a_stage(projects: Mapping[int, Path], tmp_path: Path) -> None:
    """As above, seen from outside: nothing below Python opens or writes more, syncs or starts processes."""
    looks, others = {}, {}
    traced = "trace=%file,write,pwrite64,fsync,fdatasync,?clone,?clone3,?fork,?vfork"
    for size, directory in projects.items():
        log = tmp_path / f"{size}"
        main = [sys.executable, "-c", "from ckptflow.cli.main import main; main(['repro', '-q'])"]
        strace = ["strace", "-f", "-qq", "-e", traced, "-o", str(log), *main]
        ran = subprocess.run(strace, cwd=directory, env=_env(), capture_output=True, text=True)
        if "PTRACE" in ran.stderr:
            pytest.skip(f"strace may not trace here: {ran.stderr}")
        assert ran.returncode == 0, ran.stderr
        words = [line.split(maxsplit=1)[1].partition("(")[0] for line in log.read_text().splitlines()]
        looks[size] = sum("stat" in word for word in words)
        others[size] = len(words) - looks[size]
        assert "execve" in words
        assert {"write", "fsync", "fdatasync", "clone", "clone3", "fork", "vfork"}.isdisjoint(words)
    assert (looks[200] - looks[20]) * 20 == (looks[40] - looks[20]) * 180
    assert len(set(others.values())) == 1


def test_modules(projects: Mapping[int, Path]) -> None:
    modules = _python(projects[20], IMPORTED).split()
    assert [name for name in modules if name.partition(".")[0] == "ckptflow"] == OWN.split()
    assert len(modules) <= MOST


def _python(directory: Path, code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], cwd=directory, env=_env(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _env() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_")} | {"PYTHONPATH": str(ROOT)}
