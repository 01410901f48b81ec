"""The example that `init` writes, run as a user would: the wire is connected from the command line to the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("with a space") / "my project"
    assert ckptflow(root.parent, "init", str(root)).returncode == 0
    ran = ckptflow(root, "repro", "-j", "1")
    assert ran.returncode == 0, ran.stderr
    return root


def ckptflow(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ckptflow.cli.main", *args]
    return subprocess.run(command, cwd=root, env=env, text=True, capture_output=True, check=False)


def document(root: Path, *args: str) -> Any:
    return json.loads(ckptflow(root, *args, "--json").stdout)


def test_it_made_its_outs(example: Path) -> None:
    shown = document(example, "show", "customers", "-n", "1")
    assert (shown["rows"], shown["chunks"] > 4, len(shown["preview"])) == (500, True, 1)
    assert (example / "data" / "orders.parquet").is_file() and (example / "data" / "customers.parquet").is_dir()


def test_a_second_run_has_nothing_to_do(example: Path) -> None:
    ran = ckptflow(example, "repro")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "Nothing to do: 2 stages are up to date." in ran.stderr
    assert ckptflow(example, "status", "-q").returncode == 0


def test_a_new_row_makes_few_chunks_stale(example: Path) -> None:
    orders = example / "data" / "orders.csv"
    text = orders.read_text()
    try:
        orders.write_text(text + "5001,C0007,12.50\n")
        assert ckptflow(example, "status", "-q").returncode == 10
        assert "raw" in ckptflow(example, "why", "load").stdout
        stages = {s["stage"]: s for s in document(example, "repro", "-j", "1")["stages"]}
        assert stages["customers"]["chunks"]["ran"] in (1, 2)
        assert stages["customers"]["chunks"]["reused"] > 4
    finally:
        orders.write_text(text)
        assert ckptflow(example, "repro", "-j", "1").returncode == 0


def test_git_ignores_what_can_be_made_again(example: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=example, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=example, text=True, capture_output=True, check=True
    ).stdout.split()
    assert sorted(set(listed) - {".ckptflow/.gitignore"}) == [
        ".ckptflow/config.yaml",
        ".ckptflow/pipeline.schema.json",
        ".gitignore",
        "data/orders.csv",
        "params.yaml",
        "pipeline.lock",
        "pipeline.yaml",
        "stages.py",
    ]
