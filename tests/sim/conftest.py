"""The modules of this directory that hold no tests (`sim_*.py`) can be imported by those that do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def rounds() -> int:
    """How many times as long as by default to search: CKPTFLOW_SIM_ROUNDS."""
    return max(1, int(os.environ.get("CKPTFLOW_SIM_ROUNDS", "1")))
