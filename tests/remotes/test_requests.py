"""How many requests a run sends."""

from __future__ import annotations

import pytest

from ckptflow.checkpoints.uploader import GROUP_SECONDS
from ckptflow.engine.sharing import LOOK_AGAIN_SECONDS

from .machines import Machine, Origin

MANY, FEW = 1000, 100


@pytest.fixture(scope="module")
def origins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origins")
    return {n: Origin.small(folder / f"{n}.git", chunks=n) for n in (FEW, MANY)}


def clone(origin: Origin, folder, name: str, bucket, **env: str) -> Machine:
    made = Machine.clone(origin, folder, name, **env)
    made.config(bucket, trust=True)
    return made


@pytest.fixture
def asked(moto_server, moto_bucket):
    """Returns what was asked for since the last time, without documents of runs and stages."""

    def asked():
        counts = moto_server.counts(moto_bucket.name)
        moto_server.reset()
        return counts

    return asked


def test_a_thousand_tiny_chunks(origins, tmp_path, moto_bucket, moto_server, asked):
    a = clone(origins[MANY], tmp_path, "a", moto_bucket)
    run = a.repro()
    assert len(a.traces()) == MANY + 2
    sent = asked()
    groups = run.json["seconds"] / GROUP_SECONDS
    assert sent["PUT"] <= 2 * groups + 12, "a pack and a segment a group, and a few documents"
    assert sent["GET"] + sent["LIST"] <= 7 + run.json["seconds"] / LOOK_AGAIN_SECONDS
    assert sent["HEAD"] == 0

    assert "remote" not in a.repro().json
    assert a.run("status").code == 0
    assert asked().requests == 0, "nothing to do"


def test_a_fresh_machine(origins, tmp_path, moto_bucket, asked):
    """What was sent at once is learnt and fetched in as many requests for a thousand chunks as for a hundred."""
    needed = {}
    for count, origin in origins.items():
        a = clone(origin, tmp_path, f"a{count}", moto_bucket)
        a.config(moto_bucket, trust=True, sync="manual")
        a.repro()
        a.config(moto_bucket, trust=True)
        a.write(".ckptflow/remotes/storage.unsent", "")  # as if it had been killed before anything was sent
        asked()
        a.repro()
        assert a.traces() != []
        sent = asked()
        assert sent["PUT"] <= 6
        b = clone(origin, tmp_path, f"b{count}", moto_bucket)
        b.repro()
        assert b.traces() == []
        needed[count] = asked()
        c = clone(origin, tmp_path, f"c{count}", moto_bucket)
        c.repro("--pull")
        assert c.traces() == []
        assert c.outs() == a.outs()
        assert asked().requests <= needed[count].requests + 2
    few, many = (sum(needed[n][kind] for kind in ("GET", "LIST", "HEAD")) for n in (FEW, MANY))
    assert many <= few + 2
    assert many <= 12
