"""Deps at URLs, on a server of the test's own and through fsspec."""

from __future__ import annotations

import http.server
import threading
from typing import ClassVar

import fsspec
import pytest

from ckptflow.errors import DepMissing, DepUnreadable
from ckptflow.workspace.urls import url_digest


class Server(http.server.BaseHTTPRequestHandler):
    files: ClassVar[dict[str, tuple[bytes, dict[str, str]]]] = {}
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.asked.append(self.command)
        if self.path == "/broken":
            self.send_error(500)
            return
        if self.path not in self.files:
            self.send_error(404)
            return
        data, headers = self.files[self.path]
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server():
    Server.files, Server.asked = {}, []
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_the_server_s_word_names_the_content(server, header):
    Server.files["/x?y=1"] = (b"one", {header: "a"})
    first, size = url_digest(f"{server}/x?y=1")
    assert size == 3
    assert url_digest(f"{server}/x?y=1")[0] == first
    Server.files["/x?y=1"] = (b"two", {header: "b"})
    assert url_digest(f"{server}/x?y=1")[0] != first
    assert "GET" not in Server.asked


def test_without_a_word_the_bytes_do(server):
    Server.files["/x"] = (b"one", {})
    first = url_digest(f"{server}/x")
    assert first[1] == 3
    Server.files["/x"] = (b"two", {})
    assert url_digest(f"{server}/x")[0] != first[0]


def test_missing_is_not_unreachable(server):
    with pytest.raises(DepMissing):
        url_digest(f"{server}/nothing")
    for url in (f"{server}/broken", "http://127.0.0.1:1/x", "no-such-scheme://x/y"):
        with pytest.raises(DepUnreadable):
            url_digest(url)


def test_other_schemes_through_fsspec(tmp_path):
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/urls/a", b"one")
    first = url_digest("memory://urls/a")[0]
    fs.pipe_file("/urls/a", b"two!")
    assert url_digest("memory://urls/a")[0] != first
    directory = url_digest("memory://urls")[0]
    fs.pipe_file("/urls/b", b"more")
    assert url_digest("memory://urls")[0] != directory
    with pytest.raises(DepMissing):
        url_digest("memory://urls/nothing")


def test_a_command_that_depends_on_a_url(server, tmp_path, monkeypatch):
    from ckptflow.project import Project

    Server.files["/data"] = (b"one", {"ETag": "1"})
    (tmp_path / "pipeline.yaml").write_text(f"stages: {{s: {{cmd: date +%N > o, deps: ['{server}/data'], outs: [o]}}}}")
    project = Project(tmp_path)
    assert [s.state for s in project.repro().stages] == ["ran"]
    assert [s.state for s in project.repro().stages] == ["fresh"]
    Server.files["/data"] = (b"two", {"ETag": "2"})
    assert [s.state for s in project.status().stages] == ["stale"]
    assert [s.state for s in project.repro().stages] == ["ran"]
