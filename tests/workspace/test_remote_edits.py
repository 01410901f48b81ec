"""Edits of the configuration's remotes: what goes to which file, and that all other lines stay."""

from __future__ import annotations

import pytest
import yaml

from ckptflow.errors import UsageError
from ckptflow.spec.edit.edition import Edition
from ckptflow.workspace.remote_edits import (
    Configs,
    Wish,
    add,
    assign,
    choose,
    parse_option,
    parse_setting,
    remove,
    unchoose,
    wishes_of,
)

SHARED = """\
# for all of us
jobs: 4          # not more

remotes:
  # the fast one
  storage:
    url: 's3://bucket/path'   # since 2026
    options: {endpoint_url: "https://host:9000", region: eu}
  backup: /mnt/backup
remote: storage  # the usual
"""


def configs(shared: str = SHARED, local: str = "") -> Configs:
    return Configs(Edition.begin("config.yaml", shared), Edition.begin("local.yaml", local))


def texts(found: Configs) -> tuple[str, str]:
    for edition in (found.shared, found.local):
        edition.check_data()
    return found.shared.text, found.local.text


def sets(found: Configs, name: str, *assignments: str, local: bool = False) -> Configs:
    for text in assignments:
        for wish in parse_setting(text):
            found = assign(found, name, wish, local=local)
    return found


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_new_remote_is_written_in_lines() -> None:
    wishes = [Wish(("url",), "s3://b/c"), *wishes_of("region", "eu"), Wish(("trust",), True)]
    shared, local = texts(add(configs("jobs: 4\n"), "new", wishes, default=True, local=False))
    expected = (
        "jobs: 4\n\nremotes:\n  new:\n    url: s3://b/c\n    options: {region: eu}\n    trust: true\nremote: new\n"
    )
    assert (shared, local) == (expected, "")


def test_a_new_remote_beside_others() -> None:
    shared, local = texts(add(configs(), "new", [Wish(("url",), "s3://b/c")], default=False, local=False))
    assert changed_lines(SHARED, shared) == ([], ["  new:", "    url: s3://b/c"])
    assert local == ""


def test_credentials_go_to_this_machine_alone() -> None:
    wishes = [Wish(("url",), "s3://b/c"), *wishes_of("secret", "x"), *wishes_of("region", "eu")]
    found = add(configs(), "new", wishes, default=False, local=False)
    shared, local = texts(found)
    assert yaml.safe_load(shared)["remotes"]["new"] == {"url": "s3://b/c", "options": {"region": "eu"}}
    assert yaml.safe_load(local) == {"remotes": {"new": {"options": {"secret": "x"}}}}
    assert found.has_secrets
    assert found.notes == ("`options.secret` holds what looks like a credential: it is kept in local.yaml, not in git",)


@pytest.mark.parametrize(
    ("url", "local"), [("s3://b/c", True), ("https://u:p@host/c", False), ("http://h/?s=1", False)]
)
def test_a_remote_of_this_machine_leaves_nothing_in_the_repository(url, local) -> None:
    wishes = [Wish(("url",), url), *wishes_of("region", "eu"), Wish(("trust",), True)]
    found = add(configs(), "new", wishes, default=True, local=local)
    shared, text = texts(found)
    assert shared == SHARED
    assert yaml.safe_load(text) == {
        "remotes": {"new": {"url": url, "options": {"region": "eu"}, "trust": True}},
        "remote": "new",
    }
    assert bool(found.notes) is not local


def test_values_are_set_where_they_stand() -> None:
    shared, local = texts(sets(configs(), "storage", "url=gs://other", "options.region=us", "options.anon=true"))
    gone, came = changed_lines(SHARED, shared)
    assert gone == [
        "    url: 's3://bucket/path'   # since 2026",
        '    options: {endpoint_url: "https://host:9000", region: eu}',
    ]
    assert came == [
        "    url: gs://other   # since 2026",
        '    options: {endpoint_url: "https://host:9000", region: us, anon: true}',
    ]
    assert local == ""


def test_the_same_value_changes_nothing() -> None:
    found = sets(configs(), "storage", "options.region=eu", "url=s3://bucket/path")
    assert texts(found) == (SHARED, "")
    assert texts(choose(found, "storage", local=False)) == (SHARED, "")


def test_the_short_form_becomes_a_mapping_when_it_must() -> None:
    shared, _ = texts(sets(configs(), "backup", "url=/mnt/other"))
    assert changed_lines(SHARED, shared) == (["  backup: /mnt/backup"], ["  backup: /mnt/other"])
    shared, _ = texts(sets(configs(), "backup", "trust=true"))
    assert yaml.safe_load(shared)["remotes"]["backup"] == {"url": "/mnt/backup", "trust": True}
    assert "# the fast one" in shared and "# the usual" in shared


def test_what_this_machine_has_is_set_there_since_it_counts() -> None:
    own = "remotes: {storage: {url: /mnt/near, options: {region: own}}}\nremote: backup\n"
    found = sets(configs(local=own), "storage", "url=/mnt/nearer", "options.region=mine", "options.anon=true")
    shared, local = texts(choose(found, "storage", local=False))
    assert yaml.safe_load(local) == {
        "remotes": {"storage": {"url": "/mnt/nearer", "options": {"region": "mine"}}},
        "remote": "storage",
    }
    assert changed_lines(SHARED, shared)[1] == [
        '    options: {endpoint_url: "https://host:9000", region: eu, anon: true}'
    ]


def test_what_belongs_to_a_remote_of_this_machine_stays_with_it() -> None:
    found = choose(sets(configs(local="remotes: {own: /mnt/own}\n"), "own", "trust=true"), "own", local=False)
    shared, local = texts(found)
    assert shared == SHARED
    assert yaml.safe_load(local) == {"remotes": {"own": {"url": "/mnt/own", "trust": True}}, "remote": "own"}


def test_on_request_a_value_is_for_this_machine() -> None:
    shared, local = texts(sets(configs(), "storage", "trust=true", local=True))
    assert (shared, yaml.safe_load(local)) == (SHARED, {"remotes": {"storage": {"trust": True}}})


def test_a_credential_that_stood_in_the_repository_goes_and_is_told_of() -> None:
    before = SHARED.replace("region: eu", "secret: old")
    found = sets(configs(before), "storage", "options.secret=new")
    shared, local = texts(found)
    assert "secret" not in shared
    assert yaml.safe_load(local)["remotes"]["storage"]["options"] == {"secret": "new"}
    assert "`options.secret` was in config.yaml: if that was committed, replace it" in found.notes


def test_values_are_taken_away_with_what_becomes_empty() -> None:
    own = "# mine\nremotes:\n  storage:\n    options: {secret: x}\njobs: 2\n"
    found = sets(configs(local=own), "storage", "options.region=", "options.endpoint_url=", "options.secret=")
    shared, local = texts(found)
    assert yaml.safe_load(shared)["remotes"]["storage"] == {"url": "s3://bucket/path"}
    assert local == "# mine\nremotes: {}\njobs: 2\n"
    with pytest.raises(UsageError, match=r"remote `storage` has no `options\.region`"):
        sets(found, "storage", "options.region=")


def test_all_options_at_once() -> None:
    shared, _ = texts(sets(configs(), "storage", "options="))
    assert yaml.safe_load(shared)["remotes"]["storage"] == {"url": "s3://bucket/path"}


def test_nothing_can_be_below_a_value() -> None:
    with pytest.raises(UsageError, match=r"`options\.region` of remote `storage` is a value"):
        sets(configs(), "storage", "options.region.x=1")


def test_an_empty_mapping_of_options_can_be_filled() -> None:
    shared, _ = texts(sets(configs("remotes:\n  a:\n    url: x\n    options:\n"), "a", "options.b.c=1"))
    assert yaml.safe_load(shared)["remotes"]["a"]["options"] == {"b": {"c": 1}}


def test_a_remote_goes_from_both_files() -> None:
    own = "remotes: {storage: {options: {secret: x}}}\nremote: storage\n"
    shared, local = texts(remove(configs(local=own), "storage"))
    assert changed_lines(SHARED, shared) == (
        [
            "  # the fast one",
            "  storage:",
            "    url: 's3://bucket/path'   # since 2026",
            '    options: {endpoint_url: "https://host:9000", region: eu}',
            "remote: storage  # the usual",
        ],
        [],
    )
    assert local == "remotes: {}\n"
    shared, _ = texts(remove(configs(shared), "backup"))
    assert shared == "# for all of us\njobs: 4          # not more\n\nremotes: {}\n"


def test_a_choice_alone_in_a_file_can_go() -> None:
    shared, local = texts(unchoose(configs(local="remote: storage\n"), "storage"))
    assert yaml.safe_load(local) == {"remotes": {}}
    assert "remote:" not in shared
    assert texts(unchoose(configs(), "backup")) == (SHARED, "")


def test_a_remote_of_the_user_is_not_ours_to_remove() -> None:
    with pytest.raises(UsageError, match="not in this project's configuration"):
        remove(configs(), "of-the-user")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("region=eu", "eu"),
        ("anon=true", True),
        ("port=22", 22),
        ("secret=00123", "00123"),
        ("client_kwargs.password=true", "true"),
        ("a.b=x=y", "x=y"),
        ("client_kwargs={verify: false}", {"verify": False}),
    ],
)
def test_options_as_they_are_typed(text, value) -> None:
    assert parse_option(text) == (text.partition("=")[0], value)


def test_a_mapping_is_taken_apart() -> None:
    wishes = wishes_of("client_kwargs", {"verify": False, "deep": {"token": "x"}})
    assert wishes == [
        Wish(("options", "client_kwargs", "verify"), False),
        Wish(("options", "client_kwargs", "deep", "token"), "x"),
    ]
    assert [wish.is_secret for wish in wishes] == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("region", "`region` is no key=value"),
        ("trust", "`trust` is no key=value"),
        ("url=", "cannot be without its URL"),
        ("trust=perhaps", "`trust` is true or false"),
        ("default=5", "`default` is true or false"),
        ("tust=true", "a remote has no `tust`"),
        ("region=eu", "a remote has no `region`"),
        ("options.=x", "a remote has no `options.`"),
        ("options.a..b=x", "`a..b` is no name of an option"),
        ("options=x", "a remote has no `options`"),
    ],
)
def test_settings_that_cannot_be(text, message) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setting(text)
    assert message in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("text", ["region", "region=", "=x", "a b=x", ".a=x"])
def test_options_that_cannot_be(text) -> None:
    with pytest.raises(UsageError):
        wishes_of(*parse_option(text))
