from __future__ import annotations

from hashlib import md5
from pathlib import Path

import pytest

from ckptflow.ids import digest
from ckptflow.workspace.cache import Cache
from ckptflow.workspace.md5s import Md5s, hash_md5

TEXT = b"one\r\ntwo\r\n"
BINARY = b"\0one\r\n"


def of(data: bytes) -> str:
    return md5(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "legacy"),
    [
        (TEXT, TEXT.replace(b"\r", b"")),
        (BINARY, BINARY),
        (b"", b""),
        (b"\xe9" * 4 + b"abcdef\r\n", b"\xe9" * 4 + b"abcdef\r\n"),
        (b"\xe9" * 3 + b"abcdef\r\n", b"\xe9" * 3 + b"abcdef\n"),
        (b"x" * (1 << 20) + BINARY, b"x" * (1 << 20) + BINARY),
        (b"x" * ((1 << 20) - 1) + b"\r\n", b"x" * ((1 << 20) - 1) + b"\r\n"),
        (b"\0" * (1 << 20) + TEXT, b"\0" * (1 << 20) + TEXT.replace(b"\r", b"")),
    ],
)
def test_both_forms(tmp_path: Path, data: bytes, legacy: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert hash_md5(file, legacy=False) == of(data)
    assert hash_md5(file, digest(data), legacy=True) == of(legacy)
    assert hash_md5(file, digest(b"other"), legacy=False) is None


def test_they_are_kept_by_content(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.db")
    files = []
    for number in range(100):
        file = tmp_path / str(number)
        file.write_bytes(b"%d\r\n" % number)
        files.append((digest(file.read_bytes()), file))
    wanted = [of(b"%d\r\n" % number) for number in range(100)]
    assert Md5s(cache).of(files, legacy=False) == wanted
    old = Md5s(cache).of(files[:1], legacy=True)
    for _, file in files:
        file.unlink()
    cache.close()
    again = Md5s(Cache(tmp_path / "cache.db"))
    assert again.of(files, legacy=False) == wanted
    assert again.of(files[:1], legacy=True) == old == [of(b"0\n")]
    assert Md5s(Cache(tmp_path / "cache.db")).of(files[-1:], legacy=False) == wanted[-1:]
    with pytest.raises(FileNotFoundError):
        again.of(files[1:2], legacy=True)


def test_a_file_that_is_not_what_it_was_has_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"now")
    assert Md5s(Cache(None)).of([(digest(b"then"), file)], legacy=False) == [None]
