"""The same projects under DVC and under ckptflow, side by side. Without DVC the tests skip; `.ci/run` installs it.

The modules of this directory that hold no tests (`twins_*.py`) can be imported by those that do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from twins_program import Program, ckptflow, dvc, find_dvc
from twins_project import Twin


@pytest.fixture(scope="session")
def dvc_program() -> Iterator[Program]:
    python, why = find_dvc()
    if python is None:
        pytest.skip(why)
    program = dvc(python)
    yield program
    program.close()


@pytest.fixture(scope="session")
def our_program() -> Iterator[Program]:
    program = ckptflow()
    yield program
    program.close()


@pytest.fixture
def twins(dvc_program: Program, our_program: Program, tmp_path: Path) -> tuple[Twin, Twin]:
    """DVC's project and ckptflow's, both empty."""
    return Twin.made("dvc", dvc_program, tmp_path / "dvc"), Twin.made("ckptflow", our_program, tmp_path / "ckptflow")
