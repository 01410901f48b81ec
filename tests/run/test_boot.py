from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from ckptflow.run import boot
from ckptflow.run.messages import Output

needs_fork = pytest.mark.skipif(not boot._FORKS, reason="workers are forked on Linux alone")


@pytest.fixture
def started(monkeypatch):
    """The interpreters that were started; what was started ahead ends with the test."""
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **kwargs: started.append(real(*args, **kwargs)) or started[-1]
    )
    yield started
    while boot._nurseries:
        boot._nurseries.pop().close()


def test_the_workers_of_a_pool_come_out_of_what_was_started_ahead(bench, started):
    boot.boot_ahead()
    assert len(started) == 1
    assert bench.one(bench.cmd("echo $PPID"), env={"MINE": "1"}).task
    assert len(started) == 1, "no other was started"


@needs_fork
def test_there_are_as_many_as_are_wanted(bench, started):
    boot.boot_ahead()
    with bench.pool(3) as pool:
        for _ in range(3):
            pool.submit((bench.cmd("sleep 0.1"),))
        assert len(bench.finish(pool)) == 3
    assert bench.one(bench.cmd("true")).task, "another pool"
    assert len(started) == 1


@needs_fork
@pytest.mark.parametrize(
    ("end", "message"),
    [("os._exit(7)", "ended with status 7"), ("os.kill(os.getpid(), 9)", "was killed by SIGKILL")],
)
def test_how_one_of_them_died_is_known(bench, started, end, message):
    bench.write(f"import os\ndef die(out):\n    {end}\n")
    boot.boot_ahead()
    assert message in bench.one(bench.call("die")).failure.message


@needs_fork
def test_without_the_nursery_workers_are_started_in_the_ordinary_way(bench, started):
    boot.boot_ahead()
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    assert bench.one(bench.cmd("true")).task
    assert len(started) == 2 and boot._nurseries == []


@needs_fork
def test_a_worker_outlives_the_nursery(bench, started):
    bench.write("import os, signal\ndef kill(pid, out):\n    os.kill(pid, signal.SIGKILL)\n    out.touch()\n")
    boot.boot_ahead()
    assert bench.one(bench.call("kill", kwargs={"pid": started[0].pid})).outs


@needs_fork
def test_a_nursery_that_cannot_fork_says_so(monkeypatch):
    from ckptflow.run import nursery

    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    assert nursery._fork() == -11


def test_tasks_run_where_they_belong_and_with_what_the_pool_says(bench, started, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    boot.boot_ahead()
    failure = bench.one(bench.cmd('echo "$MINE $PWD"; exit 1'), env={"MINE": "yes"}).failure
    assert failure.output == f"yes {bench.root}\n"


COPY = """
import os, sys
from ckptflow.run import boot
real = boot._interpreter
boot._interpreter = lambda *args: print("an interpreter was started", flush=True) or real(*args)
read, _ = os.pipe()
os.dup2(read, 100, inheritable=True)
sys.argv = ["ckptflow", "repro", "-q"]
from ckptflow.cli.main import main
sys.exit(main())
"""


@needs_fork
def test_commands_come_out_of_a_copy_of_the_command_line(tmp_path):
    told = "$TZ $LC_ALL $PYTHONHASHSEED [$CKPTFLOW_KEY]"
    cmd = f'test ! -e /proc/self/fd/100 && echo "{told}" > out.txt'
    (tmp_path / "pipeline.yaml").write_text(json.dumps({"stages": {"a": {"cmd": cmd, "outs": ["out.txt"]}}}))
    env = {**os.environ, "CKPTFLOW_KEY": "secret"}
    done = subprocess.run([sys.executable, "-c", COPY], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert (tmp_path / "out.txt").read_text() == "UTC C.UTF-8 0 []\n"


@needs_fork
def test_a_process_of_several_threads_is_not_copied(started):
    other = threading.Event()
    thread = threading.Thread(target=other.wait)
    thread.start()
    try:
        boot.boot_ahead(functions=False)
        assert len(started) == 1 and boot._nurseries[-1].functions
    finally:
        other.set()
        thread.join()


@needs_fork
def test_functions_do_not(bench, started):
    bench.write("import os\ndef seed(out):\n    out.write_text(str(hash('a')))\n")
    boot.boot_ahead(functions=False)
    made = bench.one(bench.call("seed", outputs=(Output("out", "out.txt", "file", name="out"),)))
    assert len(started) == 1
    code = "print(hash('a'), end='')"
    fixed = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True)
    assert bench.text(made) == fixed.stdout.decode()


@pytest.mark.parametrize("functions", [True, pytest.param(False, marks=needs_fork)])
def test_what_nobody_asks_for_ends_with_its_process(until, functions):
    code = """
import os, sys
from ckptflow.run import boot
boot.boot_ahead(functions=sys.argv[1] == "True")
started = boot._nurseries[0]._process if boot._nurseries else boot._ahead[0].process
print(started.pid, flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code, str(functions)], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    until(lambda: subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode != 0)


def test_a_system_without_room_is_no_error_before_a_worker_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    boot.boot_ahead()
    assert boot._ahead == [] and boot._nurseries == []
