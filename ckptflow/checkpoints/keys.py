"""Edge. A key with which what others are to believe is signed: what makes one good, and how it is read.

Rules: the key is in no repr, error, log, cache or record.
"""

from __future__ import annotations

import os
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


def checked(data: bytes, origin: str) -> Key:
    """Return a key without the white space around it. Raises `KeyUnusable` for one that is too short."""
    secret = data.strip()
    if len(secret) < BYTES_LEAST:
        raise KeyUnusable(f"the key in {origin} is shorter than {BYTES_LEAST} bytes", hint=_MAKE)
    return Key(secret, origin)


def key_of_variable(env: Mapping[str, str]) -> Key | None:
    """Return the key in the environment, None where there is none. Raises `KeyUnusable`."""
    text = env.get(VARIABLE)
    return checked(text.encode("utf-8", "surrogateescape"), VARIABLE) if text else None


def key_of_file(path: Path, origin: str) -> Key:
    """Return the key in a file, which `origin` names in errors. Raises `KeyUnusable`."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MOST + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise KeyUnusable(f"the key file `{origin}` cannot be read: {why}", hint=f"{_MAKE} > {origin}") from None
    if len(data) > BYTES_MOST:
        raise KeyUnusable(f"`{origin}` is no key: it is larger than {BYTES_MOST >> 10} KiB", hint=_MAKE)
    return checked(data, origin)


def key_given(key: str | bytes | os.PathLike[str] | None) -> Key | None:
    """Return the key that a program gives: itself, or the path of its file; None: that of the environment.

    Raises `KeyUnusable`.
    """
    if key is None:
        return key_of_variable(os.environ)
    if isinstance(key, os.PathLike):
        return key_of_file(Path(key).expanduser(), os.fspath(key))
    return checked(key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key, "`key`")
