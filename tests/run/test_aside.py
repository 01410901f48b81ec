from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ckptflow.run import aside
from ckptflow.run.aside import FOLDER, Aside, recover
from ckptflow.run.messages import Output

A = Output("a", "out/a.txt", "file")
D = Output("d", "out/d", "dir")
P = Output("p", "out/p.txt", "file", persist=True)


@contextmanager
def outs_aside(root: Path, outputs: tuple[Output, ...]) -> Iterator[None]:
    """The journal of a worker that has this one task."""
    journal = Aside(root, "t")
    with closing(journal), journal.cleared(outputs):
        yield


def left(root: Path) -> list[str]:
    return sorted(p.name for p in (root / FOLDER).iterdir())


def test_places_are_clear_for_the_body_and_what_was_there_goes_when_it_succeeds(tmp_path):
    (tmp_path / "out" / "d").mkdir(parents=True)
    (tmp_path / "out" / "a.txt").write_text("old")
    (tmp_path / "out" / "d" / "x").write_text("old")
    with outs_aside(tmp_path, (A, D)):
        assert not (tmp_path / "out" / "a.txt").exists()
        assert not (tmp_path / "out" / "d").exists()
        (tmp_path / "out" / "a.txt").write_text("new")
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert not (tmp_path / "out" / "d").exists()
    assert left(tmp_path) == []


def test_what_was_there_comes_back_when_the_body_fails(tmp_path):
    (tmp_path / "out" / "d").mkdir(parents=True)
    (tmp_path / "out" / "d" / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), outs_aside(tmp_path, (A, D)):
        (tmp_path / "out" / "a.txt").write_text("half")
        (tmp_path / "out" / "d").mkdir()
        (tmp_path / "out" / "d" / "y").write_text("half")
        raise KeyboardInterrupt
    assert not (tmp_path / "out" / "a.txt").exists(), "there was none before"
    assert [p.name for p in (tmp_path / "out" / "d").iterdir()] == ["x"]
    assert left(tmp_path) == []


def test_the_parent_of_an_out_is_made(tmp_path):
    with outs_aside(tmp_path, (Output("x", "deep/er/x", "file"),)):
        (tmp_path / "deep" / "er" / "x").write_text("1")
    assert (tmp_path / "deep" / "er" / "x").read_text() == "1"


def test_a_persistent_out_is_a_private_writable_copy(tmp_path):
    (tmp_path / "out").mkdir()
    stored = tmp_path / "stored"
    stored.write_text("1")
    stored.chmod(0o444)
    path = tmp_path / P.path
    path.hardlink_to(stored)
    with outs_aside(tmp_path, (P,)):
        assert path.stat().st_mode & 0o200
        with path.open("a") as file:
            file.write("2")
    assert (path.read_text(), stored.read_text()) == ("12", "1")
    path.unlink()
    path.hardlink_to(stored)
    with pytest.raises(ValueError), outs_aside(tmp_path, (P,)):
        path.write_text("half")
        raise ValueError
    assert (path.read_text(), path.stat().st_ino) == ("1", stored.stat().st_ino)


def test_a_persistent_directory_is_copied_too(tmp_path):
    out = Output("p", "p", "dir", persist=True)
    (tmp_path / "p" / "sub").mkdir(parents=True)
    (tmp_path / "p" / "sub" / "x").write_text("1")
    (tmp_path / "p" / "sub" / "x").chmod(0o444)
    with outs_aside(tmp_path, (out,)):
        (tmp_path / "p" / "sub" / "x").write_text("2")
    assert (tmp_path / "p" / "sub" / "x").read_text() == "2"


def test_a_symbolic_link_is_moved_and_not_what_it_points_to(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "object").write_text("stored")
    (tmp_path / A.path).symlink_to(tmp_path / "object")
    with pytest.raises(ValueError), outs_aside(tmp_path, (A,)):
        (tmp_path / A.path).write_text("new")
        raise ValueError
    assert (tmp_path / A.path).is_symlink()
    assert (tmp_path / "object").read_text() == "stored"


KILLED = """
import os, shutil, sys
from pathlib import Path
from ckptflow.run import aside
from ckptflow.run.messages import Output

calls, last = 0, int(sys.argv[2])

def counted(function):
    def call(*args, **kwargs):
        global calls
        if calls == last: os._exit(9)
        calls += 1
        return function(*args, **kwargs)
    return call

for name in ("rename", "unlink", "open", "mkdir", "write", "ftruncate"): setattr(os, name, counted(getattr(os, name)))
shutil.rmtree = counted(shutil.rmtree)
shutil.copy2 = counted(shutil.copy2)
root = Path(sys.argv[1])
outs = [Output(name, "out/" + name, "file", persist=name == "p.txt") for name in ("a.txt", "d", "p.txt", "n.txt")]
journal = aside.Aside(root, "token")
try:
    with journal.cleared(outs):
        os.makedirs(root / "out" / "d", exist_ok=True)
        for name in ("a.txt", "d/x", "n.txt", "p.txt"):
            if calls == last: os._exit(9)
            calls += 1
            with open(root / "out" / name, "w") as file: file.write("new")
        if sys.argv[3] == "fail": raise ValueError
except ValueError: pass
journal.close()
print(calls)
"""


def contents(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root / "out").as_posix(): p.read_text() for p in sorted((root / "out").rglob("*")) if p.is_file()
    }


@pytest.mark.parametrize("end", ["succeed", "fail"])
def test_killed_at_any_step_all_old_outs_come_back_or_all_new_ones_stand(tmp_path, end):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    old = {"a.txt": "old", "d/x": "old", "p.txt": "old"}
    new = {"a.txt": "new", "d/x": "new", "n.txt": "new", "p.txt": "new"}
    seen = []
    for last in range(100):
        root = tmp_path / str(last)
        (root / "out" / "d").mkdir(parents=True)
        for name, text in old.items():
            (root / "out" / name).write_text(text)
        done = subprocess.run([sys.executable, str(script), str(root), str(last), end], capture_output=True, text=True)
        restored = recover(root)
        after = contents(root)
        assert after in (old, new), f"killed at step {last}"
        assert (root / FOLDER).is_dir() is False or left(root) == []
        assert recover(root) == ()
        seen.append((after == new, bool(restored)))
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
    else:
        pytest.fail("the script never came to its end")
    assert (False, True) in seen, "no kill needed a recovery: the test tests nothing"
    assert seen[-1] == (end == "succeed", False)


def test_the_journal_of_a_living_worker_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / A.path).write_text("old")
    with outs_aside(tmp_path, (A,)):
        (tmp_path / A.path).write_text("half")
        assert recover(tmp_path) == ()
        assert (tmp_path / A.path).read_text() == "half"
        code = "from pathlib import Path; from ckptflow.run.aside import recover; print(recover(Path.cwd()))"
        other = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert other.stdout == "()\n"


def test_a_journal_cut_short_names_nothing_that_was_moved(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    (folder / f"t{aside._JOURNAL}").write_text('[["out/a.txt", ')
    (tmp_path / "out").mkdir()
    (tmp_path / A.path).write_text("old")
    assert recover(tmp_path) == ()
    assert (tmp_path / A.path).read_text() == "old"
    assert left(tmp_path) == []


def test_recovering_where_there_is_nothing(tmp_path):
    assert recover(tmp_path) == ()


def test_recovery_names_what_it_put_back(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    (folder / "t-0").write_text("old")
    (folder / f"t{aside._JOURNAL}").write_text(json.dumps([["a.txt", f"{FOLDER}/t-0", True]]) + "\n")
    (tmp_path / "a.txt").write_text("half")
    with (folder / f"t{aside._JOURNAL}").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert recover(tmp_path) == ()
    assert recover(tmp_path) == ("a.txt",)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(folder) == []


def test_a_worker_has_one_journal_for_all_its_tasks(tmp_path):
    journal = Aside(tmp_path, "t")
    for number in range(3):
        with journal.cleared((A,)):
            (tmp_path / A.path).write_text(str(number))
            (name,) = (name for name in left(tmp_path) if name.endswith(aside._JOURNAL))
        assert left(tmp_path) == [name]
        assert (tmp_path / FOLDER / name).stat().st_size == 0
    journal.close()
    assert left(tmp_path) == []


def test_what_could_not_be_put_back_is_left_to_recovery_and_harms_no_later_task(tmp_path):
    journal = Aside(tmp_path, "t")
    (tmp_path / "out").mkdir()
    (tmp_path / A.path).write_text("old")
    with pytest.raises(OSError), journal.cleared((A,)):
        (tmp_path / "out").rename(tmp_path / "gone")
        raise ValueError
    with journal.cleared((Output("b", "b.txt", "file"),)):
        (tmp_path / "b.txt").write_text("new")
    journal.close()
    (tmp_path / "gone").rename(tmp_path / "out")
    assert recover(tmp_path) == (A.path,)
    assert (tmp_path / A.path).read_text() == "old"
    assert (tmp_path / "b.txt").read_text() == "new"
    assert left(tmp_path) == []


def test_a_journal_that_a_recovery_removed_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    taken, flock = [], fcntl.flock

    def lock(fd: int, how: int) -> None:
        if not taken:
            taken.append(os.unlink(next((tmp_path / FOLDER).glob("*.journal"))))
        flock(fd, how)

    monkeypatch.setattr(aside.fcntl, "flock", lock)
    with outs_aside(tmp_path, (A,)):
        assert len(left(tmp_path)) == 1
        (tmp_path / A.path).write_text("new")
    assert left(tmp_path) == []
