from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ckptflow.chunk.model import AtRows, Piece
from ckptflow.dataclass import replace
from ckptflow.errors import CkptflowError
from ckptflow.ids import digest
from ckptflow.run.messages import Done, Each, Failed, InHand, Input, Output, Returned, Source, Started

STEPS = """
import os, sys, time, signal, subprocess
from pathlib import Path

def fine(out): out.write_text("fine")
def pid(out): out.write_text(str(os.getpid()))
def die(out, number): os.kill(os.getpid(), number)
def leave(out, status): os._exit(status)
def big(out, size): out.write_bytes(b"x" * size)
def wait_for(out, path):
    while not Path(path).exists(): time.sleep(0.005)
    out.write_text("waited")
def hang(out, mark):
    Path(mark).write_text(str(os.getpid()))
    time.sleep(1000)
def family(out, mark):
    child = subprocess.Popen(["sleep", "1000"])
    Path(mark).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(1000)
def close_all(out):
    os.closerange(3, 100)
    time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def steps(bench):
    bench.write(STEPS)


def alive(pid: int) -> bool:
    """Whether the process runs: a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def signalled_when_draining(pool, monkeypatch) -> None:
    """Let another signal come to `stop` when it has heard of the one that asked for it."""
    drain = pool.drain

    def drain_and_signal():
        drain()
        os.write(pool.wakeup_fd, b"\2")

    monkeypatch.setattr(pool, "drain", drain_and_signal)


def test_tasks_of_a_batch_are_done_in_order_by_one_worker(bench):
    tasks = [bench.call("pid") for _ in range(5)]
    final = bench.run(*tasks)
    assert [r.task for r in bench.reports if isinstance(r, Started)] == [t.id for t in tasks]
    assert len({bench.text(final[t.id]) for t in tasks}) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_costs_its_chunk_one_attempt_and_nobody_else_s(bench, number):
    before, dying, after, other = (
        bench.call("fine"),
        bench.call("die", kwargs={"number": int(number)}),
        bench.call("fine"),
        bench.call("wait_for", kwargs={"path": str(bench.root / "go")}),
    )
    with bench.pool(2) as pool:
        pool.submit((other,))
        pool.submit((before, dying, after))
        final: dict = {}
        while after.id not in final:
            from_pool = pool.wait(120)
            assert from_pool
            for report in from_pool:
                if isinstance(report, Returned):
                    final.update(dict.fromkeys(report.tasks))
                elif isinstance(report, Done | Failed):
                    final[report.task] = report
        assert isinstance(final[before.id], Done)
        assert final[dying.id].failure.kind == "killed"
        assert number.name in final[dying.id].failure.message
        assert final[after.id] is None
        assert other.id not in final
        (bench.root / "go").touch()
        pool.submit((after,))
        final = bench.finish(pool)
    assert isinstance(final[other.id], Done)
    assert isinstance(final[after.id], Done)


def test_a_worker_that_leaves_with_status_0_has_not_done_its_task(bench):
    report = bench.one(bench.call("leave", kwargs={"status": 0}))
    assert report.failure.kind == "killed"
    assert "status 0" in report.failure.message


def test_a_worker_that_closes_its_channel_is_ended(bench):
    report = bench.one(bench.call("close_all"))
    assert report.failure.kind == "killed"


def test_a_late_task_is_killed_with_all_it_started_and_the_rest_comes_back(bench, until):
    mark = bench.root / "mark"
    late, rest = bench.call("family", kwargs={"mark": str(mark)}, timeout=3.0), bench.call("fine")
    final = bench.run(late, rest)
    assert final[late.id].failure.kind == "timeout"
    assert "3 s" in final[late.id].failure.message
    assert final[rest.id] is None
    for pid in mark.read_text().split():
        until(lambda pid=pid: not alive(int(pid)))


def test_a_timeout_counts_from_the_start_of_its_own_task(bench):
    wait = bench.call("wait_for", kwargs={"path": str(bench.root / "go")}, timeout=None)
    quick = bench.call("fine", timeout=5.0)
    with bench.pool() as pool:
        pool.submit((wait, quick))
        pool.wait(120)
        (bench.root / "go").touch()
        assert all(isinstance(r, Done) for r in bench.finish(pool).values())


def test_large_results_and_large_tasks_pass(bench):
    task = bench.call("big", kwargs={"size": 3_000_000})
    assert bench.one(task).outs["out"].bytes == 3_000_000
    bench.write("def length(x): return len(x)\n")
    from ckptflow.run.messages import Output

    text = bench.call("length", (Output("n", "n.json", "json", name="n"),), kwargs={"x": "y" * 5_000_000})
    assert bench.text(bench.one(text), "n").strip() == "5000000"


def test_workers_start_only_when_there_is_work(bench):
    with bench.pool(3) as pool:
        assert (pool.idle(), pool.running()) == (3, 0)
        first = pool.submit((bench.call("pid"),))
        assert (pool.idle(), pool.running()) == (2, 1)
        bench.finish(pool)
        assert pool.submit((bench.call("pid"),)) == first
        bench.finish(pool)


def test_an_idle_worker_that_dies_is_nobody_s_loss(bench, until):
    with bench.pool() as pool:
        pool.submit((bench.call("pid"),))
        (report,) = bench.finish(pool).values()
        pid = int(bench.text(report))
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        again = bench.call("pid")
        pool.submit((again,))
        assert isinstance(bench.finish(pool)[again.id], Done)


def test_wait_gives_up_after_its_time_and_at_once_when_nothing_runs(bench):
    with bench.pool() as pool:
        assert pool.wait(0.01) == []
        assert pool.wait(None) == []


def test_a_byte_on_the_wakeup_descriptor_ends_the_wait(bench):
    with bench.pool() as pool:
        pool.submit((bench.call("hang", kwargs={"mark": str(bench.root / "mark")}),))
        while not isinstance(pool.wait(120)[0], Started):
            pass
        os.write(pool.wakeup_fd, b"\2")
        assert pool.wait(600) == []


def test_drain_ends_the_task_at_hand_and_returns_the_others(bench, until):
    at_hand = bench.call("wait_for", kwargs={"path": str(bench.root / "go")})
    rest = [bench.call("fine") for _ in range(3)]
    with bench.pool() as pool:
        pool.submit((at_hand, *rest))
        assert isinstance(pool.wait(120)[0], Started)
        pool.drain()
        assert pool.idle() == 0
        (bench.root / "go").touch()
        final = bench.finish(pool)
    assert isinstance(final[at_hand.id], Done)
    assert all(final[task.id] is None for task in rest)


def test_stop_gives_grace_and_then_kills_without_costing_an_attempt(bench, until):
    ending = bench.call("wait_for", kwargs={"path": str(bench.root / "go")})
    hanging = bench.call("hang", kwargs={"mark": str(bench.root / "mark")})
    with bench.pool(2) as pool:
        pool.submit((ending,))
        pool.submit((hanging, bench.call("fine")))
        until((bench.root / "mark").exists)
        (bench.root / "go").touch()
        reports = [report for some in pool.stop(4.0) for report in some]
        pid = int((bench.root / "mark").read_text())
        assert not alive(pid)
        assert pool.running() == 0
    kinds = {type(r) for r in reports if not isinstance(r, Started)}
    assert kinds == {Done, Returned}
    returned = {task for r in reports if isinstance(r, Returned) for task in r.tasks}
    assert returned == {hanging.id, hanging.id + 1}


def test_what_ends_in_the_grace_is_told_while_the_rest_goes_on(bench, until):
    ending = bench.call("wait_for", kwargs={"path": str(bench.root / "go")})
    hanging = bench.call("hang", kwargs={"mark": str(bench.root / "mark")})
    with bench.pool(2) as pool:
        pool.submit((ending,))
        pool.submit((hanging,))
        until((bench.root / "mark").exists)
        (bench.root / "go").touch()
        stopping = pool.stop(100_000)
        while not any(isinstance(report, Done) for report in next(stopping)):
            pass
        assert pool.running() == 1
        os.write(pool.wakeup_fd, b"\2")
        assert [type(report) for some in stopping for report in some] == [Returned]


def test_stop_with_a_wake_up_does_not_wait_out_the_grace(bench, until, monkeypatch):
    with bench.pool() as pool:
        pool.submit((bench.call("hang", kwargs={"mark": str(bench.root / "mark")}),))
        until((bench.root / "mark").exists)
        os.write(pool.wakeup_fd, b"\2")  # the signal that asks for the stop is not the one that ends its grace
        signalled_when_draining(pool, monkeypatch)
        reports = [report for some in pool.stop(100_000) for report in some]
    assert [type(r) for r in reports] == [Started, Returned]


def test_a_second_signal_ends_the_grace_even_while_reports_come(bench, until, monkeypatch):
    with bench.pool() as pool:
        pool.submit((bench.call("hang", kwargs={"mark": str(bench.root / "mark")}),))
        until((bench.root / "mark").exists)

        def both(end):
            pool._early.append(Started(0, 0))
            pool._woken = True

        monkeypatch.setattr(pool, "_turn", both)
        (first, *_) = pool.stop(500)
        assert first[0] == Started(0, 0)
        assert pool.running() == 0


def test_a_system_that_cannot_start_a_process_is_told_about_in_words(bench, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(bench.root / "gone"))
    with bench.pool() as pool:
        with pytest.raises(CkptflowError, match="cannot start a worker process: No such file or directory"):
            pool.submit((bench.call("fine"),))
        assert pool.running() == 0


def test_close_kills_a_busy_worker(bench, until):
    with bench.pool() as pool:
        pool.submit((bench.call("family", kwargs={"mark": str(bench.root / "mark")}),))
        until(lambda: (bench.root / "mark").exists() and (bench.root / "mark").read_text())
    for pid in (bench.root / "mark").read_text().split():
        until(lambda pid=pid: not alive(int(pid)))
    assert list((bench.root / "store" / "tmp").glob("*")) == []


def test_staging_of_a_killed_worker_is_removed(bench):
    bench.write("import os\ndef half(out):\n    out.write_text('half')\n    os._exit(1)\n")
    bench.one(bench.call("half"))
    assert list((bench.root / "store" / "tmp").glob("*")) == []


def test_a_worker_that_cannot_start_fails_its_first_task_and_says_why(bench, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    first, second = bench.call("fine"), bench.call("fine")
    final = bench.run(first, second)
    assert final[first.id].failure.kind == "killed"
    assert "could not start" in final[first.id].failure.message
    assert "encodings" in final[first.id].failure.traceback
    assert final[second.id] is None


ENGINE = """
import sys, os
from ckptflow.run.messages import Task, WorkerSetup, Output
from ckptflow.run.pool import Pool
root, mark, kind = sys.argv[1:]
setup = WorkerSetup(root, root + "/store", root + "/cuts")
what = {
    "call": {"call": "steps:family"},
    "native": {"call": "steps:native"},
    "cmd": {"cmd": ("sleep 1000 & echo $$ $! > half; mv half mark; wait",)},
}[kind]
kwargs = {} if kind == "cmd" else {"mark": mark}
outputs = (Output("out", "out.txt", "file", name="out"),)
task = Task(1, "s", "0" * 64, None, 1, (), outputs, root + "/log", kwargs=kwargs, **what)
pool = Pool(1, setup)
pool.submit((task,))
while True: pool.wait(None)
"""


@pytest.mark.parametrize("kind", ["call", "cmd", "native"])
def test_workers_and_what_they_started_die_with_a_killed_engine(bench, until, kind):
    native = "\ndef native(out, mark):\n    Path(mark).write_text(str(os.getpid()))\n    sum(range(10**13))\n"
    bench.write(STEPS + native)
    mark = bench.root / "mark"
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(bench.root), str(mark), kind])
    try:
        until(lambda: mark.exists() and mark.read_text())
        pids = [int(pid) for pid in mark.read_text().split()]
        assert pids and all(map(alive, pids))
    finally:
        engine.kill()
        engine.wait()
    for pid in pids:
        until(lambda pid=pid: not alive(pid))


ITEMS = """
import ctypes, os, signal, time
def one(row, kind, at):
    if row["x"] == at:
        kill = {"crash": lambda: ctypes.string_at(0), "leave": lambda: os._exit(3), "raise": None,
                "kill": lambda: os.kill(os.getpid(), signal.SIGKILL), "hang": lambda: time.sleep(1000)}
        if kill[kind] is None:
            raise MemoryError
        kill[kind]()
    time.sleep(0.02)
    return row
def pid(row): return {"x": os.getpid()}
"""


def items(bench, function, *, rows=4, **more):
    """Return a task that takes rows of a CSV one by one."""
    (bench.root / "rows.csv").write_text("x\n" + "".join(f"{n}\n" for n in range(rows)))
    piece = Piece(digest(b"rows"), AtRows(0, rows), rows, 0)
    source = Source("rows.csv", "csv", "rows")
    table = Output("out", "out.parquet", "parquet", name="out")
    bench.write(ITEMS, "one.py")
    made = bench.call(
        function, (table,), inputs=(Input("row", source, name="row", piece=piece),), each=Each("row"), **more
    )
    return replace(made, call=f"one:{function}")


@pytest.mark.parametrize(
    ("kind", "at", "blamed"),
    [
        ("crash", 2, True),
        ("leave", 2, True),
        ("hang", 2, True),
        ("kill", 2, False),
        ("kill", 0, True),
        ("raise", 2, False),
        ("raise", 0, True),
    ],
)
def test_it_is_told_at_which_item_a_worker_died_and_whether_that_is_to_blame(bench, kind, at, blamed):
    task = items(bench, "one", kwargs={"kind": kind, "at": at}, timeout=4.0 if kind == "hang" else None)
    assert bench.one(task).at == InHand(at, 1, blamed)


def test_in_a_worker_that_has_done_something_before_the_first_item_is_not_to_blame_either(bench):
    before, task = bench.call("fine"), items(bench, "one", kwargs={"kind": "kill", "at": 0})
    assert bench.run(before, task)[task.id].at == InHand(0, 1, False)


def test_the_timeout_is_that_of_an_item(bench):
    report = bench.one(items(bench, "one", rows=225, kwargs={"kind": "hang", "at": -1}, timeout=4.0))
    assert isinstance(report, Done) and report.seconds > 4, "225 times 20 ms: no item took long"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fresh_worker_is_one_that_has_done_nothing(bench, workers):
    with bench.pool(workers) as pool:
        seen = []
        for fresh in (False, True, False, True):
            task = replace(bench.call("pid"), fresh=fresh)
            pool.submit((task,))
            seen.append(bench.text(bench.finish(pool)[task.id]))
        assert pool.idle() == workers
    assert seen[0] != seen[1]
    assert seen[2] in seen[:2]
    assert seen[3] not in seen[:3]
