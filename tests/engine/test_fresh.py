"""The fast answer: any change that could matter makes it say nothing; it needs next to nothing to be imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.engine import fresh
from ckptflow.engine.targets import ReproOptions
from ckptflow.workspace.discover import find_upwards

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=5)

FILES = {
    "pipeline.yaml": """
        vars: [extra.yaml]
        stages:
          one:
            call: steps.one:one
            deps: {rows: rows.csv, more: more}
            params: [factor]
            chunk: {over: rows, rows: 3, cut: fixed}
            outs: {one: out/one.parquet}
          two:
            cmd: cat files/*.txt > out/two.txt
            deps: ["files/*.txt"]
            outs: [out/two.txt]
        """,
    "params.yaml": "factor: 2\n",
    "extra.yaml": "unused: 1\n",
    "steps/__init__.py": "",
    "steps/one.py": "from steps.other import SCALE\n\ndef one(rows, more, factor):\n    return rows\n",
    "steps/other.py": "SCALE = 1\n",
    "rows.csv": "x\n1\n2\n3\n4\n5\n",
    "more/a.txt": "a",
    "more/deep/b.txt": "b",
    "files/a.txt": "a",
    "files/b.txt": "b",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory, write_files, open_project):
    root = tmp_path_factory.mktemp("project")
    write_files(root, FILES)
    project = open_project(root)
    assert project.repro().ok
    return project


@pytest.fixture
def holds(project):
    """Ask whether the fast answer is given; at the start and at the end of each test it must be."""

    def ask(*targets, file="pipeline.yaml"):
        return fresh.still_fresh(str(project.root), file, targets) is not None

    assert ask()
    yield ask
    assert ask()


@contextmanager
def changed(path, data):
    """Give a file other bytes for a while, as an editor does that writes in place."""
    stat, before = path.stat(), path.read_bytes()
    mode = stat.st_mode
    path.chmod(0o644)
    path.write_bytes(data)
    yield
    path.write_bytes(before)
    path.chmod(mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@contextmanager
def moved(path):
    aside = path.with_name("aside")
    parent = path.parent.stat()
    path.rename(aside)
    yield
    aside.rename(path)
    os.utime(path.parent, ns=(parent.st_atime_ns, parent.st_mtime_ns))


@contextmanager
def created(path):
    """Make a file for a while, with the directories that it needs."""
    missing = [d for d in path.parents if not d.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    stat = path.parent.stat()
    path.write_bytes(b"new")
    yield
    path.unlink()
    for directory in missing:
        directory.rmdir()
    if not missing:
        os.utime(path.parent, ns=(stat.st_atime_ns, stat.st_mtime_ns))


EVERY_FILE = [*FILES, "out/two.txt", "out/one.parquet/part-000000.parquet", "pipeline.lock"]


@pytest.mark.parametrize("name", EVERY_FILE)
def test_every_file_that_is_written_to(project, holds, name):
    path = project.root / name
    data = path.read_bytes()
    with changed(path, data):
        assert not holds(), "written to, if with the same bytes"
    with changed(path, data + b"x"):
        assert not holds()


@pytest.mark.parametrize("name", EVERY_FILE)
def test_every_file_that_is_gone(project, holds, name):
    with moved(project.root / name):
        assert not holds()


@pytest.mark.parametrize("name", ["rows.csv", "steps/one.py", "out/two.txt"])
def test_another_file_of_the_same_size_and_time(project, holds, name):
    path = project.root / name
    stat = path.stat()
    with moved(path):
        path.write_bytes(b"z" * stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert not holds()
        path.unlink()


@pytest.mark.parametrize(
    "name",
    [
        "more/new.txt",
        "more/deep/new.txt",
        "files/new.txt",
        "out/one.parquet/new",
        "steps/other/__init__.py",
        "steps/one/__init__.py",
        ".ckptflow/config.yaml",
        ".ckptflow/config.local.yaml",
    ],
)
def test_every_file_that_comes(project, holds, name):
    with created(project.root / name):
        assert not holds()


@pytest.mark.parametrize("name", ["unrelated.txt", "more/__pycache__/x.pyc", ".git/HEAD"])
def test_files_that_do_not_matter(project, holds, name):
    with created(project.root / name):
        assert holds()


def test_a_store_that_is_gone(project, holds):
    with moved(project.root / ".ckptflow/store"):
        assert not holds()
    with moved(project.root / ".ckptflow/store/ckptflow.json"):
        assert not holds()


def test_settings_and_versions(project, holds, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("CKPTFLOW_STORE", "elsewhere")
        assert not holds()
    with monkeypatch.context() as patch:
        patch.setattr(fresh, "__version__", "another")
        assert not holds()


def test_another_key(project, holds, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("CKPTFLOW_KEY", "a key of enough bytes")
        assert not holds()
        with_key = fresh.about()
        assert "a key of enough bytes" not in str(with_key)
        patch.setenv("CKPTFLOW_KEY", "another key of enough bytes")
        assert fresh.about() != with_key
        patch.setenv("CKPTFLOW_KEY", "a key of enough bytes")
        assert fresh.about() == with_key


def test_a_url_with_a_password(monkeypatch):
    monkeypatch.setenv("CKPTFLOW_STORE", "s3://user:word@bucket/at")
    first = fresh.about()
    assert "word@" not in str(first)
    monkeypatch.setenv("CKPTFLOW_STORE", "s3://user:other@bucket/at")
    assert fresh.about() != first


def test_a_key_file_that_changes(tmp_path, write_files, open_project):
    files = {"pipeline.yaml": "stages: {a: {cmd: echo 1 > a.txt, outs: [a.txt]}}", "key": "a key of enough bytes"}
    write_files(tmp_path, {**files, ".ckptflow/config.yaml": "key_file: key\n"})
    project = open_project(tmp_path)
    for _ in range(2):
        assert project.repro().ok
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is not None
    with changed(tmp_path / "key", b"another, of enough bytes"):
        assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is None
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is not None
    (tmp_path / "key").unlink()
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is None
    assert project.repro().ok
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is not None
    with created(tmp_path / "key"):
        assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is None


def test_what_was_not_asked(project, holds):
    assert not holds("one")
    assert not holds(file="other.yaml")
    assert fresh.still_fresh(str(project.root / "steps"), "pipeline.yaml") is None


def test_targets_have_their_own_answer(project, holds):
    assert project.repro(["two"]).ok
    assert holds("two")
    with changed(project.root / "rows.csv", b"x\n1\n"):
        assert holds("two"), "it does not read this"
        assert not holds()


def test_other_options_give_no_answer(project, holds):
    with changed(project.root / "rows.csv", b"x\n1\n2\n"):
        assert project.repro(options=ReproOptions(limit_chunks=1)).ok
        assert not holds()
        assert project.repro(options=ReproOptions(commit=False)).ok
    assert project.repro().ok


def test_a_witness_that_is_gone(project, holds):
    with moved(project.root / ".ckptflow" / fresh.FOLDER):
        assert not holds()


def test_a_witness_that_is_damaged(project, holds):
    path = project.root / ".ckptflow" / fresh.FOLDER / fresh.name_of("pipeline.yaml", ".", [])
    data = path.read_bytes()
    flipped = bytes([data[0] ^ 1]) + data[1:], data[:40] + bytes([data[40] ^ 1]) + data[41:]
    for bad in (*flipped, data[:-9], b"", data[:16], b"\xff", data[:16] + b"\xff" + data[16:]):
        path.write_bytes(bad)
        assert not holds()
    path.write_bytes(data)


def test_a_witness_is_one_of_its_own_targets(project, holds):
    folder = project.root / ".ckptflow" / fresh.FOLDER
    shutil.copy(folder / fresh.name_of("pipeline.yaml", ".", []), folder / fresh.name_of("pipeline.yaml", ".", ["one"]))
    assert not holds("one")


def test_the_oldest_of_too_many_witnesses_goes(project, holds, monkeypatch):
    monkeypatch.setattr("ckptflow.engine.witness.MOST", 2)
    for targets in (["one"], ["two"], []):
        assert project.repro(targets).ok
    assert holds() and holds("two") and not holds("one")
    assert len(list((project.root / ".ckptflow" / fresh.FOLDER).iterdir())) == 2


@given(
    files=st.lists(st.tuples(NAMES, NAMES), max_size=3),
    absent=st.lists(NAMES, max_size=3),
    dirs=st.lists(st.tuples(NAMES, NAMES), max_size=3),
    places=st.lists(st.tuples(NAMES, st.integers(-1, 2**63), st.lists(NAMES, max_size=3)), max_size=3),
    result=NAMES,
    plain=st.booleans(),
)
def test_a_witness_is_read_as_it_was_written(files, absent, dirs, places, result, plain):
    places = [(directory, mtime, list(names)) for directory, mtime, names in places]
    one = fresh.Witness(files, absent, dirs, places, stages=3, plain=plain, result=result)
    two = fresh.Witness.decode("name", one.encode("name"))
    assert two is not None
    assert [getattr(one, name) for name in fresh.Witness.__slots__] == [
        getattr(two, n) for n in fresh.Witness.__slots__
    ]


def test_the_project_is_found_as_everybody_finds_it(project):
    root = str(project.root)
    assert find_upwards(root) == (root, "pipeline.yaml")
    assert find_upwards(f"{root}/more/deep") == (root, "pipeline.yaml")


def test_another_pipeline_file_is_noticed(project, holds):
    new = project.root / "new/deep"
    new.mkdir(parents=True)
    (new / "notes.txt").write_text("neither a new directory nor a file of another name is a matter")
    assert holds()
    (new / "dvc.yaml").write_text("stages: {}")
    assert not holds()
    (new / "dvc.yaml").unlink()
    hidden = project.root / ".hidden"
    hidden.mkdir()
    (hidden / "dvc.yaml").write_text("stages: {}")
    assert holds()
    shutil.rmtree(project.root / "new")
    shutil.rmtree(hidden)


def test_nothing_heavy_is_imported(project, holds):
    heavy = ["pyarrow", "fsspec", "asyncio", "rich", "click", "yaml", "numpy", "pandas", "subprocess", "tempfile"]
    heavy += ["json", "re", "sqlite3", "typing", "collections", "functools", "contextlib"]
    code = (
        "import sys; from ckptflow.cli.main import main; code = main(['repro']);"
        f"sys.exit(code or ' '.join(m for m in {heavy} if m in sys.modules) or 0)"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("CKPTFLOW_")}
    run = subprocess.run([sys.executable, "-c", code], cwd=project.root, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == "Nothing to do: 2 stages are up to date.\n"


def test_stages_that_always_run_have_no_witness(tmp_path, write_files, open_project):
    write_files(tmp_path, {"pipeline.yaml": "stages: {a: {cmd: date > a.txt, outs: [a.txt], always_changed: true}}\n"})
    project = open_project(tmp_path)
    assert project.repro().ok
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is None
    assert [s.ran for s in project.repro().stages] == [1]


def test_a_failed_run_has_no_witness(tmp_path, write_files, open_project):
    write_files(tmp_path, {"pipeline.yaml": "stages: {a: {cmd: 'false', outs: [a.txt]}, b: {cmd: 'true'}}\n"})
    project = open_project(tmp_path)
    assert not project.repro().ok
    assert fresh.still_fresh(str(tmp_path), "pipeline.yaml") is None


def test_a_dep_that_is_young_is_waited_for_and_then_believed(tmp_path, write_files, open_project):
    write_files(tmp_path, {"pipeline.yaml": "stages: {a: {cmd: cp in.txt a.txt, deps: [in.txt], outs: [a.txt]}}\n"})
    project = open_project(tmp_path)
    for text in ("one", "two", "six"):
        (tmp_path / "in.txt").write_text(text)
        assert project.repro().ok
        assert (tmp_path / "a.txt").read_text() == text
