"""The gate: what counts of what others recorded. And checkpoints: an older one never passes for the newest."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ckptflow.checkpoints.kept import Seen, newest_valid, signed_text, write_checkpoint
from ckptflow.checkpoints.manifest import Checkpoint, Status
from ckptflow.checkpoints.signing import FIELD, Signer
from ckptflow.checkpoints.trust import accept, code_outs
from ckptflow.plan.graph import build_graph
from ckptflow.spec.load import load_pipeline
from ckptflow.store.memory import MemoryStore

KEY = b"0123456789abcdef"
SIGNER = Signer(KEY, "aa" * 16)


class Texts:
    """The files of a pipeline."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, path: str) -> str | None:
        return self._text if path == "pipeline.yaml" else None


def outs_of(text: str) -> dict[str, set[str]]:
    pipeline = load_pipeline("pipeline.yaml", Texts(text))
    return {stage: set(labels) for stage, labels in code_outs(pipeline, build_graph(pipeline)).items()}


@pytest.mark.parametrize(
    ("outs", "found"),
    [
        ("{model: model.pkl}", {"model"}),
        ("{model: {path: model.bin, format: pickle}}", {"model"}),
        ("{table: t.parquet, model: m.pkl}", {"model"}),
        ("{table: t.parquet, lines: l.jsonl, notes: n.txt, array: a.npy, doc: d.json}", set()),
    ],
)
def test_outs_of_functions_go_by_their_format(outs, found) -> None:
    assert outs_of(f"stages: {{make: {{call: 'm:f', outs: {outs}}}}}") == ({"make": found} if found else {})


@pytest.mark.parametrize("name", ["m.pkl", "M.PKL", "m.pickle", "m.joblib", "m.pt", "m.pkl.gz", "a/b.c/m.ckpt"])
def test_a_file_that_programs_unpickle_goes_by_its_suffix(name) -> None:
    assert outs_of(f"stages: {{make: {{cmd: x, outs: [{name}]}}}}") == {"make": {name}}


@pytest.mark.parametrize("name", ["m.bin", "m.csv.gz", "m", "pkl", ".pkl", "m.pkl.txt", "m.parquet"])
def test_other_files_hold_data(name) -> None:
    assert outs_of(f"stages: {{make: {{cmd: x, outs: [{name}]}}}}") == {}


def test_an_out_counts_for_what_its_readers_take_it_for() -> None:
    text = """
stages:
  make: {cmd: x, outs: [model.bin, other.bin]}
  read: {call: "m:f", deps: {model: {path: model.bin, format: pickle}}, outs: {report: r.json}}
"""
    assert outs_of(text) == {"make": {"model.bin"}}


def test_what_lies_inside_an_out_makes_the_out_count() -> None:
    text = """
stages:
  make: {cmd: x, outs: [models]}
  read: {call: "m:f", deps: {model: models/best.pkl}, outs: {report: r.json}}
  other: {cmd: y, outs: [tables]}
  more: {call: "m:g", deps: {table: tables/a.csv}, outs: {report: s.json}}
"""
    assert outs_of(text) == {"make": {"models"}}


CODE = frozenset({"out"})


@pytest.fixture
def ask(record):
    def ask(made=None, code=CODE, signer=SIGNER, trust=False):
        refusal = accept(made or record(1), code, signer=signer, trust=trust, remote="origin")
        return refusal.text if refusal else None

    return ask


def test_signed_ones_count(ask, record) -> None:
    assert ask(SIGNER.sign_record(record(1))) is None


def test_unsigned_ones_do_not_and_are_told_of(ask) -> None:
    assert ask() == (
        "`load` was made elsewhere and is not signed: pickles run code when they are loaded;"
        " set the same CKPTFLOW_KEY on both machines, or `ckptflow remote set origin trust=true`"
    )
    assert "set CKPTFLOW_KEY on both machines" in ask(signer=None)


def test_without_a_key_a_signature_proves_nothing(ask, record) -> None:
    assert "is signed, but no key is set here" in ask(SIGNER.sign_record(record(1)), signer=None)


@pytest.mark.parametrize("other", [Signer(b"f" * 16, "aa" * 16), Signer(KEY, "bb" * 16)])
def test_another_key_or_another_remote_does_not_count(ask, record, other) -> None:
    assert "is signed with another key, or was changed since" in ask(other.sign_record(record(1)))


def test_a_signed_record_does_not_count_for_another_key_of_the_recipe(ask, record) -> None:
    signed = SIGNER.sign_record(record(1))
    assert ask(replace(signed, key=record(2).key)) is not None


def test_formats_that_hold_data_need_no_trust(ask) -> None:
    assert ask(code=frozenset(), signer=None) is None
    assert ask(code=frozenset({"another"}), signer=None) is None


def test_the_user_may_trust_a_remote(ask) -> None:
    assert ask(signer=None, trust=True) is None
    assert ask(trust=True) is None


def checkpoint(second: int, status: Status = Status.IN_PROGRESS, update: str | None = None) -> Checkpoint:
    when = f"2026-06-01T12:00:{second:02d}Z"
    return Checkpoint(f"load_202606011200{second:02d}", "load", "p", when, update or when, status)


@pytest.fixture
def remote():
    store = MemoryStore()
    for second in (1, 2, 3):
        write_checkpoint(store, SIGNER.sign_checkpoint(checkpoint(second)), keep=10)
    return store


def newest(remote, seen=None):
    found, passed = newest_valid(remote, "load", SIGNER, seen)
    return (found.timestamp[-2:] if found else None), [p.problem for p in passed]


def test_the_newest_signed_one_is_the_newest(remote) -> None:
    assert newest(remote) == ("03", [])
    write_checkpoint(remote, checkpoint(4), keep=10)
    write_checkpoint(remote, Signer(b"f" * 16, SIGNER.store_id).sign_checkpoint(checkpoint(5)), keep=10)
    assert newest(remote) == ("03", ["not signed with the project's key"] * 2)
    assert newest_valid(remote, "load")[0] is not None, "who has no key takes what is there"


def test_what_is_written_here_can_be_signed_on_its_way(remote) -> None:
    here = MemoryStore()
    name = write_checkpoint(here, checkpoint(8, Status.COMPLETED), keep=10)
    remote.put(name, signed_text(here.get(name), SIGNER))
    assert newest(remote) == ("08", [])
    found = newest_valid(remote, "load")[0]
    assert replace(found, extra={}) == checkpoint(8, Status.COMPLETED)
    for other in (b"", b"{", b"{}", b"[" * 100_000, here.get(name)[:-30]):
        assert signed_text(other, SIGNER) == other


def test_an_older_one_under_a_newer_name_is_found_out(remote) -> None:
    old = remote.get("checkpoints/load/load_20260601120001_in_progress.json")
    remote.put("checkpoints/load/load_20260601120009_in_progress.json", old)
    found, (problem,) = newest(remote)
    assert found == "03" and problem.endswith("under another name")
    doc = json.loads(old) | {"checkpoint_id": "load_20260601120009"}
    remote.put("checkpoints/load/load_20260601120009_in_progress.json", json.dumps(doc).encode())
    assert newest(remote) == ("03", ["not signed with the project's key"])


def test_an_older_one_under_a_newer_name_is_none_without_a_key_either(remote) -> None:
    old = remote.get("checkpoints/load/load_20260601120001_in_progress.json")
    remote.put("checkpoints/load/load_20260601120009_completed.json", old)
    found, (passed,) = newest_valid(remote, "load")
    assert found is not None and found.timestamp.endswith("03")
    assert passed.problem == "it is checkpoints/load/load_20260601120001_in_progress.json, under another name"


def test_whoever_has_seen_a_newer_one_is_not_shown_an_older(remote) -> None:
    mirror = MemoryStore()
    assert newest(remote, Seen(mirror)) == ("03", [])
    remote.delete("checkpoints/load/load_20260601120003_in_progress.json")
    found, (problem,) = newest(remote, Seen(mirror))
    assert found is None and problem == "load_20260601120003_in_progress.json is newer and was there before"
    assert newest(remote, Seen(MemoryStore())) == ("02", []), "who has not seen it cannot know"
    write_checkpoint(remote, SIGNER.sign_checkpoint(checkpoint(4)), keep=10)
    assert newest(remote, Seen(mirror)) == ("04", [])


def test_an_older_one_of_the_same_name_is_older_too(remote) -> None:
    mirror = MemoryStore()
    for update, found in (
        ("2026-06-01T12:30:00Z", "09"),
        ("2026-06-01T14:30:00+02:00", "09"),  # the same moment
        ("2026-06-01T12:29:59", None),
        ("2026-06-01T12:30:01+00:00", "09"),
    ):
        write_checkpoint(remote, SIGNER.sign_checkpoint(checkpoint(9, update=update)), keep=10)
        assert newest(remote, Seen(mirror))[0] == found, update


def test_unsigned_ones_are_not_remembered(remote) -> None:
    mirror = MemoryStore()
    write_checkpoint(remote, checkpoint(59), keep=10)
    assert newest(remote, Seen(mirror))[0] == "03"
    assert Seen(mirror).newest("load") == "load_20260601120003_in_progress.json"


def test_seeing_the_same_again_writes_nothing(remote) -> None:
    mirror = MemoryStore()
    newest(remote, Seen(mirror))
    written = mirror.get("seen.json")
    mirror.delete("seen.json")
    seen = Seen(mirror)
    newest(remote, seen)
    newest(remote, seen)
    assert mirror.get("seen.json") == written
    mirror.put("seen.json", b"as it is")
    newest(remote, seen)
    assert mirror.get("seen.json") == b"as it is"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"load": 5}',
        b'{"load": ["x", "y"]}',
        b'{"load": ["x", "2026-06-01T12:00:00Z"]}',
        b'{"load": ["load_20260601120009_failed.json", "y"]}',
    ],
)
def test_what_cannot_be_read_of_what_was_seen_is_nothing(remote, text) -> None:
    mirror = MemoryStore()
    mirror.put("seen.json", text)
    assert newest(remote, Seen(mirror)) == ("03", [])
    assert FIELD in json.loads(remote.get("checkpoints/load/latest.json"))
