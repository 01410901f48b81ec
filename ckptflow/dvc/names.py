"""Pure. What DVC calls the places where it keeps what it knows of a project."""

from __future__ import annotations

FOLDER = ".dvc"
"""The directory at the root of a project of DVC's."""

LOCK = "dvc.lock"
"""What it noted of the stages of a pipeline file, beside that file."""

SUFFIX = ".dvc"
"""The end of the names of files that track data."""
