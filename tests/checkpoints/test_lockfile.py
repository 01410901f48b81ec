import json
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.checkpoints.lockfile import LockEntry, LockFile, load, update
from ckptflow.errors import SpecError, StoreError
from ckptflow.ids import StageName, digest


def d(text):
    return digest(text.encode())


def entry(stage="load", key="k", tree="t", **more):
    return LockEntry(
        stage=StageName(stage),
        key=d(key),
        deps={"raw": {"path": "data/raw.csv", "digest": d("raw")}},
        outs={"table": {"path": f"data/{stage}.parquet", "tree": d(tree), "rows": 5, "form": "parquet"}},
        chunks=4,
        code=d("code"),
        call="stages:load",
        params={"window": 7, "names": ["a", "b"]},
        **more,
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
MAPPINGS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3)
DIGESTS = st.binary(max_size=3).map(digest)
ENTRIES = st.builds(
    LockEntry,
    stage=st.text(min_size=1, max_size=6).map(StageName),
    key=DIGESTS,
    deps=st.dictionaries(st.text(max_size=4), st.builds(lambda x: {"path": "p", "digest": x}, DIGESTS), max_size=2),
    outs=st.dictionaries(st.text(max_size=4), st.builds(lambda x: {"path": "p", "tree": x}, DIGESTS), max_size=2),
    chunks=st.integers(0),
    quarantined=st.integers(0, 3),
    superseded=st.integers(0, 3),
    code=st.none() | DIGESTS,
    call=st.none() | st.text(max_size=5),
    cmd=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    wdir=st.sampled_from([".", "sub"]),
    args=MAPPINGS,
    params=MAPPINGS,
    env=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    packages=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    version=VALUES,
    extra=st.dictionaries(st.text(min_size=1, max_size=3).map(lambda t: f"later {t}"), VALUES, max_size=2),
)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda e: e.stage))
def test_what_is_written_is_read(entries):
    file = LockFile({e.stage: e for e in entries}, extra={"later": [1]})
    text = file.write()
    assert LockFile.read(text) == file
    assert LockFile.read(text).write() == text
    assert LockFile(dict(reversed(file.stages.items())), extra=file.extra).write() == text


def test_one_field_a_line():
    assert LockFile({StageName("load"): entry()}).write() == (
        f"""{{
 "stages": {{
  "load": {{
   "call": "stages:load",
   "check": "{entry()._check()}",
   "chunks": 4,
   "code": "{d("code")}",
   "deps": {{
    "raw": {{"digest": "{d("raw")}", "path": "data/raw.csv"}}
   }},
   "key": "{d("k")}",
   "outs": {{
    "table": {{"form": "parquet", "path": "data/load.parquet", "rows": 5, "tree": "{d("t")}"}}
   }},
   "params": {{
    "names": ["a", "b"],
    "window": 7
   }}
  }}
 }},
 "version": 1
}}
"""
    )


def test_no_file_is_an_empty_one(tmp_path):
    assert load(tmp_path / "pipeline.lock") == LockFile()


def merge(tmp_path, base, ours, theirs):
    for name, file in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text(LockFile({e.stage: e for e in file}).write())
    done = subprocess.run(
        ["git", "merge-file", "-p", *(str(tmp_path / n) for n in ("ours", "base", "theirs"))],
        capture_output=True,
        text=True,
    )
    return done.stdout, done.returncode


def test_branches_that_ran_different_stages_merge(tmp_path):
    base = [entry(s) for s in ("a", "b", "c")]
    text, conflicts = merge(
        tmp_path, base, [entry("a", "new", "new"), *base[1:]], [*base[:2], entry("c", "other", "other")]
    )
    assert conflicts == 0
    merged = LockFile.read(text)
    assert merged.stages == {e.stage: e for e in (entry("a", "new", "new"), entry("b"), entry("c", "other", "other"))}


def test_a_conflict_is_an_error_that_names_the_line(tmp_path):
    text, conflicts = merge(tmp_path, [entry("a")], [entry("a", "x")], [entry("a", "y")])
    assert conflicts > 0
    with pytest.raises(SpecError) as caught:
        LockFile.read(text, "pipeline.lock")
    problem = caught.value.problems[0]
    assert problem.code == "CF085"
    assert "conflict" in problem.message
    assert problem.place.text.startswith("<<<<<<<")
    assert problem.hint
    assert text.splitlines()[problem.place.line - 1] == problem.place.text


def test_a_key_with_the_outs_of_another_run_is_no_entry():
    """What a merge without conflict can make: one branch changed the key alone, the other the outs alone."""
    text = LockFile({StageName(s): entry(s) for s in ("a", "b")}).write()
    for old, new in (
        (d("k"), d("other")),
        (d("t"), d("other")),
        ('"chunks": 4', '"chunks": 5'),
        ("data/a.", "data/x."),
    ):
        changed = text.replace(old, new, 1)
        assert changed != text
        read = LockFile.read(changed)
        assert (list(read.stages), read.doubtful) == (["b"], ("a",))


def test_a_field_twice_is_an_error():
    text = LockFile({StageName("a"): entry("a")}).write()
    for line in (f'   "key": "{d("k")}",\n', '   "chunks": 4,\n', '    "window": 7\n'):
        twice = text.replace(line, line.replace("\n", ",\n" if "," not in line else "\n") + line)
        with pytest.raises(SpecError, match="twice"):
            LockFile.read(twice)


def test_a_stage_twice_is_an_error_in_any_layout():
    one = LockFile({StageName("a"): entry("a")}).write()
    doc = json.loads(one)["stages"]["a"]
    text = f'{{"version":1,"stages":{{"a":{json.dumps(doc)},"a":{json.dumps(doc)}}}}}'
    with pytest.raises(SpecError, match="twice"):
        LockFile.read(text)
    assert list(LockFile.read(json.dumps(json.loads(one))).stages) == ["a"], "reformatted is fine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("[]", "no lock file"),
        ("{}", "no lock file"),
        ("schema: '2.0'\nstages:\n", "malformed"),
        ('{"stages": {}, "version": 2}', "version 2"),
        ('{"stages": {}}', "version None"),
        ('{"stages": {"a": 5}, "version": 1}', "`a`"),
        ('{"stages": {"a": {}}, "version": 1}', "`a`"),
        ('{"stages": {"a": {"key": "../x", "chunks": 1}}, "version": 1}', "`a`"),
        ("[" * 100_000, "malformed"),
    ],
)
def test_malformed_files_say_where_and_what_to_do(text, words):
    with pytest.raises(SpecError, match=words) as caught:
        LockFile.read(text, "pipeline.lock")
    problem = caught.value.problems[0]
    assert problem.place.file == "pipeline.lock" and problem.place.line >= 1 and problem.hint


@pytest.mark.parametrize("field", ["key", "code"])
def test_what_should_be_a_digest_is_one(field):
    text = LockFile({StageName("a"): entry("a")}).write()
    doc = json.loads(text)
    doc["stages"]["a"][field] = "0" * 63
    with pytest.raises(SpecError, match="malformed"):
        LockFile.read(json.dumps(doc))


def test_update_replaces_keeps_and_removes(tmp_path):
    path = tmp_path / "pipeline.lock"
    update(path, [entry("a"), entry("b"), entry("c")])
    update(path, [entry("b", "new", "new")], removed=[StageName("c")])
    assert load(path).stages == {e.stage: e for e in (entry("a"), entry("b", "new", "new"))}
    assert [p.name for p in tmp_path.iterdir()] == ["pipeline.lock"]


def test_update_that_changes_nothing_touches_nothing(tmp_path):
    path = tmp_path / "pipeline.lock"
    update(path, [entry("a")])
    before = path.stat()
    update(path, [entry("a")], removed=[StageName("b")])
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_update_keeps_what_a_later_version_added(tmp_path):
    path = tmp_path / "pipeline.lock"
    path.write_text(LockFile({StageName("a"): entry("a", extra={"later": 1})}, extra={"also": 2}).write())
    update(path, [entry("b")])
    assert load(path).stages[StageName("a")].extra == {"later": 1}
    assert load(path).extra == {"also": 2}


def test_update_of_a_conflicted_file_changes_nothing(tmp_path):
    path = tmp_path / "pipeline.lock"
    path.write_text("<<<<<<< HEAD\n")
    with pytest.raises(SpecError, match="conflict"):
        update(path, [entry("a")])
    assert path.read_text() == "<<<<<<< HEAD\n"


def test_update_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "pipeline.lock").symlink_to("real/pipeline.lock")
    update(tmp_path / "pipeline.lock", [entry("a")])
    assert (tmp_path / "pipeline.lock").is_symlink()
    assert list(load(tmp_path / "real/pipeline.lock").stages) == ["a"]


def test_two_updates_at_once_lose_nothing(tmp_path):
    path = tmp_path / "pipeline.lock"

    def work(lead):
        for n in range(15):
            update(path, [entry(f"{lead}{n}")])

    threads = [threading.Thread(target=work, args=(lead,)) for lead in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load(path).stages) == 45


def test_unreadable_and_binary_files(tmp_path):
    path = tmp_path / "pipeline.lock"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError):
        load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError):
        load(path)


def test_the_text_does_not_grow_with_the_chunks():
    few, many = entry(), LockEntry(**{f: getattr(entry(), f) for f in entry().__slots__} | {"chunks": 10**6})
    assert abs(len(LockFile({few.stage: few}).write()) - len(LockFile({many.stage: many}).write())) < 10


def test_what_superseded_code_has_made_is_noted_only_where_there_is_any():
    assert "superseded" not in LockFile({StageName("load"): entry()}).write()
    noted = LockFile({StageName("load"): entry(superseded=3, way={"each": "item"})})
    assert '   "superseded": 3,\n' in noted.write()
    assert LockFile.read(noted.write()) == noted


def test_a_merge_that_loses_it_leaves_no_entry():
    """One branch has made the chunks again, the other has new data: each may keep the line that the other removed."""
    text = LockFile({StageName("load"): entry(superseded=3, way={"each": "item"})}).write()
    lost = text.replace('   "superseded": 3,\n', "")
    assert lost != text
    assert LockFile.read(lost).doubtful == (StageName("load"),)
    assert LockFile.read(text.replace('"superseded": 3', '"superseded": 2')).doubtful == (StageName("load"),)
