"""What other programs rely on: the JSON of SPEC section 8, exit codes, which stream says what."""

from __future__ import annotations

import json
import re

import pytest

PIPELINE = """
    stages:
      node_features:
        call: work:features
        deps: {accounts: rows.csv}
        chunk: {over: accounts, rows: 20, cut: fixed}
        outs: {node_features: data/features.parquet}
      total:
        call: work:total
        deps: {features: data/features.parquet}
        outs: {total: data/total.json}
"""
STAGE_FIELDS = {"stage", "state", "seconds", "chunks", "items", "reasons"}


@pytest.fixture
def project(place):
    place.work("""
        def features(accounts):
            trace(first(accounts))
            return accounts

        def total(features):
            return features.num_rows
    """)
    place.pipeline(PIPELINE)
    place.rows(100)
    return place


def test_the_object_of_a_run(project):
    doc = project.repro().json
    assert {"run", "ok", "seconds", "stages"} <= doc.keys()
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", doc["run"])
    assert doc["ok"] is True
    assert [s["stage"] for s in doc["stages"]] == ["node_features", "total"]
    stage = doc["stages"][0]
    assert stage.keys() >= STAGE_FIELDS
    assert stage["state"] == "ran"
    assert stage["chunks"] == {"total": 5, "ran": 5, "reused": 0, "failed": 0}
    assert stage["items"] == {"ok": 100, "failed": 0, "skipped": 0}
    assert stage["reasons"] == ["it has not run here before"]

    path = project.root / "rows.csv"
    path.write_text(path.read_text().replace("30,900", "30,901").replace("90,8100", "90,8101"))
    stage = project.repro().stage("node_features")
    assert stage["chunks"] == {"total": 5, "ran": 2, "reused": 3, "failed": 0}
    assert stage["items"] == {"ok": 40, "failed": 0, "skipped": 0}
    assert stage["reasons"] == ["2 chunks of accounts (rows.csv) changed"]


def test_the_object_of_a_run_with_nothing_to_do_is_the_same_by_either_way(project):
    project.repro()
    quick = project.repro().json
    slow = project.repro("-v").json
    for doc in (quick, slow):
        assert doc.keys() == slow.keys()
        assert [s["state"] for s in doc["stages"]] == ["fresh", "fresh"]
        assert doc["stages"][0]["chunks"] == {"total": 5, "ran": 0, "reused": 5, "failed": 0}
        for stage in doc["stages"]:
            assert stage.keys() >= STAGE_FIELDS
    assert [{**s, "seconds": 0} for s in quick["stages"]] == [{**s, "seconds": 0} for s in slow["stages"]]


def test_the_object_of_status(project):
    fresh = {"total": 5, "stale": 0, "reusable": 5}
    doc = project.run("status", "--json").json
    assert doc["pending"] is True
    assert [s["state"] for s in doc["stages"]] == ["stale", "stale"]
    assert doc["stages"][0]["chunks"].items() >= {"total": 5, "stale": 5, "reusable": 0}.items()
    project.repro()
    doc = project.run("status", "--json").json
    assert doc["pending"] is False
    assert doc["stages"][0]["state"] == "fresh"
    assert doc["stages"][0]["chunks"].items() >= fresh.items()
    assert doc["stages"][0]["reasons"] == []
    project.rows(101)
    doc = project.run("plan", "--json").json
    assert doc["stages"][0]["chunks"]["reusable"] == 5
    assert doc["stages"][0]["chunks"]["stale"] == 1
    assert doc["stages"][0]["causes"][0]["cause"] == "data"


def test_exit_codes_of_questions(project):
    assert project.run("status").code == 0
    assert project.run("status", "--exit-code").code == 10
    assert project.run("plan", "--exit-code").code == 10
    assert project.run("repro", "--dry", "--exit-code").code == 10
    quiet = project.run("status", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (10, "", "")
    project.repro()
    for args in (["status", "-q"], ["plan", "--exit-code"], ["repro", "--dry", "--exit-code"]):
        assert project.run(*args).code == 0
    (project.root / "data/total.json").unlink()
    assert project.run("status", "-q").code == 10


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["repro", "--help"], 0),
        (["nothing"], 2),
        (["repro", "--nothing"], 2),
        (["repro", "-j", "none"], 2),
        (["repro", "--for", "soon"], 2),
        (["repro", "--exit-code"], 2),
        (["repro", "zzz"], 5),
        (["status", "zzz"], 5),
        (["repro", "--file", "nothing.yaml"], 4),
        (["why"], 2),
        (["-C", "nowhere", "status"], 2),
        (["status"], 0),
        (["dag"], 0),
        (["log"], 0),
        (["config"], 0),
        (["schema"], 0),
        (["verify"], 0),
        (["doctor"], 0),
        (["show", "total"], 1),
        (["show", "zzz"], 5),
    ],
)
def test_exit_codes(project, args, code):
    ended = project.run(*args)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert bool(ended.err) == bool(code)
    if code:
        assert ended.out == ""
        assert "help: " in ended.err


def test_errors_as_json(project):
    for args, code in ((["repro", "zzz"], 5), (["repro", "--nothing"], 2), (["status", "zzz"], 5)):
        ended = project.run(*args, "--json")
        assert ended.code == code
        doc = ended.json
        assert doc["ok"] is False
        assert doc["exit"] == code
        assert doc["message"]
        assert doc["code"].startswith("CF")


def test_bad_settings(project):
    assert project.run("repro", CKPTFLOW_JOBS="many").code == 4
    project.write(".ckptflow/config.yaml", "jbos: 3\n")
    ended = project.run("repro")
    assert ended.code == 4
    assert "did you mean `jobs`" in ended.err


def test_results_on_standard_output_and_all_else_on_standard_error(project):
    ended = project.run("repro")
    assert ended.out == ""
    assert "Done in" in ended.err
    assert "\x1b" not in ended.err
    quiet = project.run("repro", "-q", "-f")
    assert (quiet.out, quiet.err) == ("", "")
    assert project.run("status").err == ""


def test_events_as_lines(project):
    project.repro("--events", "events.jsonl")
    events = [json.loads(line) for line in (project.root / "events.jsonl").read_text().splitlines()]
    kinds = [e["type"] for e in events]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.ended"
    assert kinds.count("chunk.done") == 6
    assert kinds.count("stage.done") == 2
    assert events[-1]["result"]["ok"] is True


def test_checkpoints_have_the_fields_of_the_format(project):
    project.repro()
    folder = project.root / ".ckptflow/store/checkpoints/node_features"
    doc = json.loads((folder / "latest.json").read_text())
    assert doc["status"] == "completed"
    assert doc["dataset"] == "node_features"
    assert doc["processed_count"] == 5
    assert doc["processor_state"]["total_items"] == 5
    assert doc["statistics"]["success_count"] == 5
    assert doc["error"] is None
    assert re.fullmatch(r"node_features_\d{14}", doc["checkpoint_id"])
    assert len(list(folder.glob("node_features_*_completed.json"))) == 1


def test_the_lock_file_is_stable_and_has_no_place_in_it(project, tmp_path):
    project.repro()
    text = (project.root / "pipeline.lock").read_text()
    assert str(tmp_path) not in text
    project.repro("-f")
    assert (project.root / "pipeline.lock").read_text() == text
    assert len(text) < 4000
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("pipeline.yaml", "work.py", "rows.csv"):
        (elsewhere / name).write_bytes((project.root / name).read_bytes())
    assert project.run("repro", cwd=elsewhere).code == 0
    assert (elsewhere / "pipeline.lock").read_text() == text, "the same on every machine"


def test_a_store_is_shared_by_copies_of_a_project(project, tmp_path):
    shared = {"CKPTFLOW_STORE": str(tmp_path / "shared")}
    project.repro(**shared)
    project.forget()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("pipeline.yaml", "work.py", "rows.csv"):
        (elsewhere / name).write_bytes((project.root / name).read_bytes())
    ended = project.run("repro", "--json", cwd=elsewhere, **shared)
    assert ended.counts("node_features") == (0, 5, 0)
    assert ended.stage("node_features")["state"] == "reused"
    assert project.traces() == []
    assert (elsewhere / "data/total.json").exists()


def test_the_example_of_init_runs(place):
    ended = place.run("init")
    assert ended.code == 0
    assert place.repro().json["ok"] is True
    assert place.run("status", "-q").code == 0
