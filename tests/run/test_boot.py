from __future__ import annotations

import subprocess
import sys

from ckptflow.run import boot


def test_the_worker_started_ahead_is_the_first_that_a_pool_takes(bench, monkeypatch):
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **kwargs: started.append(real(*args, **kwargs)) or started[-1]
    )
    boot.boot_ahead()
    assert len(started) == 1
    report = bench.one(bench.cmd("echo $PPID"), env={"MINE": "1"})
    assert len(started) == 1, "no other was started"
    assert report.task
    bench.one(bench.cmd("true"))
    assert len(started) == 2


def test_its_tasks_run_where_they_belong_and_with_what_the_pool_says(bench, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    boot.boot_ahead()
    failure = bench.one(bench.cmd('echo "$MINE $PWD"; exit 1'), env={"MINE": "yes"}).failure
    assert failure.output == f"yes {bench.root}\n"


def test_one_that_nobody_takes_ends_with_its_process(until):
    code = "from ckptflow.run import boot; boot.boot_ahead(); print(boot._ahead[0].process.pid)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    until(lambda: subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode != 0)


def test_a_system_without_room_is_no_error_before_a_worker_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    boot.boot_ahead()
    assert boot._ahead == []
