"""The emulators come up, where they are installed, and what they are found to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from . import emulators

AZURE = """
import sys, obstore
from obstore.exceptions import AlreadyExistsError
store = obstore.store.AzureStore(sys.argv[1])
obstore.put(store, "some/key", b"1", mode="create")
try:
    obstore.put(store, "some/key", b"2", mode="create")
except AlreadyExistsError:
    print(obstore.get(store, "some/key").bytes().to_bytes(), [m["path"] for m in obstore.list(store).collect()])
"""


def test_azurite_knows_conditions(azurite_bucket):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AZURE_")}
    ended = subprocess.run(
        [sys.executable, "-c", AZURE, azurite_bucket.name],
        env={**clean, **azurite_bucket.env}, capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.stdout, ended.returncode) == ("b'1' ['some/key']\n", 0), ended.stderr


def test_the_stub_of_google_knows_none(gcs_server, gcs_bucket):
    for number in range(2):
        path = f"/upload/storage/v1/b/{gcs_bucket.name}/o?uploadType=media&name=some/key&ifGenerationMatch=0"
        gcs_server.ask("POST", path, b"%d" % number)
    (item,) = gcs_server.ask("GET", f"/storage/v1/b/{gcs_bucket.name}/o")["items"]
    assert item["name"] == "some/key"
    assert gcs_server.ask("GET", f"/storage/v1/b/{gcs_bucket.name}/o/some%2Fkey?alt=media") == 1


@pytest.mark.parametrize("find", [("AZURITE", "find_azurite"), ("GCS_EMULATOR", "find_gcs")])
def test_an_emulator_is_found_by_name_or_not_at_all(find, monkeypatch, tmp_path):
    variable, function = find
    monkeypatch.setattr(emulators, "INSTALLED", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    assert getattr(emulators, function)() is None
    monkeypatch.setenv(variable, "/some/program")
    assert getattr(emulators, function)() == "/some/program"
