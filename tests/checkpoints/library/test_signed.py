"""Pickles on URLs: what was signed with the key loads, what was changed, moved or signed otherwise is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import artifacts
from ckptflow.errors import CheckpointError, KeyUnusable

KEY = "0123456789abcdef-the-key"
DOCUMENT = "aml/model.artifact.json"


@pytest.fixture(params=["memory", "s3"])
def at(request, monkeypatch):
    """Return what makes managers of one URL, in a process that saved nothing there."""
    if request.param == "s3":
        bucket = request.getfixturevalue("moto_bucket")
        base, options = f"{bucket.url}/checkpoints", bucket.options
    else:
        base, options = f"memory://signed/{os.urandom(4).hex()}", {}
    monkeypatch.setattr(artifacts, "_saved_here", _Forgetful())
    monkeypatch.delenv("CKPTFLOW_KEY", raising=False)
    return lambda **given: CheckpointManager(base, **{"options": options, **given})


class _Forgetful(set):
    """As in another process: what was saved by this one is not known."""

    def add(self, element: object) -> None:
        pass


def refused(manager: CheckpointManager, name: str = "model") -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        manager.load("aml", name)
    assert "trust=True" in caught.value.hint or "again" in caught.value.hint
    assert KEY not in str(caught.value) + str(caught.value.hint)
    return caught.value


def test_what_was_signed_loads_with_the_key_alone(at, monkeypatch, tmp_path) -> None:
    at(key=KEY).save("aml", "model", [1, {2}], {"ü": "\ud800", "n": 1.5})
    assert at(key=KEY).load("aml", "model") == [1, {2}]
    assert at(key=KEY.encode()).load("aml", "model") == [1, {2}]
    (tmp_path / "key").write_text(f" {KEY}\n")
    assert at(key=tmp_path / "key").load("aml", "model") == [1, {2}]
    assert "is signed, but no key is set here" in refused(at()).message
    assert "another key" in refused(at(key="another key of 16 bytes")).message
    assert at(trust=True).load("aml", "model") == [1, {2}]
    monkeypatch.setenv("CKPTFLOW_KEY", KEY)
    assert at().load("aml", "model") == [1, {2}]
    at().save("aml", "model", [3])
    assert at(key=KEY).load("aml", "model") == [3]


def test_unsigned_ones_are_as_before(at) -> None:
    made = at().save("aml", "model", [1])
    at().save("aml", "table", pa.table({"a": [1]}))
    assert "sig" not in json.loads(at()._place.needed().get(DOCUMENT))
    assert "is not signed" in refused(at(key=KEY)).message
    assert "set CKPTFLOW_KEY" in refused(at()).hint
    assert at(trust=True).load("aml", "model") == [1]
    assert at(key=KEY).load("aml", "table").num_rows == 1 == at().load("aml", "table").num_rows
    assert at(key=KEY).describe("aml", "model") == made


@pytest.mark.parametrize("field", ["file", "digest", "bytes", "saved", "metadata", "sig", "new"])
def test_what_was_changed_is_refused(at, field) -> None:
    manager = at(key=KEY)
    manager.save("aml", "model", [1], {"a": 1})
    manager.save("aml", "other", [2] * 9)
    store = manager._place.needed()
    doc, other = (json.loads(store.get(f"aml/{name}.artifact.json")) for name in ("model", "other"))
    changed = {"metadata": {"a": 2}, "new": 1}.get(field, other.get(field))
    store.put(DOCUMENT, json.dumps(doc | {field: changed}).encode())
    assert "changed since" in refused(manager).message
    store.put(DOCUMENT, json.dumps(dict(reversed(doc.items()))).encode())  # the same, written otherwise
    assert manager.load("aml", "model") == [1]


def test_a_value_that_was_changed_is_refused(at) -> None:
    manager = at(key=KEY)
    made = manager.save("aml", "model", [1])
    manager._place.needed().put(f"aml/{made.file}", b"cos\nsystem\n(S'true'\ntR.")
    assert "damaged" in refused(manager).message


def test_what_was_moved_is_refused(at) -> None:
    manager = at(key=KEY)
    made = manager.save("aml", "old", [1])
    store = manager._place.needed()
    doc = json.loads(store.get("aml/old.artifact.json"))
    store.put(DOCUMENT, json.dumps(doc).encode())
    assert "cannot be told from old of aml" in refused(manager).message
    store.put(DOCUMENT, json.dumps(doc | {"name": "model"}).encode())
    assert "changed since" in refused(manager).message
    store.put("more/old.artifact.json", json.dumps(doc | {"dataset": "more"}).encode())
    store.put(f"more/{made.file}", store.get(f"aml/{made.file}"))
    with pytest.raises(CheckpointError, match="changed since"):
        manager.load("more", "old")


def test_a_key_that_is_none(tmp_path, monkeypatch) -> None:
    for key in ("short", b"short", tmp_path / "none", Path("~/no/such/key")):
        with pytest.raises(KeyUnusable) as caught:
            CheckpointManager(tmp_path, key=key)
        assert "secrets.token_hex" in caught.value.hint
    monkeypatch.setenv("CKPTFLOW_KEY", "short")
    with pytest.raises(KeyUnusable, match="CKPTFLOW_KEY"):
        CheckpointManager(tmp_path)
    assert KEY not in repr(CheckpointManager(tmp_path, key=KEY).__dict__)


def test_a_folder_that_is_sent_to_a_url_is_signed_already(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(artifacts, "_saved_here", _Forgetful())
    CheckpointManager(tmp_path, key=KEY).save("aml", "model", [1])
    base = f"memory://signed/{os.urandom(4).hex()}"
    there = CheckpointManager(base, key=KEY)
    store = there._place.store(create=True)
    for path in (tmp_path / "aml").iterdir():
        store.put(f"aml/{path.name}", path.read_bytes())
    assert there.load("aml", "model") == [1]
    with pytest.raises(CheckpointError, match="no key"):
        CheckpointManager(base).load("aml", "model")


def test_artifacts_of_the_first_version(local, tmp_path) -> None:
    """As they stood before there were signatures."""
    made = local.save("aml", "model", [1])
    doc = {
        "dataset": "aml",
        "name": "model",
        "file": made.file,
        "kind": "pickle",
        "digest": made.digest,
        "bytes": made.bytes,
        "saved": made.saved,
        "metadata": {},
        "version": "1.0",
    }
    (tmp_path / "checkpoints" / DOCUMENT).write_text(json.dumps(doc))
    assert CheckpointManager(tmp_path / "checkpoints", key=KEY).load("aml", "model") == [1]
