from __future__ import annotations

from pathlib import Path

import pytest

from ckptflow.ids import digest
from ckptflow.store.lent import LentObjects
from ckptflow.store.memory import MemoryStore
from ckptflow.store.protocol import NotThere


def test_what_is_lent_counts_and_nothing_is_written(tmp_path: Path) -> None:
    store = MemoryStore()
    objects = LentObjects(store)
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    name, size = objects.put_file(file, move=False)
    assert (name, size) == (digest(b"abc"), 3)
    text = objects.put(b"text")
    assert objects.has(name, 3) and objects.has(text) and not objects.has(digest(b"other"))
    assert objects.path(name) == file and objects.get(name) == b"abc"
    assert objects.get(text) == objects.path(text).read_bytes() == b"text"
    assert list(store.list("")) == []
    with pytest.raises(NotThere):
        objects.get(digest(b"other"))
