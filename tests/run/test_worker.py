from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ckptflow.run.messages import Done, Failed, Output, Progress
from ckptflow.run.worker import Worker

VALUE = Output("out", "out.json", "json", name="out")


def test_what_a_chunk_prints_is_in_its_own_log(bench):
    bench.write(
        "import os, subprocess, sys\n"
        "def loud(out, word):\n"
        "    print(word)\n"
        "    print(word, file=sys.stderr)\n"
        "    os.write(1, b'raw\\n')\n"
        "    subprocess.run(['echo', 'child'])\n"
        "    out.touch()\n"
    )
    first, second = (bench.call("loud", kwargs={"word": word}) for word in ("one", "two"))
    bench.run(first, second)
    assert Path(first.log).read_text() == "one\none\nraw\nchild\n"
    assert Path(second.log).read_text() == "two\ntwo\nraw\nchild\n"


def test_a_silent_chunk_leaves_no_log(bench):
    bench.write("def silent(): return 1\ndef bad(): raise ValueError\n")
    bench.run(bench.call("silent", (VALUE,)), bench.call("bad", (VALUE,)))
    assert list((bench.root / "logs").iterdir()) == []


def test_the_end_of_the_output_goes_with_a_failure(bench):
    bench.write("def loud():\n    for i in range(5000): print('line', i)\n    raise ValueError('after all that')\n")
    task = bench.call("loud", (VALUE,))
    failure = bench.one(task).failure
    assert failure.log == task.log
    assert failure.output.endswith("line 4998\nline 4999\n")
    assert failure.output.startswith("line ")
    assert len(failure.output) <= 4096
    assert Path(task.log).read_text().startswith("line 0\n")


def test_the_output_of_a_killed_worker_is_kept(bench):
    bench.write("import os\ndef die():\n    print('last words')\n    os.kill(os.getpid(), 9)\n")
    failure = bench.one(bench.call("die", (VALUE,))).failure
    assert (failure.kind, failure.output) == ("killed", "last words\n")


def test_a_crash_of_native_code_shows_the_python_frames(bench):
    bench.write("import ctypes\ndef crash(): ctypes.string_at(0)\n")
    failure = bench.one(bench.call("crash", (VALUE,))).failure
    assert "SIGSEGV" in failure.message
    assert "in crash" in failure.output


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseException('base')", "BaseException: base"),
        ("return open('/nonexistent')", "FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent'"),
    ],
)
def test_whatever_a_function_raises_is_a_failure_and_the_worker_lives_on(bench, body, message):
    bench.write(f"import os\ndef bad():\n    {body}\ndef pid(): return os.getpid()\n")
    before, bad, after = bench.call("pid", (VALUE,)), bench.call("bad", (VALUE,)), bench.call("pid", (VALUE,))
    final = bench.run(before, bad, after)
    assert (final[bad.id].failure.kind, final[bad.id].failure.message) == ("exception", message)
    assert final[before.id].outs == final[after.id].outs


def test_a_chunk_cannot_disturb_the_next_one(bench):
    bench.write(
        "import os, sys, io\n"
        "def vandal():\n"
        "    os.chdir('/'); sys.stdout.close(); sys.stderr = io.StringIO(); sys.stdin = None; return 1\n"
        "def next():\n"
        "    print('heard'); return os.getcwd()\n"
    )
    vandal, after = bench.call("vandal", (VALUE,)), bench.call("next", (VALUE,))
    final = bench.run(vandal, after)
    assert isinstance(final[vandal.id], Done)
    assert bench.text(final[after.id]).strip() == f'"{bench.root}"'
    assert Path(after.log).read_text() == "heard\n"


def test_workers_run_in_a_fixed_environment(bench):
    bench.write(
        "import os, sys, time\n"
        "def env():\n"
        "    return [time.tzname[0], os.environ['LC_ALL'], hash('a'), sys.stdin.read(), os.environ.get('MINE')]\n"
    )
    report = bench.one(bench.call("env", (VALUE,)), env={"MINE": "all"})
    other = bench.one(bench.call("env", (VALUE,)), env={"MINE": "all"})
    assert report.outs == other.outs
    assert '"UTC"' in bench.text(report) and '"all"' in bench.text(report)


def test_the_environment_of_a_stage_ends_with_its_chunk(bench):
    bench.write("import os\ndef env(): return [os.environ.get('MINE'), os.environ.get('HOME')]\n")
    with_env = bench.call("env", (VALUE,), env={"MINE": "1", "HOME": "/elsewhere"})
    without = bench.call("env", (VALUE,))
    final = bench.run(with_env, without)
    assert '"/elsewhere"' in bench.text(final[with_env.id])
    assert "elsewhere" not in bench.text(final[without.id]) and "1" not in bench.text(final[without.id])


def test_progress_is_reported_while_the_chunk_runs(bench):
    bench.write(
        "import ckptflow.run.context as c, threading\n"
        "def count():\n"
        "    for i in range(1000): c.context().progress(i + 1, 1000)\n"
        "    t = threading.Thread(target=lambda: c.context().progress(7)); t.start(); t.join()\n"
        "    x = c.context(); return [x.stage, x.key, x.index, x.chunks, x.attempt]\n"
    )
    task = bench.call("count", (VALUE,), index=3, attempt=2)
    report = bench.one(task)
    told = [(r.done, r.total) for r in bench.reports if isinstance(r, Progress)]
    assert told[0] == (1, 1000)
    assert (1000, 1000) in told
    assert len(told) < 20, "a report for every call would swamp the engine"
    assert f'"{task.key}"' in bench.text(report)


def test_a_store_that_cannot_be_written_is_not_the_function_s_fault(bench):
    bench.write("def fine(): return 1\n")
    (bench.root / "store" / "tmp").write_text("a file where a directory must be")
    failure = bench.one(bench.call("fine", (VALUE,))).failure
    assert failure.kind == "store"
    assert "a file stands where a directory is needed" in failure.message
    assert failure.hint


def test_a_result_too_large_for_the_disk_is_not_the_function_s_fault(bench):
    bench.write(
        "import resource, signal\n"
        "def large():\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))\n"
        "    return 'x' * 1_000_000\n"
    )
    failure = bench.one(bench.call("large", (VALUE,))).failure
    assert (failure.kind, failure.traceback) == ("store", "")


def test_a_disk_that_the_function_itself_filled_shows_its_traceback_and_what_to_do(bench):
    bench.write("import errno\ndef full(): raise OSError(errno.ENOSPC, 'No space left on device')\n")
    failure = bench.one(bench.call("full", (VALUE,))).failure
    assert failure.kind == "exception"
    assert "in full" in failure.traceback
    assert "free space" in failure.hint


def test_a_task_that_fails_before_it_starts_is_a_failure_too(bench):
    bench.write("def fine(): return 1\n")
    (bench.root / "logs").write_text("a file where a directory must be")
    report = bench.one(bench.call("fine", (VALUE,)))
    assert isinstance(report, Failed)


def test_progress_of_a_thread_that_was_left_behind_is_not_heard(bench):
    bench.write(
        "import threading, time\n"
        "from ckptflow.run.context import context\n"
        "def leave():\n"
        "    tell = context()\n"
        "    def later():\n"
        "        while context() is tell: time.sleep(0.005)\n"
        "        tell.progress(5, 5)\n"
        "    threading.Thread(target=later, daemon=True).start()\n"
        "    return 1\n"
        "def stay(): time.sleep(0.2); return 1\n"
    )
    bench.run(bench.call("leave", (VALUE,)), bench.call("stay", (VALUE,)))
    left = next(place for place, report in enumerate(bench.reports) if isinstance(report, Done))
    assert not [r for r in bench.reports[left:] if isinstance(r, Progress)], "of a task that has ended nothing comes"


def test_rows_in_come_from_the_piece(bench):
    from ckptflow.chunk.model import AtFiles, Piece
    from ckptflow.ids import digest
    from ckptflow.run.messages import Form, Input, Source

    bench.write("def size(files): return len(files)\n")
    (bench.root / "data").mkdir()
    (bench.root / "data" / "a.bin").write_bytes(b"1")
    piece = Piece(digest(b"1"), AtFiles(("a.bin",)), rows=42, bytes=1)
    dep = Input("files", Source("data", "dir", "x"), Form.PATHS, name="files", piece=piece)
    report = bench.one(bench.call("size", (VALUE,), inputs=(dep,)))
    assert report.rows_in == 42
    assert bench.text(report).strip() == "1"


def test_a_whole_dep_is_read_once_a_worker_and_a_piece_is_its_rows(bench):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ckptflow.chunk.model import AtRows, Piece
    from ckptflow.chunk.values import table_digest
    from ckptflow.ids import digest
    from ckptflow.run.messages import Form, Input, Source

    bench.write(
        "import os\n"
        "def add(rows, rates):\n"
        "    if os.path.exists('rates.parquet'): os.remove('rates.parquet')\n"
        "    return {'sum': sum(rows['x'].to_pylist()), 'rates': rates.num_rows, 'form': type(rows).__module__}\n"
    )
    table = pa.table({"x": list(range(10))})
    pq.write_table(table, bench.root / "rows.parquet")
    pq.write_table(pa.table({"r": [1.0, 2.0]}), bench.root / "rates.parquet")
    whole = Input("rates", Source("rates.parquet", "parquet", digest(b"rates")), Form.TABLE, name="rates")
    source = Source("rows.parquet", "parquet", digest(b"rows"))

    def task(start, stop):
        piece = Piece(table_digest(table.slice(start, stop - start)), AtRows(start, stop), rows=stop - start)
        rows = Input("rows", source, Form.TABLE, name="rows", piece=piece)
        return bench.call("add", (VALUE,), inputs=(rows, whole))

    first, second = task(0, 4), task(4, 10)
    final = bench.run(first, second)
    read = [json.loads(bench.text(final[t.id])) for t in (first, second)]
    assert read == [
        {"sum": 6, "rates": 2, "form": "pyarrow.lib"},
        {"sum": 39, "rates": 2, "form": "pyarrow.lib"},
    ]
    assert final[second.id].rows_in == 6


def _rows(start, stop):
    from ckptflow.chunk.model import AtRows, Piece
    from ckptflow.ids import digest
    from ckptflow.run.messages import Form, Input, Source

    source = Source("rows.parquet", "parquet", digest(b"rows"))
    return Input("rows", source, Form.TABLE, name="rows", piece=Piece(digest(b"piece"), AtRows(start, stop), 1))


def test_the_next_rows_are_read_before_the_answer_of_the_engine_is_waited_for(bench):
    batch = tuple(bench.call("add", (VALUE,), inputs=(_rows(n, n + 1),)) for n in range(3))
    told = iter([batch, 1, 2])
    events = []

    class Engine:
        def recv(self):
            message = next(told, None)
            if message is None:
                raise EOFError
            events.append("answer" if isinstance(message, int) else "batch")
            return message

        def send(self, report):
            events.append(type(report).__name__)

        def pending(self):
            return False

    worker = Worker.__new__(Worker)
    worker._channel, worker._sending, worker._number = Engine(), threading.Lock(), 1
    worker._used, worker._bringer, worker._ahead = True, None, None
    worker._reads = lambda item: events.append(f"rows {item.piece.where.start}")

    def attempt(task):
        worker._read(task.inputs[0])
        events.append("call")
        return Done(task.id, {}, 0.0)

    worker._attempt = attempt
    with pytest.raises(EOFError):
        worker.serve()
    first = ["batch", "rows 0", "call", "Done"]
    assert events == [*first, "rows 1", "answer", "call", "Done", "rows 2", "answer", "call", "Done"]


def test_rows_that_cannot_be_read_ahead_are_the_failure_of_their_own_chunk(bench):
    import pyarrow as pa
    import pyarrow.parquet as pq

    bench.write("def add(rows): return rows.num_rows\n")
    pq.write_table(pa.table({"x": list(range(10))}), bench.root / "rows.parquet")
    tasks = [bench.call("add", (VALUE,), inputs=(_rows(*rows),)) for rows in ((0, 4), (8, 20), (4, 10))]
    final = bench.run(*tasks)
    good, bad, last = (final[task.id] for task in tasks)
    assert [json.loads(bench.text(report)) for report in (good, last)] == [4, 6]
    assert isinstance(bad, Failed)
    assert bad.failure.kind == "dep-changed"
    assert "rows.parquet has 10 rows" in bad.failure.message


def test_a_worker_imports_nothing_heavy_until_a_task_needs_it(bench):
    bench.write(
        "import sys\n"
        "def modules():\n"
        "    return sorted(m for m in sys.modules if m in ('pyarrow', 'numpy', 'pandas', 'multiprocessing', 'click'))\n"
    )
    assert bench.text(bench.one(bench.call("modules", (VALUE,)))).strip() == "[]"
