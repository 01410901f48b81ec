from __future__ import annotations

import pytest

from ckptflow.errors import SpecError
from ckptflow.workspace.remotes import Remote
from ckptflow.workspace.settings import available_cpus, config_paths, load_settings


@pytest.fixture
def env(tmp_path):
    return {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path / "home")}


def test_defaults(tmp_path, env):
    settings = load_settings(tmp_path, env)
    assert settings.store == ".ckptflow/store"
    assert settings.workers == available_cpus() >= 1
    assert settings.lock_timeout is None
    assert settings.origin == {}


def test_precedence_and_origin(tmp_path, env, write):
    layers = [
        lambda: write("xdg/ckptflow/config.yaml", "jobs: 1"),
        lambda: write(".ckptflow/config.yaml", "jobs: 2"),
        lambda: write(".ckptflow/config.local.yaml", "jobs: 3"),
        lambda: env.update(CKPTFLOW_JOBS="4"),
    ]
    origins = ["xdg/ckptflow/config.yaml", ".ckptflow/config.yaml", "config.local.yaml", "(CKPTFLOW_JOBS)"]
    for number, (layer, origin) in enumerate(zip(layers, origins, strict=True), 1):
        layer()
        settings = load_settings(tmp_path, env)
        assert settings.jobs == settings.workers == number
        assert origin in settings.origin["jobs"]
    settings = load_settings(tmp_path, env, {"jobs": "5", "executor": None})
    assert (settings.jobs, settings.origin["jobs"]) == (5, "command line")


def test_without_xdg_the_home_counts(tmp_path, env):
    del env["XDG_CONFIG_HOME"]
    assert config_paths(tmp_path, env)[-1] == tmp_path / "home/.config/ckptflow/config.yaml"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("durability: off", "durability", "off"),
        ("durability: strict", "durability", "strict"),
        ("link: copy", "link", ("copy",)),
        ("link: hardlink, copy", "link", ("hardlink", "copy")),
        ("link: [symlink, copy]", "link", ("symlink", "copy")),
        ("lock_timeout: none", "lock_timeout", None),
        ("lock_timeout: 2.5", "lock_timeout", 2.5),
        ("grace: 5", "grace", 5.0),
        ("store: /elsewhere", "store", "/elsewhere"),
        ("remotes: {}", "remotes", {}),
        ("remotes:", "remotes", {}),
        ("remotes: {a: s3://b/c}", "remotes", {"a": Remote("s3://b/c")}),
        ("remotes: {a: {url: /mnt/a, options: {x: 1}}}\nremote: a", "remote", "a"),
        ("", "jobs", 0),
    ],
)
def test_values(tmp_path, env, write, text, name, value):
    write(".ckptflow/config.yaml", text)
    assert getattr(load_settings(tmp_path, env), name) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jbos: 3", "unknown setting `jbos`"),
        ("3: 4", "unknown setting `3`"),
        ("jobs: -1", "must not be negative"),
        ("jobs: many", "jobs"),
        ("jobs: [1]", "jobs"),
        ("jobs: 1.5", "jobs"),
        ("jobs: true", "jobs"),
        ("grace: -1", "must not be negative"),
        ("grace: .nan", "grace"),
        ("lock_timeout: soon", "lock_timeout"),
        ("durability: sometimes", "must be one of batch, strict, off"),
        ("executor: dask", "must be one of local"),
        ("link: 3", "link"),
        ("link: []", "link"),
        ("link: [reflink, teleport]", "must be one of reflink"),
        ("store: ''", "must be text"),
        ("store: [a]", "must be text"),
        ("remotes: [a]", "must be a mapping of names to remotes, is a list"),
        ("remotes: {a: {}}", "remote `a` has no `url`"),
        ("remotes: {a: {url: x, uri: y}}", "unknown key `uri`"),
        ("remotes: {a: {url: x, options: [y]}}", "must be a mapping"),
        ("remotes: {a: 3}", "remote `a` must be"),
        ("remotes: {a b: x}", "`a b` is no name"),
        ("remote: b", "there is no remote `b`"),
        ("[1, 2]", "must be a mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_mistakes(tmp_path, env, write, text, words):
    write(".ckptflow/config.yaml", text)
    with pytest.raises(SpecError) as error:
        load_settings(tmp_path, env)
    (problem,) = error.value.problems
    assert words in problem.message
    assert problem.place.file.endswith("config.yaml")
    unknown, unreadable = words.startswith("unknown setting"), text in ("[1, 2]", "a: [")
    assert problem.code == ("CF080" if unknown else "CF082" if unreadable else "CF081")


def test_a_remote_may_be_spread_over_files(tmp_path, env, write):
    write(".ckptflow/config.yaml", "remotes: {a: {url: s3://b, options: {x: {y: 1}}}, c: /d}\nremote: c")
    write(".ckptflow/config.local.yaml", "remotes: {a: {options: {x: {z: secret}, k: 2}}}\nremote: a")
    settings = load_settings(tmp_path, env)
    assert settings.remotes == {"a": Remote("s3://b", {"x": {"y": 1, "z": "secret"}, "k": 2}), "c": Remote("/d")}
    assert settings.remote == "a"
    assert "secret" not in repr(settings) and "secret" not in str(settings.remotes["a"])


def test_all_mistakes_at_once(tmp_path, env, write):
    write(".ckptflow/config.yaml", "jbos: 3\njobs: x")
    write(".ckptflow/config.local.yaml", "grace: x")
    env["CKPTFLOW_LINK"] = "teleport"
    with pytest.raises(SpecError) as error:
        load_settings(tmp_path, env)
    assert len(error.value.problems) == 4
    assert error.value.problems[0].hint == "did you mean `jobs`?"


@pytest.mark.parametrize(
    "text",
    [
        "remotes: {a: {url: /x, options: {secret: hidden}}",
        "remotes:\n  a: {url: /x}\n   secret: hidden",
        "secret: 'hidden",
        "remotes: [{url: 's3://u:hidden@b'}]",
        "remotes: {a: {url: /x, options: [hidden]}}",
        "remotes: {a: [hidden]}",
    ],
)
@pytest.mark.parametrize("in_c", [True, False])
def test_mistakes_show_nothing_of_what_may_be_a_password(tmp_path, env, write, monkeypatch, text, in_c):
    if not in_c:
        monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    write(".ckptflow/config.local.yaml", text)
    with pytest.raises(SpecError) as caught:
        load_settings(tmp_path, env)
    assert "hidden" not in f"{caught.value} {caught.value.problems!r}"


def test_texts_may_take_the_place_of_files(tmp_path, env, write):
    path = write(".ckptflow/config.yaml", "jobs: 1")
    local = path.with_name("config.local.yaml")
    assert load_settings(tmp_path, env, None, {path: "jobs: 2"}).jobs == 2
    assert load_settings(tmp_path, env, None, {path: "jobs: 2", local: "jobs: 3"}).jobs == 3
    assert load_settings(tmp_path, env).jobs == 1


def test_a_store_that_is_a_url_is_a_remote_in_sync(tmp_path):
    settings = load_settings(tmp_path, {"CKPTFLOW_STORE": "s3://user:word@bucket/at"})
    assert settings.far
    assert settings.shares
    assert settings.store == "s3://bucket/at"
    assert settings.local_store == ".ckptflow/store"
    assert settings.remotes["store"].url == "s3://user:word@bucket/at"


def test_a_far_store_has_options(tmp_path):
    (tmp_path / ".ckptflow").mkdir()
    (tmp_path / ".ckptflow" / "config.yaml").write_text("store: {url: s3://b/p, options: {key: k}, trust: true}\n")
    settings = load_settings(tmp_path, {})
    assert settings.remotes["store"].options == {"key": "k"}
    assert settings.remotes["store"].trust


@pytest.mark.parametrize(
    "text", ["store: {options: {}}", "store: s3://b/p\nremotes: {store: s3://c}", "sync: sometimes"]
)
def test_what_cannot_be_a_far_store_is_refused(tmp_path, text):
    (tmp_path / ".ckptflow").mkdir()
    (tmp_path / ".ckptflow" / "config.yaml").write_text(text)
    with pytest.raises(SpecError):
        load_settings(tmp_path, {})


def test_a_path_is_a_local_store(tmp_path):
    settings = load_settings(tmp_path, {"CKPTFLOW_STORE": "/mnt/shared/store"})
    assert not settings.far
    assert not settings.shares
    assert settings.local_store == "/mnt/shared/store"
