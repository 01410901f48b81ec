"""Data sets with names of every length and script: found again, told apart, listed."""

from __future__ import annotations

import pyarrow as pa
import pytest

LONG = "Common Voice 17.0 / th / " + "ก" * 60
LONGER = LONG + " again"


def work(manager, name: str, items=range(3)) -> None:
    with manager.track(name, items=2) as run:
        for item in run.remaining(items):
            run.done(item)


def test_long_names_are_listed(make) -> None:
    manager = make()
    work(manager, LONG)
    manager.save(LONGER, "step", pa.table({"a": [1]}))
    work(manager, "short")
    again = make()
    assert again.datasets() == sorted([LONG, LONGER, "short"])
    assert {c.dataset for c in again.list()} == {LONG, "short"}
    assert again.validate() == []
    found = again.latest(LONG)
    assert found is not None and again.find(found.checkpoint_id) == found
    assert again.validate(LONG) == [] and again.prune(keep=1)
    assert len(again.list(LONG)) == 1 and again.load(LONGER, "step").num_rows == 1


@pytest.mark.parametrize("left", ["*.json", "*.journal"])
def test_any_document_tells_the_name(local, tmp_path, left) -> None:
    work(local, LONG)
    (folder,) = [path for path in (tmp_path / "checkpoints").iterdir() if path.name != "_locks"]
    assert "~" in folder.name
    kept = set(folder.glob(left))
    for path in [path for path in folder.iterdir() if path not in kept]:
        path.unlink()
    assert local.datasets() == [LONG]


def test_what_tells_another_name_is_not_believed(local, tmp_path) -> None:
    work(local, LONG)
    (folder,) = [path for path in (tmp_path / "checkpoints").iterdir() if path.name != "_locks"]
    for path in folder.iterdir():
        data = path.read_bytes() if path.exists() else b""
        path.unlink()
        path.write_bytes(data.replace(LONG[:12].encode(), b"Another one!"))
    (folder / "noise.json").write_bytes(b"\xff{")
    (folder / "list.json").write_bytes(b"[1]")
    assert local.datasets() == []
