"""Work is shared through a directory, a weak S3 server, and Azure as it is through S3."""

from __future__ import annotations

import pytest

from tests.e2e.place import until
from tests.servers import FreshBucket

from .far import Far
from .machines import Origin

CHUNKS = 6


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A few chunks, and a result that is too large for a pack."""
    return Origin.small(tmp_path_factory.mktemp("origin") / "origin.git", chunks=CHUNKS, large=700_000)


@pytest.fixture(params=["directory", "file URL", "rclone", "azurite"])
def bucket(request, tmp_path) -> FreshBucket:
    """Where the work is shared."""
    if request.param in ("directory", "file URL"):
        folder = tmp_path / "a shared disk" / "our project"
        folder.mkdir(parents=True)
        return FreshBucket("directory", str(folder) if request.param == "directory" else folder.as_uri())
    found: FreshBucket = request.getfixturevalue(f"{request.param}_bucket")
    return found


def test_a_machine_takes_over(bucket, machine, tmp_path):
    far = Far(bucket, tmp_path / "far")
    a, b, c = machine("a", STOP_AT="30", CKPTFLOW_JOBS="1"), machine("b"), machine("c")
    for each in (a, b, c):
        each.config(bucket, trust=True)
    process = a.start("repro")
    until(lambda: len(a.made()) == 3, "three chunks")
    until(lambda: len(far.records()) == 3, "their arrival")
    a.die(process)
    assert b.repro().counts("half") == (CHUNKS - 3, 3, 0)
    assert len(b.traces()) == CHUNKS - 3 + 3
    c.repro("--pull")
    assert c.traces() == []
    a.repro()
    assert set(a.traces()) == {"0", "10", "20", "30"}, "what it did before it died"
    a.repro("--pull")
    assert a.outs() == b.outs() == c.outs()


def test_two_at_the_same_time(bucket, machine):
    both = [machine(name, PAUSE="0.05", CKPTFLOW_JOBS="1") for name in "ab"]
    for each in both:
        each.config(bucket, trust=True)
    running = [each.start("repro", "--json", "--pull") for each in both]
    for each, process in zip(both, running, strict=True):
        assert each.finish(process).code == 0
    assert both[0].outs() == both[1].outs()
    late = machine("late")
    late.config(bucket, trust=True)
    late.repro("--pull")
    assert late.traces() == []
    assert late.outs() == both[0].outs()
