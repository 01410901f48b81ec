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
