"""Which of several records with one loose key counts: one of the code of now, else the newest, of those all there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.trust import marked
from ckptflow.chunk.model import Part
from ckptflow.dataclass import replace
from ckptflow.engine.session import Session, StorePast, open_session
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.model import Partial, Record
from ckptflow.project import Project
from ckptflow.workspace.settings import Settings

STAGE = StageName("s")
LOOSE, CODE = ChunkKey(digest(b"loose")), digest(b"code")


@pytest.fixture
def session(tmp_path: Path, write_files: Callable[..., None]) -> Iterator[Session]:
    write_files(tmp_path, {"pipeline.yaml": "stages: {s: {cmd: echo one > out.txt, outs: [out.txt]}}"})
    session = open_session(Project(tmp_path, env={}).location, Settings(), create=True)
    yield session
    session.close()


@pytest.fixture
def make(session: Session) -> Callable[..., Record]:
    """Make a record called by a word, finished in a year, its object in the store unless `here` is false."""

    def make(word: str, finished: int, *, code: Digest = CODE, here: bool = True) -> Record:
        data = word.encode()
        name = session.objects.put(data) if here else digest(data)
        part = Part(name, len(data), name)
        key = ChunkKey(digest(b"key of " + data))
        return Record(key, {"out": part}, STAGE, "run", 1.0, f"{finished}", loose=LOOSE, code=code)

    return make


class Far:
    """What another machine has shared. Implements `engine.session.Far`."""

    def __init__(self, *records: Record) -> None:
        self.records = records

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        return {r.key: r for r in self.records if r.key in set(keys)}

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        return {LOOSE: list(self.records)} if LOOSE in set(keys) else {}

    def partials(self, stage: StageName, key: ChunkKey) -> list[Partial]:
        return []

    def guards(self, tree: Digest) -> bool:
        return False

    def disown(self, objects: Iterable[str]) -> None: ...

    def brought(self, objects: int, bytes: int) -> None: ...


def chosen(
    session: Session,
    near: Sequence[Record],
    far: Sequence[Record] = (),
    code: Digest = CODE,
    runs_code: Mapping[StageName, frozenset[str]] | None = None,
) -> Record | None:
    log = RecordLog(session.store, "20260101T000000Z-aaaa")
    for record in near:
        log.add(record)
    past = StorePast(session, far=Far(*far), code=lambda: runs_code or {})
    try:
        found = past.loosely(STAGE, [LOOSE, ChunkKey(digest(b"unknown"))], code)
        assert found.keys() <= {LOOSE}
        assert past.borrowed.keys() == {r.key for r in found.values() if r in far}
        return found.get(LOOSE)
    finally:
        past.index.close()


def test_nothing(session: Session) -> None:
    assert chosen(session, []) is None


def test_the_newest(session: Session, make: Callable[..., Record]) -> None:
    old, new = make("old", 2001), make("new", 2002)
    assert chosen(session, [new, old]) == new


def test_wherever_it_is(session: Session, make: Callable[..., Record]) -> None:
    old, new = make("old", 2001), make("new", 2002)
    assert chosen(session, [old], far=[new]) == new


def test_here_where_both_have_it(session: Session, make: Callable[..., Record]) -> None:
    record = make("one", 2001)
    assert chosen(session, [record], far=[make("one", 2002)]) == record


def test_one_of_the_code_of_now_before_newer_ones(session: Session, make: Callable[..., Record]) -> None:
    mine, newer = make("mine", 2001), make("newer", 2002, code=digest(b"other"))
    assert chosen(session, [mine, newer]) == mine
    assert chosen(session, [], code=digest(b"third")) == newer


def test_an_older_one_where_the_newest_is_not_whole(session: Session, make: Callable[..., Record]) -> None:
    old, new = make("old", 2001), make("new", 2002, here=False)
    assert chosen(session, [old, new]) == old


def test_none_that_is_not_whole(session: Session, make: Callable[..., Record]) -> None:
    assert chosen(session, [make("gone", 2001, here=False)]) is None


def test_none_that_was_fetched_unsigned_where_it_runs_code(session: Session, make: Callable[..., Record]) -> None:
    record = marked(make("fetched", 2001), "origin")
    assert chosen(session, [record], runs_code={STAGE: frozenset({"out"})}) is None
    assert chosen(session, [record], runs_code={STAGE: frozenset({"other"})}) == record


def test_what_others_wrote_in_the_place_of_a_time_does_no_harm(session: Session, make: Callable[..., Record]) -> None:
    odd = [replace(make(f"odd {value}", 2001), finished=value) for value in (5, None, [])]  # type: ignore[arg-type]
    assert chosen(session, [make("one", 2001)], far=odd) in odd
