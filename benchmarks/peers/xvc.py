"""Pure. xvc: a pipeline that is imported. The wheel has no command: a script hands its arguments to the library, which
takes one command a process.
"""

from __future__ import annotations

import json
from pathlib import Path

from .peer import Copies, Peer, Work

SCRIPT = """\
import sys

import xvc

sys.stdout.write(xvc.run_xvc(" ".join(["xvc", *sys.argv[1:]])) or "")
"""


def write_stages(directory: Path, copies: Copies) -> None:
    steps = [
        {
            "name": f"s{n}",
            "command": f"cp {source} {out}",
            "invalidate": "ByDependencies",
            "dependencies": [{"File": {"path": source, "content_digest": None, "xvc_metadata": None}}],
            "outputs": [{"File": {"path": out}}],
        }
        for n, (source, out) in enumerate(copies.pairs())
    ]
    (directory / "x.py").write_text(SCRIPT)
    (directory / "steps.json").write_text(json.dumps({"name": "default", "steps": steps, "version": 1, "workdir": ""}))


PEER = Peer(
    "xvc",
    ("xvc==0.6.17",),
    stages=Work(
        write_stages,
        ("python", "x.py", "pipeline", "run"),
        most=200,
        most_first=200,
        prepare=(
            ("python", "x.py", "init", "--no-git"),
            ("python", "x.py", "pipeline", "import", "--file", "steps.json", "--overwrite"),
        ),
    ),
)
