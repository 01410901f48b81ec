"""Which formats run code when they are loaded, and that the others do not, whatever is in the file."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress
from importlib import metadata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ckptflow.errors import CkptflowError
from ckptflow.formats import registry
from ckptflow.formats.forms import Form
from ckptflow.formats.registry import builtin_names, get_format, runs_code


def test_of_the_built_in_formats_pickle_runs_code() -> None:
    assert [name for name in builtin_names() if runs_code(name)] == ["pickle"]


class _Point:
    """An entry point that gives a format."""

    def __init__(self, found: object) -> None:
        self._found = found

    def load(self) -> object:
        return self._found


@pytest.mark.parametrize(("says", "found"), [({}, True), ({"runs_code": False}, False), ({"runs_code": True}, True)])
def test_a_format_from_elsewhere_runs_code_unless_it_says_otherwise(monkeypatch, says, found) -> None:
    own = type("Own", (), {"name": "own", "suffix": ".own", "tabular": False, **says})
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [_Point(own)])
    for cached in (registry.get_format, registry._may_run_code):
        cached.cache_clear()
    try:
        assert runs_code("own") is found
    finally:
        for cached in (registry.get_format, registry._may_run_code):
            cached.cache_clear()


def test_one_that_is_not_installed_is_not_trusted() -> None:
    assert runs_code("no-such-format")


class Mine:
    """What runs when it is unpickled leaves a mark."""

    ran = 0

    @classmethod
    def go(cls) -> None:
        cls.ran += 1

    def __reduce__(self) -> object:
        return Mine.go, ()


@pytest.fixture(autouse=True)
def nothing_ran_before() -> None:
    Mine.ran = 0


def test_a_pickle_does_run(tmp_path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(Mine()))
    get_format("pickle").read(path, Form.NATURAL)
    assert Mine.ran == 1


@pytest.mark.parametrize("name", [name for name in builtin_names() if not runs_code(name)])
@pytest.mark.parametrize("kind", ["pickle", "array of objects"])
def test_a_pickle_under_another_format_does_not(tmp_path, name, kind) -> None:
    path = tmp_path / f"x{get_format(name).suffix}"
    buffer = io.BytesIO()
    if kind == "pickle":
        pickle.dump(Mine(), buffer)
    else:
        np.save(buffer, np.array([Mine()], dtype=object), allow_pickle=True)
    path.write_bytes(buffer.getvalue())
    for form in Form:
        try:
            get_format(name).read(path, form)
        except (CkptflowError, ValueError):
            continue
    assert Mine.ran == 0


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_a_type_that_arrow_would_unpickle_does_not(tmp_path, name) -> None:
    """Before version 14.0.1 pyarrow unpickled what a schema named `arrow.py_extension_type`."""
    metadata_ = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Mine())}
    schema = pa.schema([pa.field("a", pa.int64(), metadata=metadata_)])
    table = pa.table({"a": [1]}, schema=schema)
    path = tmp_path / "x"
    if name == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, schema) as writer:
            writer.write_table(table)
    with suppress(CkptflowError, ValueError, TypeError):
        get_format(name).read(path, Form.NATURAL)
    assert Mine.ran == 0


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.pkl", True), ("a.PT", True), ("a/b.joblib.gz", True), ("a.pkl/b", False), ("a.gz", False), ("", False)],
)
def test_of_files_the_suffix_tells(path, found) -> None:
    assert runs_code("file", path) is found
    assert not runs_code("json", path), "a format reads in its own way, whatever the file is called"
