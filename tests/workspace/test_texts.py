from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ckptflow.errors import EditRefused, SpecError
from ckptflow.workspace import texts
from ckptflow.workspace.texts import Overtaken


def test_every_byte_of_what_stays_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n# \xc3\xa9\r\n")
    file = texts.read(tmp_path, "a.yaml")
    assert file.text == "\ufeffa: 1\r\n# é\r\n"
    texts.replace(file, file.text + "b: 2\r\n")
    assert (tmp_path / "a.yaml").read_bytes() == b"\xef\xbb\xbfa: 1\r\n# \xc3\xa9\r\nb: 2\r\n"
    texts.put_back(file)
    assert (tmp_path / "a.yaml").read_bytes() == file.data


def test_a_new_file_is_made_and_taken_back(tmp_path: Path) -> None:
    file = texts.read(tmp_path, "a.yaml")
    assert file.data is None and file.text == ""
    texts.replace(file, "a: 1\n")
    assert (tmp_path / "a.yaml").read_text() == "a: 1\n"
    texts.put_back(file)
    assert [*tmp_path.iterdir()] == []


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("a: 1\n")
    real.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to("real.yaml")
    texts.replace(texts.read(tmp_path, "link.yaml"), "a: 2\n")
    assert os.readlink(link) == "real.yaml" and real.read_text() == "a: 2\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_what_was_saved_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    file = texts.read(tmp_path, "a.yaml")
    path.write_text("mine: 1\n")
    with pytest.raises(Overtaken):
        texts.replace(file, "a: 2\n")
    path.unlink()
    with pytest.raises(Overtaken):
        texts.replace(file, "a: 2\n")
    assert [*tmp_path.iterdir()] == []
    new = texts.read(tmp_path, "a.yaml")
    path.write_text("mine: 1\n")
    with pytest.raises(Overtaken):
        texts.replace(new, "a: 2\n")


def test_a_read_only_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o444)
    with pytest.raises(EditRefused, match="read-only"):
        texts.replace(texts.read(tmp_path, "a.yaml"), "a: 2\n")
    assert path.read_text() == "a: 1\n" and [p.name for p in tmp_path.iterdir()] == ["a.yaml"]


def test_an_interrupt_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    file = texts.read(tmp_path, "a.yaml")

    def interrupted(fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        texts.replace(file, "a: 2\n")
    assert path.read_text() == "a: 1\n" and [p.name for p in tmp_path.iterdir()] == ["a.yaml"]


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="not UTF-8"):
        _ = texts.read(tmp_path, "a.yaml").text
    (tmp_path / "dir.yaml").mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        texts.read(tmp_path, "dir.yaml")
    with pytest.raises(EditRefused, match="cannot be written"):
        texts.replace(texts.read(tmp_path, "no/such/a.yaml"), "a: 1\n")
