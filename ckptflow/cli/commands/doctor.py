"""Edge. `ckptflow doctor`: whether this machine and this project are fit to run."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import click

from ... import __version__
from ...dataclass import dataclass
from ...errors import CkptflowError
from .. import terminal
from ..exits import Exit
from ..session import Session, as_json, verbosity

if TYPE_CHECKING:
    from ...report.views import Check

_PACKAGES = ("pyarrow", "numpy", "blake3", "xxhash", "fsspec", "click", "rich", "PyYAML")
_OPTIONAL = ("pandas", "polars")


@dataclass(frozen=True, slots=True)
class _Checked:
    name: str
    ok: bool
    detail: str
    hint: str | None = None


@click.command("doctor")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """Check this machine and this project. Exit 1 if anything is not well."""
    from ...report.listings import check_lines

    checks = [*_machine(), *_project(session)]
    well = all(check.ok for check in checks)
    if as_json:
        fields = ("name", "ok", "detail", "hint")
        terminal.document({"ok": well, "checks": [{f: getattr(check, f) for f in fields} for check in checks]})
    else:
        terminal.lines(check_lines(checks, terminal.style(sys.stdout)))
    return Exit.DONE if well else Exit.FAILED


def _machine() -> list[Check]:
    versions = {name: _version(name) for name in (*_PACKAGES, *_OPTIONAL)}
    missing = [name for name in _PACKAGES if versions[name] is None]
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    hint = f"install {', '.join(missing)}" if missing else None
    return [
        _Checked("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        _Checked("ckptflow", True, __version__),
        _Checked("packages", not missing, there, hint),
    ]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _project(session: Session) -> Sequence[Check]:
    try:
        return session.project().doctor()
    except CkptflowError as error:
        return [_Checked("project", False, str(error), error.hint)]
