"""What is promised, typed as a user types it: the example of the surface, three lines in a notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ckptflow.checkpoints import CheckpointManager

EXAMPLE = """
from ckptflow.checkpoints import CheckpointManager, auto_resume
manager = CheckpointManager("checkpoints", keep=10)
with manager.lock("GigaSpeech2", timeout=10), manager.track("GigaSpeech2", processor="gigaspeech2", total=1000, every="5m", items=1000) as run:
    for item in run.remaining(items, id=lambda f: f.name):     # skips what an earlier run did
        run.done(item, generated_id=...)                       # or run.failed(item, error) / run.skipped(item)
manager.save("aml", "node_features", table, {"num_accounts": 518581}); manager.load("aml", "node_features")
manager.list("aml"); manager.latest("GigaSpeech2"); manager.find("GigaSpeech2_20260601120000"); manager.validate(...); manager.prune(...)
"""  # noqa: E501 - as it stands
BEFORE = """
from pathlib import Path
import pyarrow as pa
items = [Path(f"audio/{n}.wav") for n in range(1000)]
table = pa.table({"account": ["a"], "sum": [1.5]})
"""
AFTER = """
assert manager.load("aml", "node_features").equals(table)
latest = manager.latest("GigaSpeech2")
print(latest.status.value, latest.processed_count, latest.last_generated_id, len(manager.list("GigaSpeech2")))
"""
DOTS = {  # for each, in order, what a user writes
    "generated_id=...": 'generated_id=run.next_id("S")',
    "validate(...)": 'validate("GigaSpeech2")',
    "prune(...)": 'prune("GigaSpeech2")',
}


def python(code: str, *args: str, cwd, env=None, text: str = "") -> str:
    """Run a program as another process does; return what it prints."""
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, *args, *(["-c", code] if code else [])]
    own = {**os.environ, **(env or {}), "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=cwd, env=own, input=text, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_the_example_as_it_stands(kind, tmp_path, request) -> None:
    code, env = EXAMPLE, {}
    for dots, written in DOTS.items():
        assert code.count(dots) == 1
        code = code.replace(dots, written)
    if kind == "s3":  # where the server is and who asks is told by the environment, as everywhere
        bucket = request.getfixturevalue("moto_bucket")
        code, env = code.replace('"checkpoints"', f'"{bucket.url}/checkpoints"'), bucket.env
    said = python(BEFORE + code + AFTER, cwd=tmp_path, env=env).split()
    assert said[:3] == ["completed", "1000", "S1000"] and int(said[3]) <= 10
    assert python(BEFORE + code + AFTER, cwd=tmp_path, env=env).split()[:3] == said[:3]
    assert (tmp_path / "checkpoints" / "GigaSpeech2" / "latest.json").exists() == (kind == "local")


LINES = """\
from ckptflow.checkpoints import CheckpointManager
with CheckpointManager().track("letters") as run:
    for letter in run.remaining("abc"): print("read", letter); run.done(letter)
"""


def test_three_lines_typed_into_an_interpreter(tmp_path) -> None:
    """There is no file that the code is from, and no `__main__` to import."""
    for wanted in ("abc", ""):
        said = python("", "-i", "-q", cwd=tmp_path, text=LINES + "\n").split()
        assert said == [word for letter in wanted for word in ("read", letter)]
    assert CheckpointManager(tmp_path / "checkpoints").latest("letters").status == "completed"


def test_three_lines_in_cells(tmp_path) -> None:
    """As a notebook runs cells: compiled one by one in one namespace, and again after a cell that broke off."""
    kernel = """
import json, sys, types
del sys.modules["__main__"].__dict__["__builtins__"]
cells, names = json.load(sys.stdin), {}
for number, cell in enumerate(cells):
    try:
        exec(compile(cell, f"<cell {number}>", "exec"), names)
    except KeyboardInterrupt:
        print("stopped")
"""
    head, rest = LINES.split("\n", 1)
    broken = rest.replace(
        "run.done(letter)", 'run.done(letter); "b" == letter and (_ for _ in ()).throw(KeyboardInterrupt)'
    )
    said = python(kernel, cwd=tmp_path, text=json.dumps([head, broken, rest, rest]))
    assert said.split() == ["read", "a", "read", "b", "stopped", "read", "c"]
