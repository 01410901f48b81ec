from __future__ import annotations

from pathlib import Path

from ckptflow.workspace.discover import PIPELINE_FILES, among, walk

PATHS = [
    *("dvc.yaml", "pipeline.yaml", "a/dvc.yaml", "a/b/pipeline.yaml", "a/other.yaml", ".hidden/dvc.yaml"),
    *("gone/dvc.yaml", "a/not/dvc.yaml", "venv/pyvenv.cfg", "venv/dvc.yaml", ".dvcignore", "a/.dvcignore"),
    *("node_modules/x/dvc.yaml", "own/.dvc/config", "own/dvc.yaml", "own/deep/dvc.yaml", ".dvc/config"),
]

TEXTS = {".dvcignore": "/gone\n", "a/.dvcignore": "not/\n"}


def test_what_is_found_among_paths_is_what_is_found_on_disk(tmp_path: Path) -> None:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(TEXTS.get(path, ""))
    found = among(PATHS, TEXTS.get)
    assert found == [(".", ("dvc.yaml", "pipeline.yaml")), ("a", ("dvc.yaml",)), ("a/b", ("pipeline.yaml",))]
    on_disk = [
        (directory, tuple(n for n in names if n in PIPELINE_FILES)) for directory, _, names in walk(str(tmp_path))
    ]
    assert sorted((d, n) for d, n in on_disk if n) == found
