"""The project's key, as a stranger would use it: it is told of, it changes the fast answer, and it is nowhere kept."""

from __future__ import annotations

import json

import pytest

KEY = "a-key-that-nobody-may-see-0123456789"


@pytest.fixture
def project(place):
    place.pipeline("stages: {a: {cmd: 'env > a.txt; env', outs: [a.txt]}, b: {call: 'work:b', outs: {b: b.json}}}")
    place.work("def b():\n    print(sorted(os.environ.items()))\n    return dict(os.environ)")
    return place


def everything(place) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(place.root.rglob("*")) if path.is_file())


def test_the_key_is_kept_nowhere_and_stages_do_not_get_it(project) -> None:
    for _ in range(2):
        project.repro(CKPTFLOW_KEY=KEY)
    assert KEY.encode() not in everything(project)
    assert b"SIDE" in everything(project), "the environment itself is what these stages write"
    for args in (["config"], ["config", "--json"], ["doctor"], ["doctor", "--json"], ["status", "--json"]):
        ended = project.run(*args, CKPTFLOW_KEY=KEY)
        assert ended.code == 0 and KEY not in ended.out + ended.err


def key_check(ended):
    return next(check for check in json.loads(ended.out)["checks"] if check["name"] == "key")


def test_doctor_tells_whether_there_is_a_key(project) -> None:
    assert key_check(project.run("doctor", "--json"))["detail"] == "none is set: what goes to remotes is not signed"
    found = project.run("doctor", "--json", CKPTFLOW_KEY=KEY)
    assert (found.code, key_check(found)["detail"]) == (0, "from CKPTFLOW_KEY")
    found = project.run("doctor", "--json", CKPTFLOW_KEY="short")
    assert found.code == 1 and "shorter than 16 bytes" in key_check(found)["detail"]
    path = project.write("key", KEY)
    path.chmod(0o644)
    found = project.run("doctor", "--json", CKPTFLOW_KEY_FILE="key")
    assert (found.code, key_check(found)["hint"]) == (1, "`chmod 600 key`")
    path.chmod(0o600)
    found = project.run("doctor", "--json", CKPTFLOW_KEY_FILE="key")
    assert (found.code, key_check(found)["detail"]) == (0, "from key")
