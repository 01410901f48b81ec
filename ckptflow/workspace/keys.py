"""Edge. The project's key, with which what goes to remotes is signed: where it is, and whether it may be used.

From the variable CKPTFLOW_KEY, else from the file that the setting `key_file` names. Every machine that is to trust
the others has the same one. Rules: the key is in no repr, error, log, cache or record, and workers do not get it; a
file that git tracks is refused, since everybody who can read the repository would have it.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from ..checkpoints.keys import VARIABLE, Key, key_of_file, key_of_variable
from ..errors import KeyUnusable

__all__ = ["VARIABLE", "Key", "find_key", "is_open_to_others", "key_path"]


def find_key(root: Path, key_file: str | None, env: Mapping[str, str]) -> Key | None:
    """Return the key of the project at `root`, None where none is set.

    `key_file` is the setting: a path relative to `root`, `~` for the home. White space around the key is no part of it.
    Raises `KeyUnusable` for a key that is too short, or a file that cannot be read or that git tracks.
    """
    found = key_of_variable(env)
    if found is not None or key_file is None:
        return found
    path = key_path(root, key_file)
    found = key_of_file(path, key_file)
    from .git import Git  # only for who has a key file

    if Git.tracks(path.resolve()):
        raise KeyUnusable(
            f"git tracks the key file `{key_file}`: whoever can read the repository has the key",
            hint=f"`git rm --cached {key_file}`, add it to .gitignore, and make another key",
        )
    return found


def key_path(root: Path, key_file: str) -> Path:
    """Return the file that the setting names."""
    return root / Path(key_file).expanduser()


def is_open_to_others(root: Path, key_file: str) -> bool:
    """Tell whether other users of this machine may read the key file, or write it. Raises OSError."""
    return bool(stat.S_IMODE(key_path(root, key_file).stat().st_mode) & 0o077)
