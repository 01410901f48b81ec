from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.errors import ResultError
from ckptflow.formats.gather import joined_tables, table_of_rows

TZ = dt.timezone(dt.timedelta(hours=2))
VALUES = [
    *(None, 1, -1, 2**53 + 1, 2.5, True, "a", b"b", dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 1)),
    *(dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=TZ), dt.timedelta(1), dt.time(1)),
    *(decimal.Decimal("1.10"), decimal.Decimal("100.123"), [1], ["a"], [], [None], {"a": 1}, {"b": "x"}, {"a": 2.5}),
    *(np.int32(1), np.float32(1.5), np.array([1, 2]), np.datetime64("2020-01-01", "ns"), np.str_("q"), np.bool_(True)),
]
KINDS = [
    VALUES,
    [v for v in VALUES if isinstance(v, int | float | np.number) or v is None],
    [v for v in VALUES if isinstance(v, dt.date) or v is None],
    [v for v in VALUES if isinstance(v, dict | list) or v is None],
]
rows = st.sampled_from(KINDS).flatmap(
    lambda values: st.lists(st.dictionaries(st.sampled_from("xy"), st.sampled_from(values), min_size=1), min_size=2)
)


def made(*parts):
    try:
        table = joined_tables(table_of_rows(part) for part in parts)
    except ResultError:
        return None
    return table.schema, table.combine_chunks().to_pydict()


@settings(deadline=None)
@given(rows, st.data())
def test_what_rows_make_does_not_depend_on_when_they_came(found, data) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=3)))
    parts = [found[a:b] for a, b in zip([0, *cuts], [*cuts, len(found)], strict=True)]
    assert str(made(*parts)) == str(made(found))


def test_columns_are_those_of_all_rows_in_the_order_in_which_they_appear():
    table = joined_tables([table_of_rows([{"b": 1}, {"a": "x", "b": None}]), table_of_rows([{"c": 2.5, "a": "y"}])])
    assert table.to_pydict() == {"b": [1, None, None], "a": [None, "x", "y"], "c": [None, None, 2.5]}
    assert table.schema.types == [pa.int64(), pa.string(), pa.float64()]


@pytest.mark.parametrize("pair", [(1, "a"), (dt.date(2020, 1, 1), 5), (dt.datetime(2020, 1, 1), TZ), (True, 2.5)])
def test_values_that_have_no_type_in_common_name_their_column(pair):
    one, other = pair
    if other is TZ:
        other = one.replace(tzinfo=TZ)
    for parts in ([[{"x": one}, {"x": other}]], [[{"x": one}], [{"x": other}]]):
        with pytest.raises(ResultError, match="column `x`"):
            joined_tables(table_of_rows(part) for part in parts)


def test_a_row_without_columns_is_refused_and_no_rows_have_none():
    with pytest.raises(ResultError, match="no columns"):
        table_of_rows([{}])
    assert joined_tables([table_of_rows([])]).num_columns == 0
