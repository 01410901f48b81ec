"""The room costs nothing until a name of the library is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ckptflow.checkpoints


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_room_imports_nothing() -> None:
    loaded = modules_after("import ckptflow.checkpoints")
    assert {name for name in loaded if name.startswith("ckptflow")} == {"ckptflow", "ckptflow.checkpoints"}


def test_a_local_manager_needs_no_heavy_library() -> None:
    code = "from ckptflow.checkpoints import CheckpointManager; CheckpointManager('x').latest('d')"
    assert modules_after(code) & {"pyarrow", "fsspec", "obstore", "pandas", "asyncio", "numpy"} == set()


def test_names_are_there() -> None:
    assert set(ckptflow.checkpoints.__all__) <= set(dir(ckptflow.checkpoints))
    for name in ckptflow.checkpoints.__all__:
        assert getattr(ckptflow.checkpoints, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = ckptflow.checkpoints.nothing
