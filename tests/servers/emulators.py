"""Edge. Where the emulators of Azure and Google are, which no package of this project brings.

`sh .ci/setup-emulators` puts both into `.emulators/`. Elsewhere they are found on the PATH, or by the environment
variables AZURITE and GCS_EMULATOR, which name the programs.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .process import ROOT

INSTALLED = ROOT / ".emulators"


def find_azurite() -> str | None:
    """Return the program of Azurite's blob service."""
    return _find("AZURITE", "azurite-blob", INSTALLED / "node_modules/.bin")


def find_gcs() -> str | None:
    """Return the program of `gcp-storage-emulator`."""
    return _find("GCS_EMULATOR", "gcp-storage-emulator", INSTALLED / "python/bin", Path(sys.executable).parent)


def _find(variable: str, program: str, *places: Path) -> str | None:
    if named := os.environ.get(variable):
        return named
    for place in places:
        if found := shutil.which(program, path=str(place)):
            return found
    return shutil.which(program)
