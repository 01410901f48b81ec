"""Pure. DVC: a `dvc.yaml`, without git. First runs take time that is quadratic in the number of stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .peer import Copies, Peer, Reads, Work


def write_stages(directory: Path, copies: Copies) -> None:
    _write(
        directory,
        {
            f"s{n}": {"cmd": f"cp {source} {out}", "deps": [source], "outs": [out]}
            for n, (source, out) in enumerate(copies.pairs())
        },
    )


def write_reads(directory: Path, reads: Reads) -> None:
    _write(directory, {"look": {"cmd": f"echo {reads.path} > out.txt", "deps": [reads.path], "outs": ["out.txt"]}})


def _write(directory: Path, stages: Mapping[str, Mapping[str, Any]]) -> None:
    lines = ["stages:"]
    for name, stage in stages.items():
        lines += [f"  {name}:", f"    cmd: {stage['cmd']}"]
        for field in ("deps", "outs"):
            lines += [f"    {field}:", *(f"    - {path}" for path in stage[field])]
    (directory / "dvc.yaml").write_text("\n".join(lines) + "\n")


INIT = (("dvc", "init", "--no-scm", "-q", "-f"), ("dvc", "config", "core.check_update", "false"))
PEER = Peer(
    "dvc",
    ("dvc==3.67.1", "dvc-s3==3.3.0"),
    version=("dvc", "--version"),
    stages=Work(write_stages, ("dvc", "repro", "-q"), most=200, most_first=50, prepare=INIT),
    reads=Work(write_reads, ("dvc", "repro", "-q"), prepare=INIT),
    env={"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": ".dvc/site"},
)
