from __future__ import annotations

import io

import pytest

from ckptflow.cli import terminal


class Stream(io.TextIOWrapper):
    def __init__(self, tty: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "color", "auto")


@pytest.mark.parametrize(
    ("tty", "env", "option", "color"),
    [
        (True, {}, "auto", True),
        (False, {}, "auto", False),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"NO_COLOR": ""}, "auto", True),
        (True, {"TERM": "dumb"}, "auto", False),
        (False, {"FORCE_COLOR": "1"}, "auto", True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        (True, {}, "never", False),
        (False, {"NO_COLOR": "1"}, "always", True),
    ],
)
def test_color(monkeypatch: pytest.MonkeyPatch, tty: bool, env: dict[str, str], option: str, color: bool) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(terminal, "color", option)
    assert terminal.style(Stream(tty)).color is color


@pytest.mark.parametrize(
    ("tty", "env", "live"),
    [(True, {}, True), (False, {}, False), (True, {"TERM": "dumb"}, False), (True, {"CI": "true"}, False)],
)
def test_live(monkeypatch: pytest.MonkeyPatch, tty: bool, env: dict[str, str], live: bool) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert terminal.is_live(Stream(tty)) is live


def test_no_stream_is_no_terminal() -> None:
    assert not terminal.is_live(None)
    assert not terminal.style(None).color


@pytest.mark.parametrize(("encoding", "has"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_signs_by_encoding(encoding: str, has: bool) -> None:
    assert terminal.style(Stream(True, encoding)).unicode is has


def test_a_stream_that_fails_is_nobodys_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Broken())
    terminal.say("hello")
    monkeypatch.setattr("sys.stdout", Broken())
    with pytest.raises(OSError, match="Input/output"):
        terminal.result("hello")
