"""Identity of schemas, and the key under which what follows from a schema is kept."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ckptflow.chunk.schema import Exact, schema_text

PLAIN = pa.schema([("x", pa.int64()), ("l", pa.list_(pa.float32()))])
UUID = pa.schema([("u", pa.uuid())])
LIKE_UUID = pa.schema(
    [pa.field("u", pa.binary(16), metadata={"ARROW:extension:name": "arrow.uuid", "ARROW:extension:metadata": ""})]
)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.with_metadata({"a": "b"}),
        pa.schema([("x", pa.int64()), pa.field("l", pa.list_(pa.float32()), nullable=False)]),
        pa.schema([("x", pa.int64()), ("l", pa.list_(pa.field("element", pa.float32())))]),
        pa.schema([("l", pa.list_(pa.float32())), ("x", pa.int64())]),
        pa.schema([("x", pa.int32()), ("l", pa.list_(pa.float32()))]),
    ],
)
def test_schemas_that_differ_in_anything_are_different_keys(other):
    assert Exact(other) != Exact(PLAIN)


def test_equal_schemas_are_one_key():
    again = pa.schema([("x", pa.int64()), ("l", pa.list_(pa.float32()))])
    assert Exact(again) == Exact(PLAIN)
    assert hash(Exact(again)) == hash(Exact(PLAIN))
    assert Exact(PLAIN) != PLAIN


@pytest.mark.parametrize("first", [UUID, LIKE_UUID])
def test_an_extension_type_is_not_its_storage_with_the_metadata_of_one(first):
    assert Exact(UUID) != Exact(LIKE_UUID)
    schema_text(first)
    assert "extension" in schema_text(UUID)
    assert "extension" not in schema_text(LIKE_UUID)


def test_names_inside_lists_and_metadata_are_no_identity():
    other = pa.schema([("x", pa.int64()), ("l", pa.list_(pa.field("element", pa.float32())))], metadata={"a": "b"})
    assert schema_text(other) == schema_text(PLAIN)
