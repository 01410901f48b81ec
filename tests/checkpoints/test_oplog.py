"""The log of what happens to checkpoints: who hears it, and what it costs where nobody listens."""

from __future__ import annotations

import logging
import subprocess
import sys

from ckptflow.checkpoints.oplog import LOGGER, Level, OperationLog


def test_lines_go_to_the_logger_the_file_and_whoever_follows_the_run(tmp_path, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    heard = []
    path = tmp_path / "logs" / "r1" / "checkpoints.log"
    ops = OperationLog(path, lambda level, text: heard.append((level, text)))
    assert not path.exists(), "nothing is made before the first line"
    ops.info("a written")
    ops.warning("b passed over:\ncorrupt")
    ops.close()
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "a written"),
        ("WARNING", "b passed over:\ncorrupt"),
    ]
    assert heard == [(Level.INFO, "a written"), (Level.WARNING, "b passed over:\ncorrupt")]
    lines = [line.split(" ", 2) for line in path.read_text().splitlines()]
    assert [line[1:] for line in lines] == [["info", "a written"], ["warning", "b passed over: corrupt"]]
    assert all(line[0].endswith("Z") for line in lines)


def test_what_cannot_be_logged_has_happened_all_the_same(tmp_path):
    (tmp_path / "logs").write_text("a file stands there")
    heard = []
    ops = OperationLog(tmp_path / "logs" / "r1.log", lambda level, text: heard.append(text))
    ops.info("one")
    ops.info("two")
    ops.close()
    assert heard == ["one", "two"]


def test_whoever_does_not_listen_pays_nothing():
    code = (
        "import sys; from ckptflow.checkpoints.oplog import OperationLog;"
        " OperationLog().warning('not heard'); print('logging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_program_that_has_set_nothing_up_is_told_nothing():
    code = "import logging; from ckptflow.checkpoints.oplog import OperationLog; OperationLog().warning('not heard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_another_thread_that_is_just_loading_the_module_is_waited_for():
    """Half-loaded it is among the modules already, and has nothing in it."""
    script = """
import importlib.util, sys, threading
from ckptflow.checkpoints.oplog import OperationLog

assert "logging" not in sys.modules
begun, go_on = threading.Event(), threading.Event()


class Slow:
    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            begun.set()
            go_on.wait()
            execute(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Slow())
loading = threading.Thread(target=__import__, args=("logging",))
loading.start()
begun.wait()
threading.Timer(0.2, go_on.set).start()
heard = []
OperationLog(hear=lambda level, text: heard.append(text)).info("a written")
loading.join()
print(heard)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("['a written']\n", "")
