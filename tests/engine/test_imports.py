"""A run of commands does not pay for what functions and tables need."""

from __future__ import annotations

import subprocess
import sys

NEEDLESS = {
    *("numpy", "pyarrow", "pandas", "fsspec", "rich", "email", "zipfile", "importlib.metadata"),
    *(
        "ckptflow.fingerprint.code",
        "ckptflow.engine.identify",
        "ckptflow.engine.inspect",
        "ckptflow.checkpoints.verify",
    ),
    *("ckptflow.formats.tables", "ckptflow.formats.dataset"),
}


def test_a_first_run_of_commands(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("stages: {a: {cmd: echo 1 > a.txt, outs: [a.txt]}}")
    code = (
        "import sys; from ckptflow.cli.main import main; code = main(['repro', '-q']);"
        " print(code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert NEEDLESS.intersection(modules) == set()
