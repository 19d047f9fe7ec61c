"""Do numbers cross the wire without losing a digit?"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zhunsheng_client.exact import read, written

_EXACT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False, places=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_EXACT)
def test_whatever_is_written_is_read_again(data: Any) -> None:
    assert read(written(data)) == data


@given(_EXACT)
def test_what_is_written_is_json_as_others_write_it(data: Any) -> None:
    assert json.loads(written(data), parse_float=Decimal) == data


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+6"), "1000000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("9999999999999999999999999999999.99"), "9999999999999999999999999999999.99"),
        (Decimal("-0.0"), "-0.0"),
    ],
)
def test_a_decimal_is_written_with_exactly_its_digits(number: Decimal, text: str) -> None:
    assert written({"a": [number]}) == f'{{"a":[{text}]}}'


def test_a_date_is_written_as_it_is_read() -> None:
    assert written([datetime.date(2024, 9, 30), datetime.datetime(2024, 9, 30, 8, tzinfo=datetime.UTC)]) == '["2024-09-30","2024-09-30T08:00:00+00:00"]'


def test_a_number_that_comes_with_a_point_is_a_decimal() -> None:
    found = read(b'{"a":4.74,"b":5,"c":1e2}')
    assert (found, [type(value) for value in found.values()]) == ({"a": Decimal("4.74"), "b": 5, "c": Decimal(100)}, [Decimal, int, Decimal])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_finite_number_is_not_sent(number: str) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        written(Decimal(number))


@pytest.mark.parametrize(("data", "said"), [(0.1, "use Decimal"), ({1: 2}, "names of a JSON object"), (b"1", "a bytes"), ({1, 2}, "a set")])
def test_what_is_not_exact_or_not_json_is_not_sent(data: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        written({"facts": data})
