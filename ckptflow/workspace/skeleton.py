"""Pure. What every project has besides its pipeline, as texts: settings to fill in, what git is to ignore."""

from __future__ import annotations

from collections.abc import Sequence

CONFIG_FILE = ".ckptflow/config.yaml"
LOCAL_CONFIG_FILE = ".ckptflow/config.local.yaml"
SCHEMA_FILE = ".ckptflow/pipeline.schema.json"
MODELINE = "# yaml-language-server: $schema="

CONFIG = """\
# Settings of this project, for everyone; those of this machine alone belong in config.local.yaml, which git ignores.
# `ckptflow config` shows what holds and why.
#
# store: .ckptflow/store      where finished chunks are kept
# jobs: 4                     worker processes; one a core where it is not set
# durability: batch           batch, strict or off: what a loss of power may cost
"""

IGNORED = (
    "/.ckptflow/store/",
    "/.ckptflow/cache.db*",
    "/.ckptflow/config.local.yaml",
    "/.ckptflow/tmp/",
    "/.ckptflow/logs/",
    "/.ckptflow/cuts/",
    "/.ckptflow/remotes/",
    "/.ckptflow/fresh/",
)
"""What git is not to keep, in any project. A run sees to it too, for projects that were not begun with `init`."""


def with_ignored(text: str, wanted: Sequence[str]) -> str:
    """Return the text of a `.gitignore` with the lines of `wanted` that it lacks added at its end."""
    known = {line.strip() for line in text.splitlines()}
    missing = [line for line in wanted if line not in known and line.lstrip("/") not in known]
    if not missing:
        return text
    start = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{start}# ckptflow: what can be made again\n" + "".join(f"{line}\n" for line in missing)


def with_modeline(text: str, file: str) -> str:
    """Return the text of the pipeline file `file` (from the root) with the line that tells editors its schema."""
    if MODELINE in text.split("stages:", 1)[0]:
        return text
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{mark}{MODELINE}{'../' * file.count('/')}{SCHEMA_FILE}{end}{text[len(mark) :]}"
