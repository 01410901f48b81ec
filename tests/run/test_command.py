from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ckptflow.chunk.model import AtBytes, Piece
from ckptflow.ids import digest
from ckptflow.run.aside import FOLDER
from ckptflow.run.messages import Done, Form, Input, Output, Source

OUT = Output("out.txt", "out.txt", "file")
TABLE = Output("t", "t.parquet", "parquet", name="t")


def left(root: Path) -> list[str]:
    folder = root / FOLDER
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_command_writes_to_the_workspace_and_its_out_is_stored(bench):
    report = bench.one(bench.cmd("echo hello > out.txt", outputs=(OUT,)))
    part = report.outs["out.txt"]
    assert (part.object, part.bytes, part.values, part.rows) == (digest(b"hello\n"), 6, digest(b"hello\n"), None)
    assert (bench.root / "out.txt").read_text() == "hello\n"
    (bench.root / "out.txt").write_text("scribbled over")
    assert bench.text(report, "out.txt") == "hello\n"


def test_commands_of_a_list_run_in_order_up_to_the_first_that_fails(bench):
    task = bench.cmd("echo one", "echo two; exit 7", "echo three")
    failure = bench.one(task).failure
    assert (failure.kind, failure.message) == ("exit", "exited with status 7: echo two; exit 7")
    assert failure.output == "one\ntwo\n"


def test_lines_of_one_command_are_commands_as_in_dvc(bench):
    report = bench.one(bench.cmd('X=3\n\n  # a remark\necho "x$X" > out.txt', outputs=(OUT,)))
    assert bench.text(report, "out.txt") == "x\n"
    failure = bench.one(bench.cmd("echo one\nfalse\necho two > out.txt", outputs=(OUT,))).failure
    assert (failure.message, failure.output) == ("exited with status 1: false", "one\n")


@pytest.mark.parametrize(
    "script",
    [
        "for x in a b; do\n  echo $x >> out.txt\ndone",
        "cat > out.txt <<END\na\nb\nEND",
        "printf '%s\\n' \\\n  a b > out.txt",
        "X='a\nb'\necho \"$X\" > out.txt",
    ],
)
def test_lines_that_are_no_commands_are_one_script(bench, script):
    assert bench.text(bench.one(bench.cmd(script, outputs=(OUT,))), "out.txt") == "a\nb\n"
    failure = bench.one(bench.cmd(f"false\n{script}", outputs=(OUT,))).failure
    assert failure.message.startswith("exited with status 1")


def test_commands_may_be_written_for_bash(bench):
    report = bench.one(bench.cmd("[[ abc == a* ]] && cat <(echo yes) > out.txt", outputs=(OUT,)))
    assert bench.text(report, "out.txt") == "yes\n"


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ("exit 1", "exited with status 1: exit 1", None),
        ("no-such-command-here", "exited with status 127: no-such-command-here", "PATH"),
        ("kill -KILL $$", "killed by SIGKILL: kill -KILL $$", None),
        ("kill -TERM $$\nsleep 9", "killed by SIGTERM: kill -TERM $$", None),
    ],
)
def test_how_a_command_ended_is_said(bench, command, message, hint):
    failure = bench.one(bench.cmd(command)).failure
    assert (failure.kind, failure.message) == ("exit", message)
    assert (hint or "") in (failure.hint or "")


def test_a_command_runs_in_its_directory_with_its_environment_and_no_input(bench):
    (bench.root / "sub dir").mkdir()
    task = bench.cmd(
        'pwd > ../out.txt; echo "$MINE $TZ" >> ../out.txt; cat >> ../out.txt',
        outputs=(OUT,),
        wdir="sub dir",
        env={"MINE": "yes"},
    )
    assert bench.text(bench.one(task), "out.txt") == f"{bench.root}/sub dir\nyes UTC\n"


def test_what_a_function_does_to_its_environment_reaches_no_command(bench):
    bench.write("import os\ndef change():\n    os.environ['MINE'] = '1'; os.environ.pop('TZ')\n    return 1\n")
    value = Output("value", "value.json", "json", name="value")
    after = bench.cmd('echo "$MINE $TZ" > out.txt', outputs=(OUT,))
    final = bench.run(bench.call("change", (value,)), after)
    assert bench.text(final[after.id], "out.txt") == " UTC\n"


def test_a_directory_that_is_not_there_is_said(bench):
    failure = bench.one(bench.cmd("true", wdir="nowhere")).failure
    assert "nowhere" in failure.message


def test_the_former_out_is_gone_while_the_command_runs_and_back_when_it_fails(bench):
    (bench.root / "out.txt").write_text("former")
    task = bench.cmd("test ! -e out.txt && echo half > out.txt; exit 1", outputs=(OUT,))
    assert bench.one(task).failure.kind == "exit"
    assert (bench.root / "out.txt").read_text() == "former"
    assert left(bench.root) == []


def test_an_out_that_was_not_written_is_a_failure_and_the_former_one_stays(bench):
    (bench.root / "out.txt").write_text("former")
    failure = bench.one(bench.cmd("true", outputs=(OUT,))).failure
    assert (failure.kind, failure.message) == ("result", "the command succeeded but did not write `out.txt`")
    assert (bench.root / "out.txt").read_text() == "former"


@pytest.mark.parametrize("how", ["worker killed", "too late", "stopped"])
def test_the_former_out_comes_back_when_the_worker_is_killed(bench, how, until):
    (bench.root / "out.txt").write_text("former")
    kill = "kill -KILL $PPID;" if how == "worker killed" else ""
    task = bench.cmd(
        f"echo half > out.txt; touch mark; {kill} sleep 1000",
        outputs=(OUT,),
        timeout=0.5 if how == "too late" else None,
    )
    with bench.pool() as pool:
        pool.submit((task,))
        if how == "stopped":
            until((bench.root / "mark").exists)
            list(pool.stop(0))
        else:
            assert bench.finish(pool)[task.id].failure.kind == ("killed" if kill else "timeout")
    assert (bench.root / "out.txt").read_text() == "former"
    assert left(bench.root) == []


def test_a_stopped_command_is_asked_to_end_before_it_is_made_to(bench, until):
    script = "trap 'echo asked > asked; exit 1' TERM; touch mark; while :; do sleep 0.02; done"
    with bench.pool() as pool:
        pool.submit((bench.cmd(script),))
        until((bench.root / "mark").exists)
        list(pool.stop(1))
    assert (bench.root / "asked").read_text() == "asked\n"


def test_a_command_does_not_inherit_ignored_signals(bench):
    report = bench.one(bench.cmd("trap -p > out.txt; grep SigIgn /proc/self/status >> out.txt", outputs=(OUT,)))
    mask = int(bench.text(report, "out.txt").split()[-1], 16)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        assert not mask & (1 << (number - 1))


def test_a_chunk_reads_and_writes_files_of_its_own(bench):
    chunk = Output("out", "dir with spaces/out.csv", "csv", name="out")
    task = bench.cmd("echo ${chunk.out} ${chunk.index} > ${chunk.out}", outputs=(chunk,), index=5)
    path, index = bench.text(bench.one(task)).split()
    assert index == "5"
    assert path.startswith(str(bench.root / "store" / "tmp")) and path.endswith(".csv")
    assert not (bench.root / "dir with spaces").exists()
    assert not Path(path).exists()


def test_a_chunk_s_inputs_are_files_with_what_the_piece_holds(bench):
    (bench.root / "data.csv").write_text("a,b\n1,2\n3,4\n")
    (bench.root / "all.txt").write_text("whole\n")
    piece = Piece(digest(b"x"), AtBytes(8, 12), bytes=4)
    inputs = (
        Input("rows", Source("data.csv", "csv", "id1"), Form.PATH, name="rows", piece=piece),
        Input("all", Source("all.txt", "file", "id2"), Form.PATH, name="all"),
    )
    chunk = Output("out", "out.txt", "file", name="out")
    one = bench.cmd("cat ${chunk.in} ${chunk.in.all} > ${chunk.out}", outputs=(chunk,), inputs=inputs, index=0)
    two = bench.cmd("ls ${chunk.in.rows} ${chunk.in.rows} > ${chunk.out}", outputs=(chunk,), inputs=inputs, index=1)
    three = bench.cmd("cat ${chunk.in.none}", outputs=(chunk,), inputs=inputs, index=1)
    final = bench.run(one, two, three)
    assert bench.text(final[one.id]) == "a,b\n3,4\nwhole\n"
    (path,) = set(bench.text(final[two.id]).split())
    assert path.endswith(".csv") and not Path(path).exists()
    assert "names no dep" in final[three.id].failure.message
    assert (bench.root / "all.txt").read_text() == "whole\n"


def test_several_outs_of_a_chunk_are_told_apart_by_name(bench):
    a, b = Output("a", "a.txt", "file", name="a"), Output("b", "b.txt", "file", name="b")
    task = bench.cmd("echo 1 > ${chunk.out.a}; echo 2 > ${ chunk.out.b }", outputs=(a, b), index=0)
    report = bench.one(task)
    assert (bench.text(report, "a"), bench.text(report, "b")) == ("1\n", "2\n")
    failure = bench.one(bench.cmd("echo > ${chunk.out}", outputs=(a, b), index=0)).failure
    assert failure.message == "`${chunk.out}` could be any of 2: a, b"
    assert "${chunk.out.a}" in failure.hint
    failure = bench.one(bench.cmd("echo > ${chunk.out.c}", outputs=(a, b), index=0)).failure
    assert "names no out" in failure.message
    failure = bench.one(bench.cmd("echo > ${chunk.out.a}", outputs=(a, b), index=0)).failure
    assert failure.message == "the command succeeded but did not write `b`"


def test_an_empty_log_of_a_command_is_removed(bench):
    task = bench.cmd("true")
    assert isinstance(bench.one(task), Done)
    assert not Path(task.log).exists()


WRITE = """\
python - <<'END'
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({"x": [1, 2, 3]}), "t.parquet", %s)
END"""


def test_a_command_s_table_is_named_by_its_rows(bench):
    python = f"PATH={Path(sys.executable).parent}:$PATH; "
    one, two = (bench.cmd(python + WRITE % how, outputs=(TABLE,)) for how in ("compression='none'", "row_group_size=1"))
    final = bench.run(one, two)
    first, second = final[one.id].outs["t"], final[two.id].outs["t"]
    assert first.rows == second.rows == 3
    assert first.values == second.values
    assert first.object != second.object


def test_a_command_s_table_that_is_none_is_a_failure(bench):
    failure = bench.one(bench.cmd("echo no > t.parquet", outputs=(TABLE,))).failure
    assert failure.kind == "result"
    assert "`t` is no parquet file" in failure.message
    assert "objects/" not in failure.message


def test_a_command_s_directory_is_kept_as_a_listing(bench):
    out = Output("d", "d", "dir")
    report = bench.one(bench.cmd("mkdir d; echo 1 > d/a; echo 2 > d/b", outputs=(out,)))
    assert report.outs["d"].listing
    assert report.outs["d"].bytes == 4


def test_the_file_that_a_command_wrote_becomes_the_object(bench):
    shared = Output("out.txt", "out.txt", "file", share=True)
    report = bench.one(bench.cmd("echo hello > out.txt", outputs=(shared,)))
    assert bench.objects.is_same_file(report.outs["out.txt"].object, bench.root / "out.txt")
    assert bench.text(report, "out.txt") == "hello\n"


def test_a_file_of_which_the_store_has_the_bytes_becomes_the_object_too(bench):
    outs = [Output(name, name, "file", share=True) for name in ("a.txt", "b.txt")]
    with bench.pool() as pool:
        tasks = [bench.cmd(f"echo same > {out.path}", outputs=(out,)) for out in outs]
        pool.submit(tuple(tasks))
        reports = bench.finish(pool)
    names = {report.outs[out.label].object for out, report in zip(outs, reports.values(), strict=True)}
    assert len(names) == 1
    assert all(bench.objects.is_same_file(*names, bench.root / out.path) for out in outs)


def test_unless_something_that_it_left_behind_may_write_to_it(bench, until):
    shared = Output("out.txt", "out.txt", "file", share=True)
    script = "exec 3> out.txt; echo hello >&3; (while [ ! -e go ]; do sleep 0.02; done; echo late >&3; touch went) &"
    with bench.pool() as pool:
        task = bench.cmd(script, outputs=(shared,))
        pool.submit((task,))
        report = bench.finish(pool)[task.id]
        (bench.root / "go").touch()
        until((bench.root / "went").exists)
    assert (bench.root / "out.txt").read_text() == "hello\nlate\n"
    assert bench.text(report, "out.txt") == "hello\n"


def test_the_files_of_a_directory_become_objects_but_for_programs(bench):
    out = Output("d", "d", "dir", share=True)
    report = bench.one(bench.cmd("mkdir d; echo 1 > d/a; echo 2 > d/run; chmod +x d/run", outputs=(out,)))
    assert report.outs["d"].listing
    assert (bench.root / "d" / "a").stat().st_nlink == 2
    assert (bench.root / "d" / "run").stat().st_nlink == 1
    assert os.access(bench.root / "d" / "run", os.X_OK)
