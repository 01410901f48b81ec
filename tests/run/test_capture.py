from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from pathlib import Path
from ckptflow.run.capture import Capture

root = Path(sys.argv[1])
logs = root / "logs"
capture = Capture()

def task(name, text=""):
    capture.begin(str(logs / name))
    assert (logs / name).exists(), "a running task has its log"
    print(text, end="")
    return capture.end()

assert not task("a")
first = os.stat(logs / "a").st_ino
assert not task("b")
assert os.stat(logs / "b").st_ino == first, "the empty file is used again"
assert task("c", "text")
assert task("d", "more")
assert not task("e")
(logs / "e").unlink()
assert not task("f"), "a log that somebody removed is made again"
assert not task("deep/er/g"), "another directory"
capture.begin(str(logs / "h"))
capture.end()
os.write(1, b"late")  # by something that the task left behind
assert not task("i")
capture.close()
"""


def test_empty_logs_are_used_again_and_never_left(tmp_path):
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, timeout=60)
    left = {
        p.relative_to(tmp_path / "logs").as_posix(): p.read_text()
        for p in Path(tmp_path / "logs").rglob("*")
        if p.is_file()
    }
    assert left == {"c": "text", "d": "more", "h": "late"}
