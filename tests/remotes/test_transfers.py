"""Push, pull, fetch and checkout as a stranger runs them: exit codes, what is printed where, real drivers."""

from __future__ import annotations

import json
import signal

import pytest

from tests.servers.faults import Fault, Kind


@pytest.fixture
def shared(tmp_path):
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


def use(machine, shared, **more):
    machine.write(
        ".ckptflow/config.local.yaml",
        json.dumps({"remotes": {"storage": {"url": str(shared), "trust": True}}, **more}),
    )


def test_what_one_machine_pushed_another_pulls(machine, shared):
    a, b = machine("a"), machine("b")
    use(a, shared)
    use(b, shared)
    a.repro()
    pushed = a.run("push", "--json")
    assert (pushed.code, pushed.json["records"], pushed.json["missing"]) == (0, 42, [])
    assert "Sent" in pushed.err
    a.commit()
    b.update()
    pulled = b.run("pull", "--json", "-j", "4")
    assert pulled.code == 0, pulled.err
    assert (pulled.json["remote"], pulled.json["records"]) == ("storage", 42)
    assert sorted(pulled.json["added"]) == ["data/half.parquet", "data/lookup.pkl", "data/total.json"]
    assert b.outs() == a.outs()
    b.repro()
    assert b.traces() == [], "nothing was done again"
    again = b.run("push", "--json")
    assert (again.code, again.json["objects"], again.json["records"]) == (0, 0, 0)
    assert "storage has everything that is finished here.\n" in again.err


def test_nothing_but_json_goes_to_standard_output(machine, shared):
    a = machine("a")
    use(a, shared)
    a.repro()
    for command in ("push", "fetch", "pull", "checkout"):
        plain = a.run(command)
        assert (plain.code, plain.out) == (0, ""), plain.err
        assert plain.err
        quiet = a.run(command, "-q")
        assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
        assert a.run(command, "--json").json["ok"] is True


def test_what_is_missing_is_told_and_the_exit_code_says_so(machine, shared):
    a, b = machine("a"), machine("b")
    use(a, shared)
    use(b, shared)
    a.repro()
    a.run("push", "total")
    a.commit()
    b.update()
    pulled = b.run("pull", "--json")
    assert pulled.code == 1
    assert [(m["stage"], m["out"]) for m in pulled.json["missing"]] == [
        ("half", "data/half.parquet"),
        ("lookup", "data/lookup.pkl"),
    ]
    assert "missing: data/half.parquet of half: the remote `storage` does not have it\n  = help: " in pulled.err
    assert b.outs().keys() == {"data/total.json"}
    assert b.run("checkout").code == 1
    assert b.run("pull", "data/total.json").code == 0
    assert b.run("pull", "nothing").code == 5


def test_a_remote_that_cannot_be_used(machine, shared, tmp_path):
    a = machine("a")
    a.repro()
    assert a.run("push").code == 2, "there is no remote"
    use(a, tmp_path / "nowhere")
    for command in ("push", "fetch", "pull"):
        ended = a.run(command, "--json")
        assert (ended.code, ended.json["type"]) == (6, "error")
        assert ended.json["help"]
    use(a, shared)
    assert a.run("fetch").code == 6, "nothing was pushed yet"
    assert a.run("verify", "-r", "storage").code == 6
    assert a.run("push", "-r", "other").code == 2


def test_an_edit_by_hand_is_kept(machine, shared):
    a = machine("a")
    use(a, shared)
    a.repro()
    a.run("push")
    total = a.root / "data/total.json"
    total.unlink()
    total.write_text("by hand")
    for command in ("checkout", "pull"):
        ended = a.run(command)
        assert (ended.code, total.read_text()) == (1, "by hand")
        assert "--force" in ended.err
    assert a.run("checkout", "--force").code == 0
    assert total.read_text() != "by hand"


def test_verify_looks_at_the_remote(machine, shared):
    a = machine("a")
    use(a, shared)
    a.repro()
    a.run("push")
    sound = a.run("verify", "-r", "storage", "--deep")
    assert (sound.code, sound.out) == (0, "The remote `storage` is sound.\n")
    for pack in shared.glob("packs/*/*"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:100])
    torn = a.run("verify", "-r", "storage", "--repair", "--json")
    assert (torn.code, torn.json["ok"]) == (6, False)
    assert torn.json["repaired"] == len(torn.json["findings"]) > 0
    assert a.run("push").code == 0
    assert a.run("verify", "-r", "storage", "--deep").code == 0
    assert a.run("verify", "--repair").code == 2


def test_an_interruption_keeps_what_arrived(machine, moto_server, moto_bucket):
    """The remote falls silent in the middle, and somebody loses patience."""
    a, b = machine("a"), machine("b")
    a.config(moto_bucket, sync="manual", trust=True)
    b.config(moto_bucket, sync="manual", trust=True)
    a.repro()
    with moto_server.fault(Fault(Kind.HANG, method="PUT", path="/packs/")):
        process = a.start("push")
        moto_server.await_held()
        process.send_signal(signal.SIGINT)
        ended = a.finish(process)
    assert (ended.code, ended.out) == (130, "")
    assert "Interrupted." in ended.err
    moto_server.release()
    assert a.run("push").code == 0
    a.commit()
    b.update()
    with moto_server.fault(Fault(Kind.HANG, method="GET", path="/packs/", after=1)):
        process = b.start("fetch", "-j", "1")
        moto_server.await_held()
        process.send_signal(signal.SIGINT)
        assert b.finish(process).code == 130
    kept = len(list((b.root / ".ckptflow/store/objects").glob("*/*")))
    assert kept > 0
    rest = b.run("pull", "--json")
    assert rest.code == 0
    assert rest.json["objects"] + kept == len(list((b.root / ".ckptflow/store/objects").glob("*/*")))
    assert b.outs() == a.outs()


def test_a_remote_that_stops_answering(machine, moto_server, moto_bucket):
    a = machine("a")
    a.config(moto_bucket, sync="manual", trust=True)
    a.repro()
    with moto_server.fault(Fault(Kind.ERROR, path="/packs/", status=503)):
        ended = a.run("push", "--json", CKPTFLOW_REMOTE_TIMEOUT="2")
    assert (ended.code, ended.json["code"]) == (6, "CF015")
    assert a.run("push").code == 0


def test_through_s3(machine, moto_bucket):
    a, b = machine("a"), machine("b")
    a.config(moto_bucket, sync="manual", trust=True)
    b.config(moto_bucket, sync="manual", trust=True)
    a.repro()
    assert a.run("push").code == 0
    a.commit()
    b.update()
    assert b.run("pull").code == 0
    assert b.outs() == a.outs()
    assert b.run("verify", "-r", "storage", "--deep").code == 0
