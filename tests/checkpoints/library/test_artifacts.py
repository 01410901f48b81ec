"""What `save` keeps comes back as it was, whole or not at all."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import artifacts
from ckptflow.errors import CheckpointError

RECORDS = {f"ACC{n}": {"sum": n / 7, "count": n, "name": str(n) if n % 2 else None} for n in range(1000)}


@pytest.mark.parametrize(
    ("value", "suffix"),
    [
        (pa.table({"a": [1, 2], "b": ["x", None]}), ".parquet"),
        (pd.DataFrame({"a": [1.5, math.nan]}, index=["x", "y"]), ".parquet"),
        (pl.DataFrame({"a": [1, None]}), ".parquet"),
        (RECORDS, ".parquet"),
        ({"model": [1, 2], "nested": {"a": (1, 2)}}, ".pkl"),
        (None, ".pkl"),
    ],
    ids=["arrow", "pandas", "polars", "records", "pickle", "none"],
)
def test_values_come_back(make, value, suffix) -> None:
    manager = make()
    made = manager.save("aml", "step", value, {"rows": 2})
    assert made.file.endswith(suffix) and made.metadata == {"rows": 2}
    again = make(trust=True).load("aml", "step")
    assert type(again) is type(value)
    if hasattr(value, "equals"):
        assert again.equals(value)
    else:
        assert again == value and list(again or ()) == list(value or ())
    assert manager.describe("aml", "step") == made and manager.saved("aml") == [made]


def test_a_new_value_takes_the_place_of_the_old(make) -> None:
    manager = make()
    for value in ({"a": {"x": 1}}, [1, 2], {"b": {"x": 2.5}}):
        manager.save("aml", "step", value)
        assert manager.load("aml", "step") == value
        names = [e.name for e in manager._place.needed().list("aml/")]
        assert len(names) == 2 and "aml/step.artifact.json" in names


def test_parquet_is_for_everybody(local, tmp_path) -> None:
    made = local.save("aml", "features", RECORDS)
    table = pq.read_table(tmp_path / "checkpoints" / "aml" / made.file)
    assert table.column_names == ["key", "sum", "count", "name"]
    assert table["key"][3].as_py() == "ACC3" and table["name"][2].as_py() is None


def test_what_is_not_there_is_an_error_that_names_what_is(manager) -> None:
    with pytest.raises(CheckpointError, match="there is no step"):
        manager.load("aml", "step")
    manager.save("aml", "graph", 1)
    with pytest.raises(CheckpointError) as caught:
        manager.load("aml", "step")
    assert caught.value.hint == "there are graph"


def test_a_damaged_value_is_an_error_and_is_reported(local, tmp_path) -> None:
    made = local.save("aml", "step", RECORDS)
    path = tmp_path / "checkpoints" / "aml" / made.file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        local.load("aml", "step")
    (problem,) = local.validate("aml")
    assert "damaged" in problem.problem and problem.remedy == "save `step` again"
    path.unlink()
    with pytest.raises(CheckpointError, match="is gone"):
        local.load("aml", "step")


def test_pickles_from_elsewhere_need_trust(make, monkeypatch) -> None:
    manager = make()
    manager.save("aml", "model", [1])
    assert manager.load("aml", "model") == [1]  # this process made it
    monkeypatch.setattr(artifacts, "_saved_here", set())
    if manager._place.is_local:
        assert manager.load("aml", "model") == [1]
    else:
        with pytest.raises(CheckpointError, match="is a pickle") as caught:
            manager.load("aml", "model")
        assert "trust=True" in caught.value.hint
        assert make(trust=True).load("aml", "model") == [1]
    manager.save("aml", "table", pa.table({"a": [1]}))
    monkeypatch.setattr(artifacts, "_saved_here", set())
    assert manager.load("aml", "table").num_rows == 1


def test_a_value_is_whole_however_a_save_ends(local, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "checkpoints" / "aml"
    local.save("aml", "step", [1])
    for bad in (lambda: None, {"a": lambda: None}):
        with pytest.raises(CheckpointError, match="cannot be saved"):
            local.save("aml", "step", bad)
    with pytest.raises(CheckpointError, match="metadata"):
        local.save("aml", "step", [2], {"x": object()})
    assert len(list(folder.iterdir())) == 2

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr("ckptflow.store.local.LocalStore.put", die)  # the document that would name it
    with pytest.raises(Killed):
        local.save("aml", "step", [2])
    monkeypatch.undo()
    assert local.load("aml", "step") == [1]
    assert len(local.prune("aml")) == 1 and local.load("aml", "step") == [1]


def test_a_document_that_points_elsewhere_is_refused(local, tmp_path) -> None:
    local.save("aml", "step", [1])
    path = tmp_path / "checkpoints" / "aml" / "step.artifact.json"
    doc = json.loads(path.read_text())
    path.write_text(json.dumps(doc | {"file": "../../../etc/passwd"}))
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        local.load("aml", "step")
    path.write_text("{")
    with pytest.raises(CheckpointError, match="there is no step"):
        local.load("aml", "step")


def test_numpy_scalars_keep_their_type(local) -> None:
    value = {("a", 1): {"x": np.float64(0.1), "y": np.int32(3), "z": np.bool_(True)}, ("b", 2): {"x": 1, "y": None}}
    local.save("aml", "step", value)
    again = local.load("aml", "step")
    assert again == value and local.describe("aml", "step").kind == "records"
    assert [type(v) for row in again.values() for v in row.values()] == [
        type(v) for row in value.values() for v in row.values()
    ]


def test_a_manager_says_where_it_is() -> None:
    manager = CheckpointManager("s3://user:secret@bucket/checkpoints", options={"key": "k", "secret": "topsecret"})
    assert repr(manager) == "CheckpointManager('s3://bucket/checkpoints', keep=10)"
