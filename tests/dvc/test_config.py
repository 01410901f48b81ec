from __future__ import annotations

import pytest
import yaml

from ckptflow.dvc.config import cache_folder, default_remote, read_config, remotes
from ckptflow.dvc.convert import old_stages, pipeline_of, settings_of, with_settings
from ckptflow.dvc.lock import read_tracked
from ckptflow.workspace.remotes import parse_remotes

SHARED = """\
[core]
    remote = Store
    analytics = false
# a comment
[cache]
dir = "../my cache"   # beside
['remote "Store"']
    url = s3://bucket/path
    endpointurl = https://host:9000
    region = eu
    access_key_id = KEY
    grant_read = x
    jobs = 4
['remote "disk"']
url = ../../disk
['remote "google"']
url = gs://b
credentialpath = key.json
[broken
"""
LOCAL = """\
['remote "Store"']
    profile = me
    secret_access_key = SECRET
['remote "mine"']
    url = ssh://me@host/path
    port = 2222
    password = PASS
"""
CONFIGS = {"config": read_config(SHARED), "config.local": read_config(LOCAL)}


def test_remotes_in_our_terms() -> None:
    disk, google, mine, store = sorted(remotes(CONFIGS, "../.dvc"), key=lambda r: r.name.lower())
    assert (disk.url, google.options, mine.secrets) == (
        "../../disk",
        {"token": "../.dvc/key.json"},
        {"port": 2222, "password": "PASS"},
    )
    assert store.name == "Store" == default_remote(CONFIGS)
    assert store.options == {"endpoint_url": "https://host:9000", "client_kwargs": {"region_name": "eu"}}
    assert store.secrets == {"key": "KEY", "profile": "me", "secret": "SECRET"}
    assert store.left_out == ("grant_read",)


def test_settings_are_those_we_read() -> None:
    shared, local = settings_of(remotes(CONFIGS, ".dvc"), default_remote(CONFIGS))
    assert "SECRET" not in str(shared) and "PASS" not in str(shared) and "KEY" not in str(shared)
    assert parse_remotes(shared["remotes"])["Store"].url == "s3://bucket/path"
    assert shared["remote"] == "Store" and local["remotes"]["mine"]["options"]["password"] == "PASS"
    assert settings_of([], None) == ({}, {})


def test_the_cache() -> None:
    assert cache_folder(CONFIGS, ".dvc") == "my cache"
    assert cache_folder({}, "/a/.dvc") == "/a/.dvc/cache"
    assert cache_folder({"config": read_config("[cache]\ndir = /x"), "config.local": {}}, ".dvc") == "/x"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "remote: a\n"),
        ("# only comments", "# only comments\nremote: a\n"),
        ("jobs: 2\n", "jobs: 2\nremote: a\n"),
        ("remote: a\njobs: 2", "remote: a\njobs: 2"),
        ("remote: b\n", None),
        ("{jobs: 2}\n", None),
        ("[1]", None),
        ("a: [", None),
    ],
)
def test_settings_are_added_at_the_end_or_not_at_all(text: str, after: str | None) -> None:
    assert with_settings(text, {"remote": "a"}) == after


def test_old_stages_get_names_of_their_own() -> None:
    text = "cmd: run ${X}\ndeps: [{path: in, md5: '1'}]\nouts: [{path: out, cache: false}]\nalways_changed: true\n"
    found = old_stages(read_tracked(file, text) for file in ("d/model.pkl.dvc", "d/model pkl.dvc", "d/é.dvc"))
    assert [stage.name for stage in found] == ["model-pkl", "model-pkl-2", "stage"]
    assert yaml.safe_load(pipeline_of(found[:1])) == {
        "stages": {
            "model-pkl": {
                "cmd": "run \\${X}",
                "deps": ["in"],
                "outs": [{"out": {"cache": False}}],
                "always_changed": True,
            }
        }
    }
    assert found[0].noted.cmd == ("run ${X}",)
