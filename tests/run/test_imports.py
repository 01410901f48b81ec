"""What a worker imports is paid for by every worker of every run."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"numpy", "pyarrow", "pandas", "yaml", "click", "rich", "sqlite3", "fsspec", "subprocess", "shutil"}
HEAVY |= {"dataclasses", "inspect", "tempfile", "obstore", "stamina", "asyncio"}
ROOMS = {"ckptflow.spec", "ckptflow.plan", "ckptflow.engine", "ckptflow.checkpoints", "ckptflow.fingerprint"}


def loaded(*statements: str) -> set[str]:
    """Return the modules that a fresh interpreter has after these statements."""
    code = "; ".join((*statements, "import sys; print(*sys.modules)"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_worker_of_commands_imports_nothing_heavy():
    found = loaded("import ckptflow.run.worker")
    assert found & (HEAVY | ROOMS) == set()
