"""Pickles that another machine made are used where that machine, or all that is in the remote, is trusted."""

from __future__ import annotations

import pytest

from .machines import Machine, Origin

KEY, OTHER = "the key of the project, long " * 2, "the key of somebody else, long " * 2


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Origin:
    """A few chunks."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=3)


@pytest.mark.parametrize(
    ("theirs", "others"),
    [
        (None, [(True, None, ""), (False, None, "is not signed"), (False, KEY, "is not signed")]),
        (
            KEY,
            [
                (False, KEY, ""),
                (False, None, "is signed, but no key is set here"),
                (False, OTHER, "is signed with another key"),
                (True, OTHER, ""),
            ],
        ),
    ],
    ids=["unsigned", "signed"],
)
def test_whose_pickles_are_taken(machine, moto_bucket, theirs, others):
    a = with_key(machine, "a", theirs)
    a.config(moto_bucket)
    a.repro()
    for number, (trust, ours, why) in enumerate(others):
        b = with_key(machine, f"b{number}", ours)
        b.config(moto_bucket, trust=trust)
        run = b.repro()
        assert b.traces() == (["lookup"] if why else [])
        assert why in run.err
        assert ("made elsewhere" in run.err) == bool(why)
        assert b.outs()["data/lookup.pkl"] == a.outs()["data/lookup.pkl"]
        b.forget()
        assert b.repro().stage("lookup")["state"] == "fresh"
        assert b.run("status", "--exit-code").code == 0
        assert b.traces() == []
        b.lose("data/lookup.pkl", ".ckptflow/cache.db")
        assert b.repro().counts("lookup") == (0, 1, 0), "what was made here is known as such without the cache too"


def with_key(machine, name: str, key: str | None) -> Machine:
    return machine(name, CKPTFLOW_JOBS="1", **({} if key is None else {"CKPTFLOW_KEY": key}))
