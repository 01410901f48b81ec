from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckptflow.project import Project
from ckptflow.store.buckets import opening
from tests.engine.transfer.world import CONFIG, PIPELINE, STAGES, Counted, Made


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Counted:
    one = Counted()
    monkeypatch.setattr(opening, "open_bucket", lambda *args, **kwargs: one)
    return one


@pytest.fixture
def make(tmp_path: Path, bucket: Counted, write_files: Any, open_project: Any) -> Made:
    def make(name: str, pipeline: str = PIPELINE, rows: int = 50, config: str = CONFIG) -> Project:
        files = {
            "pipeline.yaml": pipeline,
            "work.py": STAGES,
            "rows.csv": "x\n" + "".join(f"{i}\n" for i in range(rows)),
            ".ckptflow/config.yaml": config,
        }
        write_files(tmp_path / name, files)
        return open_project(tmp_path / name)

    return make
