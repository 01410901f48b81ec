"""Edge. The project's key, with which what goes to remotes is signed: where it is, and whether it may be used.

From the variable CKPTFLOW_KEY, else from the file that the setting `key_file` names. Every machine that is to trust
the others has the same one. Rules: the key is in no repr, error, log, cache or record, and workers do not get it; a
file that git tracks is refused, since everybody who can read the repository would have it.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from ..dataclass import dataclass, field
from ..errors import KeyUnusable

VARIABLE = "CKPTFLOW_KEY"
BYTES_LEAST = 16
BYTES_MOST = 64 << 10

_MAKE = "make one: `python -c 'import secrets; print(secrets.token_hex(32))'`"


@dataclass(frozen=True, slots=True)
class Key:
    """The key and, for people, where it is from: the variable's name or the file's path as the setting has it."""

    secret: bytes = field(repr=False)
    origin: str


def find_key(root: Path, key_file: str | None, env: Mapping[str, str]) -> Key | None:
    """Return the key of the project at `root`, None where none is set.

    `key_file` is the setting: a path relative to `root`, `~` for the home. White space around the key is no part of it.
    Raises `KeyUnusable` for a key that is too short, or a file that cannot be read or that git tracks.
    """
    if env.get(VARIABLE):
        return _checked(env[VARIABLE].encode("utf-8", "surrogateescape"), VARIABLE)
    if key_file is None:
        return None
    path = key_path(root, key_file)
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MOST + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise KeyUnusable(f"the key file `{key_file}` cannot be read: {why}", hint=f"{_MAKE} > {key_file}") from None
    if len(data) > BYTES_MOST:
        raise KeyUnusable(f"`{key_file}` is no key: it is larger than {BYTES_MOST >> 10} KiB", hint=_MAKE)
    from .git import Git  # only for who has a key file

    if Git.tracks(path.resolve()):
        raise KeyUnusable(
            f"git tracks the key file `{key_file}`: whoever can read the repository has the key",
            hint=f"`git rm --cached {key_file}`, add it to .gitignore, and make another key",
        )
    return _checked(data, key_file)


def key_path(root: Path, key_file: str) -> Path:
    """Return the file that the setting names."""
    return root / Path(key_file).expanduser()


def is_open_to_others(root: Path, key_file: str) -> bool:
    """Tell whether other users of this machine may read the key file, or write it. Raises OSError."""
    return bool(stat.S_IMODE(key_path(root, key_file).stat().st_mode) & 0o077)


def _checked(data: bytes, origin: str) -> Key:
    secret = data.strip()
    if len(secret) < BYTES_LEAST:
        raise KeyUnusable(f"the key in {origin} is shorter than {BYTES_LEAST} bytes", hint=_MAKE)
    return Key(secret, origin)
