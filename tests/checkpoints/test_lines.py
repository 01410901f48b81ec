import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from ckptflow.checkpoints import lines
from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record, State

DIGESTS = st.binary(max_size=4).map(digest)
PARTS = st.builds(
    Part, object=DIGESTS, bytes=st.integers(0), values=DIGESTS, rows=st.none() | st.integers(0), listing=st.booleans()
)
RECORDS = st.builds(
    Record,
    key=DIGESTS.map(ChunkKey),
    outs=st.dictionaries(st.text(max_size=5), PARTS, max_size=3),
    stage=st.text(min_size=1).map(StageName),
    run=st.just("r"),
    seconds=st.integers(0, 10**6).map(lambda n: n / 64),
    finished=st.just("2026-01-01T00:00:00Z"),
    rows_in=st.none() | st.integers(0),
    loose=st.none() | DIGESTS.map(ChunkKey),
    code=st.none() | DIGESTS,
    extra=st.dictionaries(st.text(min_size=2, max_size=4).map(lambda t: f"_{t}"), st.text(max_size=3), max_size=2),
)


def sealed(doc, key_first=True):
    body = json.dumps(doc, separators=(",", ":")).encode()[:-1]
    return body + f',"x":"{xxh3_64_hexdigest(body)}"}}'.encode()


@given(RECORDS)
def test_a_record_survives(record):
    line = lines.encode_record(record)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert lines.decode(line[:-1]) == record
    assert lines.glance(line[:-1]) == (bytes.fromhex(record.key), False)
    loose = None if record.loose is None else (bytes.fromhex(record.loose), bytes.fromhex(record.key))
    assert lines.loose_key(line[:-1]) == loose


@given(DIGESTS)
def test_a_forget_survives(key):
    line = lines.encode_forget(key)[:-1]
    assert lines.decode(line) == lines.Forget(key)
    assert lines.glance(line) == (bytes.fromhex(key), True)


@given(RECORDS, st.data())
def test_any_changed_byte_is_found(record, data):
    line = bytearray(lines.encode_record(record)[:-1])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(lines.BadLine):
        lines.decode(bytes(line))
    with pytest.raises(lines.BadLine):
        lines.glance(bytes(line))
    assert lines.loose_key(bytes(line)) is None


@given(RECORDS, st.data())
def test_any_cut_line_is_found(record, data):
    line = lines.encode_record(record)[:-1]
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    assert lines.loose_key(cut) is None
    for read in (lines.decode, lines.glance):
        with pytest.raises(lines.BadLine):
            read(cut)


def test_a_stage_called_forget_is_no_forget(record):
    made = dataclasses.replace(record(1), stage=StageName('","forget":true,"'), extra={"note": {"forget": True}})
    line = lines.encode_record(made)[:-1]
    assert lines.glance(line)[1] is False
    assert lines.decode(line) == made


def test_lines_of_another_order_are_read(record):
    doc = record(1).to_dict()
    later = {"stage": doc.pop("stage"), "v": 1, "new": 5, **doc}
    line = sealed(later)
    assert lines.decode(line) == dataclasses.replace(record(1), extra={"new": 5})
    assert lines.glance(line) == (bytes.fromhex(record(1).key), False)
    forget = sealed({"forget": True, "v": 1, "key": record(1).key})
    assert lines.glance(forget) == (bytes.fromhex(record(1).key), True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 2}, "newer ckptflow"),
        ({"v": None}, "version"),
        ({"key": "../../etc"}, "no key"),
        ({"outs": {"o": ["../../x", 1, None, None]}}, "names no objects"),
        ({"outs": {"o": [digest(b""), 1, None, "zz"]}}, "names no objects"),
        ({"outs": []}, "not a record"),
        ({"outs": {"o": [1]}}, "not a record"),
        ({"stage": ...}, "not a record"),
        ({"loose": "../../etc"}, "malformed"),
        ({"code": 5}, "malformed"),
    ],
)
def test_sound_lines_that_say_nothing_usable(record, change, words):
    doc = {"v": 1, **record(1).to_dict(), **change}
    line = sealed({k: v for k, v in doc.items() if v is not ...})
    with pytest.raises(lines.BadLine, match=words):
        lines.decode(line)


@pytest.mark.parametrize("text", [[], 5, None, {}, {"key": 5}])
def test_sealed_nonsense(text):
    if isinstance(text, dict):
        line = sealed(text) if text else b'{,"x":"' + xxh3_64_hexdigest(b"{").encode() + b'"}'
    else:
        line = json.dumps(text).encode()
    for read in (lines.decode, lines.glance):
        with pytest.raises(lines.BadLine):
            read(line)


@pytest.mark.parametrize("where", ["first", "last", "signed"])
def test_a_loose_key_is_seen_wherever_it_stands(record, where):
    made = dataclasses.replace(record(1), loose=ChunkKey(digest(b"loose")), code=digest(b"code"))
    doc = {"key": made.key, "v": 1, **made.to_dict()}
    if where == "last":
        line = sealed(doc)
    else:
        made = dataclasses.replace(made, extra={"sig": "0" * 64}) if where == "signed" else made
        line = lines.encode_record(made)[:-1]
        assert line.index(b'"loose"') < line.index(b'"outs"')
    assert lines.decode(line) == made
    assert lines.glance(line) == (bytes.fromhex(made.key), False)
    assert lines.loose_key(line) == (bytes.fromhex(made.loose), bytes.fromhex(made.key))


def test_what_only_looks_like_a_loose_key_is_none(record):
    made = dataclasses.replace(record(1), state=State({"loose": digest(b"state")}))
    line = lines.encode_record(made)[:-1]
    assert lines.loose_key(line) is None
    assert lines.decode(line) == made
