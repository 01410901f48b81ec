"""What the interpreter writes when it is taken down, as a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ckptflow
from ckptflow.run.crashes import crash

ENGINE = ckptflow.__file__.rpartition("/")[0]
TEXT = f"""\
something the function said
Fatal Python error: Segmentation fault

Thread 0x00007f0000000001 (most recent call first):
  File "{ENGINE}/run/minding.py", line 80 in _run

Current thread 0x00007f0000000002 (most recent call first):
  File "/lib/native.py", line 3 in deep
  File "/project/work.py", line 7 in one
  File "{ENGINE}/run/items.py", line 200 in _call
  File "<string>", line 9 in <module>

Extension modules: numpy.linalg, pyarrow.lib (total: 2)
"""


def test_it_has_the_user_s_frames_the_innermost_last(tmp_path):
    log = tmp_path / "log"
    log.write_text("x" * 200_000 + "\n" + TEXT)
    assert crash(str(log), "/project").splitlines() == [
        "Traceback (most recent call last):",
        '  File "work.py", line 7, in one',
        '  File "/lib/native.py", line 3, in deep',
        "Fatal Python error: Segmentation fault",
    ]


@pytest.mark.parametrize("text", ["", "no word of it\n", "Fatal Python error: and no frames\n"])
def test_it_is_empty_where_nothing_was_written(tmp_path, text):
    log = tmp_path / "log"
    log.write_text(text)
    assert crash(str(log), "/project") == ""
    assert crash(str(tmp_path / "none"), "/project") == ""


def test_it_reads_what_this_interpreter_writes(tmp_path):
    program = tmp_path / "work.py"
    program.write_text("import ctypes\ndef fall():\n    ctypes.string_at(0)\n")
    start = "import faulthandler, sys; faulthandler.enable(); sys.path.insert(0, sys.argv[1]); import work; work.fall()"
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", start, str(tmp_path)], stderr=log, check=False)
    lines = crash(str(tmp_path / "log"), str(tmp_path)).splitlines()
    assert lines[1] == '  File "work.py", line 3, in fall'
    assert lines[-1] == "Fatal Python error: Segmentation fault"
