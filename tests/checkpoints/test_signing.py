"""Signatures: any change of any field, another key, another store, another name make them invalid."""

from __future__ import annotations

import hmac
import json
from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ckptflow.checkpoints import lines
from ckptflow.checkpoints.manifest import Checkpoint, ProcessorState, Statistics, Status
from ckptflow.checkpoints.signing import FIELD, Signer, name_of
from ckptflow.chunk.headway import Headway, Items
from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.model import Partial, Record, State

SIGNER = Signer(b"0123456789abcdef", "aa" * 16)

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
counts = st.integers(0, 1 << 70)
digests = st.binary(max_size=2).map(lambda data: digest(data))
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
parts = st.builds(Part, object=digests, bytes=counts, values=digests, rows=st.none() | counts, listing=st.booleans())
KNOWN = {"key", "outs", "stage", "run", "seconds", "finished", "rows_in", "state", "v", "x", FIELD, "forget"}
KNOWN |= {"items", "quarantine"}
records = st.builds(
    Record,
    key=digests.map(ChunkKey),
    outs=st.dictionaries(texts, parts, max_size=3),
    stage=names.map(StageName),
    run=texts,
    seconds=st.floats(0, 1e6).map(lambda value: round(value, 6)),
    finished=texts,
    rows_in=st.none() | counts,
    state=st.none() | jsons.map(State),
    items=st.none() | st.builds(Items, counts, counts, counts),
    quarantine=st.none() | parts,
    extra=st.dictionaries(texts.filter(lambda key: key not in KNOWN), jsons, max_size=2),
)


def changed_parts(part: Part) -> list[Part]:
    other = Digest("0" * 64)
    return [
        replace(part, object=other, values=part.values if part.values != part.object else other),
        replace(part, object=other),
        replace(part, bytes=part.bytes + 1),
        replace(part, values=other),
        replace(part, rows=None if part.rows is not None else 0),
        replace(part, rows=(part.rows or 0) + 1),
        replace(part, listing=not part.listing),
    ]


def changes(record: Record) -> list[Record]:
    """Every field of a record, and of its parts, with another value; nothing else changed."""
    found = [
        replace(record, key=ChunkKey("0" * 64)),
        replace(record, stage=StageName(record.stage + "x")),
        replace(record, run=record.run + "x"),
        replace(record, seconds=record.seconds + 1),
        replace(record, finished=record.finished + "x"),
        replace(record, rows_in=None if record.rows_in is not None else 0),
        replace(record, rows_in=(record.rows_in or 0) + 1),
        replace(record, state=State(None) if record.state is None else None),
        replace(record, items=Items() if record.items is None else None),
        replace(record, items=(record.items or Items()) + Items(skipped=1)),
        replace(record, quarantine=Part(Digest("0" * 64), 1, Digest("0" * 64)) if record.quarantine is None else None),
        replace(record, state=State([record.state.value if record.state is not None else 0])),
        replace(record, loose=ChunkKey("0" * 64)),
        replace(record, loose=None if record.loose is not None else ChunkKey("1" * 64)),
        replace(record, code=Digest("0" * 64)),
        replace(record, code=None if record.code is not None else Digest("1" * 64)),
        replace(record, extra={**record.extra, "more": 1}),
        replace(record, outs={**record.outs, "more": Part(Digest("0" * 64), 1, Digest("0" * 64))}),
    ]
    for label, part in record.outs.items():
        rest = {name: other for name, other in record.outs.items() if name != label}
        found += [replace(record, outs={**record.outs, label: each}) for each in changed_parts(part)]
        found += [replace(record, outs=rest), replace(record, outs={**rest, label + "x": part})]
    more = {name: value for name, value in record.extra.items() if name != FIELD}
    found += [replace(record, extra={**record.extra, name: [value]}) for name, value in more.items()]
    return found


def test_the_changes_reach_every_field() -> None:
    """What a later version adds to records or parts has to be added to `changes` too."""
    assert {field.name for field in fields(Record)} == {
        "key", "outs", "stage", "run", "seconds", "finished", "rows_in", "state", "items",
        "quarantine", "loose", "code", "extra",
    }  # fmt: skip
    assert {field.name for field in fields(Part)} == {"object", "bytes", "values", "rows", "listing"}


@given(records)
def test_a_signed_record_is_signed_after_its_way_through_a_log(record: Record) -> None:
    signed = SIGNER.sign_record(record)
    read = lines.decode(lines.encode_record(signed)[:-1])
    assert isinstance(read, Record)
    assert SIGNER.is_signed(signed)
    assert SIGNER.is_signed(read)
    assert not SIGNER.is_signed(record)


@given(records)
def test_any_change_of_any_field_makes_a_record_invalid(record: Record) -> None:
    signed = SIGNER.sign_record(record)
    signature = signed.extra[FIELD]
    for each in changes(signed):
        assert each.extra[FIELD] == signature
        if each.to_dict() != signed.to_dict():
            assert not SIGNER.is_signed(each), each


@given(records, records)
def test_no_two_records_have_one_signature(one: Record, other: Record) -> None:
    assume(one.to_dict() != other.to_dict())
    moved = replace(other, extra={**other.extra, FIELD: SIGNER.sign_record(one).extra[FIELD]})
    assert not SIGNER.is_signed(moved)


@given(records, st.binary(min_size=16, max_size=40), names)
def test_another_key_or_another_store_is_not_enough(record: Record, key: bytes, store_id: str) -> None:
    other = Signer(key, store_id)
    assume((key, store_id) != (SIGNER.key, SIGNER.store_id))
    assert not SIGNER.is_signed(other.sign_record(record))
    assert other.is_signed(other.sign_record(SIGNER.sign_record(record)))


def test_parts_cannot_change_places(record) -> None:
    """What is a pickle of one out does not pass as that of another, nor a longer label as a shorter one."""
    a, b = (Part(Digest(digit * 64), 1, Digest(digit * 64)) for digit in "ab")
    signed = SIGNER.sign_record(replace(record(1), outs={"model": a, "report": b}))
    assert not SIGNER.is_signed(replace(signed, outs={"model": b, "report": a}))
    assert SIGNER.is_signed(replace(signed, outs={"report": b, "model": a})), "the order of labels is no content"


@pytest.mark.parametrize(
    "given",
    ["", "0" * 64, None, 5, ["a"], {"a": 1}, "é" * 64, "\ud800", "A" * 64, True],
)
def test_what_is_no_signature_is_refused(record, given) -> None:
    assert not SIGNER.is_signed(replace(record(1), extra={FIELD: given}))


def test_a_record_that_is_no_json_is_not_signed(record) -> None:
    signed = SIGNER.sign_record(record(1))
    loop: list[object] = []
    loop.append(loop)
    for strange in ({1: 2, "a": 3}, object(), loop, b"bytes"):
        assert not SIGNER.is_signed(replace(signed, extra={**signed.extra, "more": strange}))


def test_the_key_is_in_no_repr(record) -> None:
    assert "0123456789abcdef" not in repr(SIGNER)
    assert SIGNER.store_id in repr(SIGNER)


def test_the_form_of_a_signature_is_part_of_the_format(record) -> None:
    """Another text here, and everything that was signed before is worth nothing."""
    made = record(1)
    object_ = made.outs["out"].object
    text = (
        f'["record",1,"{"aa" * 16}","",{{"finished":"2026-01-01T00:00:00Z","key":"{made.key}",'
        f'"outs":{{"out":["{object_}",6,3,null]}},"rows_in":3,"run":"20260101T000000Z-aaaa","seconds":0.125,'
        '"stage":"load"}]'
    )
    expected = hmac.new(b"0123456789abcdef", text.encode(), "sha256").hexdigest()
    assert SIGNER.sign_record(made).extra[FIELD] == expected


def checkpoint(**more: object) -> Checkpoint:
    when = "2026-06-01T12:00:01Z"
    known = {"status": Status.COMPLETED, "processed_count": 3, **more}
    return Checkpoint("load_20260601120001", "load", "stages:load", when, when, **known)  # type: ignore[arg-type]


def written(made: Checkpoint) -> tuple[str, dict[str, object]]:
    return name_of(made), json.loads(json.dumps(made.to_dict()))


@given(
    states=st.dictionaries(st.integers() | texts, jsons, max_size=3),
    extra=st.dictionaries(texts.filter(lambda key: key not in checkpoint().to_dict()), jsons, max_size=2),
    seconds=st.integers(0, 100) | st.floats(0, 100),
)
def test_a_signed_checkpoint_is_signed_after_its_way_through_a_file(states, extra, seconds) -> None:
    assume(len({str(key) for key in states}) == len(states))
    made = checkpoint(
        processor_state=ProcessorState(dataset_specific_state=states),
        statistics=Statistics(processing_time_seconds=seconds),
        extra=extra,
    )
    name, doc = written(SIGNER.sign_checkpoint(made))
    assert SIGNER.is_signed_checkpoint(name, doc)
    assert not SIGNER.is_signed_checkpoint(*written(made))
    assert Checkpoint.from_dict(doc).extra[FIELD] == doc[FIELD]


def test_any_change_of_a_checkpoint_makes_it_invalid() -> None:
    name, doc = written(SIGNER.sign_checkpoint(checkpoint()))
    for field in doc:
        assert not SIGNER.is_signed_checkpoint(name, {**doc, field: "other"}), field
        assert not SIGNER.is_signed_checkpoint(name, {key: value for key, value in doc.items() if key != field}), field
        inner = doc[field]
        if isinstance(inner, dict):
            for below in inner:
                assert not SIGNER.is_signed_checkpoint(name, {**doc, field: {**inner, below: "other"}}), below
    assert not SIGNER.is_signed_checkpoint(name, {**doc, "more": None})
    assert not Signer(SIGNER.key, "bb" * 16).is_signed_checkpoint(name, doc)
    assert not Signer(b"f" * 16, SIGNER.store_id).is_signed_checkpoint(name, doc)


@pytest.mark.parametrize(
    "name",
    [
        "checkpoints/load/load_20270601120001_completed.json",
        "checkpoints/load/load_20260601120001_failed.json",
        "checkpoints/other/load_20260601120001_completed.json",
        "",
    ],
)
def test_a_checkpoint_is_signed_for_its_name_only(name: str) -> None:
    own, doc = written(SIGNER.sign_checkpoint(checkpoint()))
    assert SIGNER.is_signed_checkpoint(own, doc)
    assert not SIGNER.is_signed_checkpoint(name, doc)


def test_a_record_is_no_checkpoint(record) -> None:
    signed = SIGNER.sign_record(record(1))
    assert not SIGNER.is_signed_checkpoint("", signed.to_dict())


partials = st.builds(
    Partial,
    key=digests.map(ChunkKey),
    headway=st.builds(
        Headway,
        position=st.none() | counts,
        items=st.builds(Items, counts, counts, counts),
        outs=st.dictionaries(texts, st.lists(parts, max_size=2).map(tuple), max_size=2),
        failed=st.lists(parts, max_size=2).map(tuple),
        state=st.just(()) | st.tuples(jsons),
        own=st.just(()) | st.tuples(jsons),
    ),
    stage=names.map(StageName),
    run=texts,
    kept=texts,
)


@given(partials, partials)
def test_what_an_unfinished_chunk_has_kept_is_signed_as_a_whole(one: Partial, other: Partial) -> None:
    signed = SIGNER.sign_partial(one)
    read = lines.decode(lines.encode_partial(signed)[:-1])
    assert read == signed
    assert SIGNER.is_signed(signed)
    assert not SIGNER.is_signed(one)
    assume(one.to_dict() != other.to_dict())
    assert not SIGNER.is_signed(replace(other, extra=signed.extra))
