from __future__ import annotations

import pytest

from ckptflow.ids import digest
from ckptflow.workspace.cache import Cache
from ckptflow.workspace.sources import IndexMemory, ProjectSources


def test_modules_and_packages(tmp_path, write):
    write("m.py", "x = 1\n")
    write("p/__init__.py", "y = 1\n")
    write("p/q.py", "z = 1\n")
    write("n/r.py", "")
    sources = ProjectSources(tmp_path)
    assert (sources.module("m").path, sources.module("m").is_package) == ("m.py", False)
    assert (sources.module("p").path, sources.module("p").is_package) == ("p/__init__.py", True)
    assert sources.module("p.q").text == "z = 1\n"
    assert sources.module("n").is_package
    assert sources.module("os") is None
    assert sources.module("p.nothing") is None
    assert sources.module("..m") is None
    assert sources.read["m.py"] == digest(b"x = 1\n")
    assert sources.read["os.py"] is None
    assert "m.py" in sources.seen
    assert "os.py" not in sources.seen


def test_a_package_hides_a_module(tmp_path, write):
    write("m.py", "x = 1\n")
    write("m/__init__.py", "x = 2\n")
    sources = ProjectSources(tmp_path)
    assert sources.module("m").text == "x = 2\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# coding: latin-1\nx = '\xe9'\n", "# coding: latin-1\nx = 'é'\n"),
        (b"x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
    ],
)
def test_text_is_read_as_python_reads_it(tmp_path, data, text):
    (tmp_path / "m.py").write_bytes(data)
    found = ProjectSources(tmp_path).module("m")
    assert found.text == text
    assert found.digest == digest(data)


def test_indexes_are_kept():
    memory = IndexMemory(Cache(None))
    assert memory.get("m") is None
    memory.put("m", {"a": [1]})
    assert memory.get("m") == {"a": [1]}
