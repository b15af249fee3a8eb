from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api import quantity
from sagong.api.quantity import Quantity, QuantityError, canonical, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", "0"),
        ("0m", "0"),
        ("0Ki", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("+1", "+1"),
        ("1000", "1k"),
        ("1000m", "1"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("1.500", "1.500"),
        ("1024Ki", "1Mi"),
        ("1028Ki", "1028Ki"),
        ("1.5Gi", "1536Mi"),
        ("0.1Mi", "104857600m"),
        ("0.0001Ki", "102400u"),
        ("0.5Ki", "512"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("1000e3", "1e6"),
        ("10e-1", "1"),
        ("1e1", "10"),
        ("1E", "1E"),
        ("9Ei", "9223372036854775807"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("1.1n", "2n"),
        ("-1.1n", "-2n"),
        ("100Mi", "100Mi"),
        ("129e6", "129e6"),
        ("128974848", "128974848"),
        ("500000", "500k"),
        ("-1", "-1"),
        (" 5 ", "5"),
        (".5", "500m"),
        ("5.", "5."),
        ("0012Mi", "0012Mi"),
    ],
)
def test_canonical_form_is_upstreams(text: str, wanted: str) -> None:
    assert canonical(text) == wanted


@pytest.mark.parametrize("text", ["", "1x", "aa", "1 Mi", "1..2", "0x1"])
def test_text_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        parse(text)


@pytest.mark.parametrize("text", ["1Kii", "1mi", "1e", "1MM", "1ee3", "1e99999", "--1"])
def test_unknown_suffix_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="unable to parse quantity's suffix"):
        parse(text)


def test_values_round_away_from_zero() -> None:
    assert [parse(t).value() for t in ("100m", "1001m", "-100m", "1Ki", "1n")] == [1, 2, -1, 1024, 1]
    assert [parse(t).milli_value() for t in ("100m", "1", "1u", "-1u")] == [100, 1000, 1, -1]


def test_arithmetic_keeps_the_left_format_unless_that_is_zero() -> None:
    assert quantity.add("1Gi", "1Gi") == "2Gi"
    assert quantity.add("0", "1Gi") == "1Gi"
    assert quantity.add("", "100m") == "100m"
    assert quantity.add("500m", "500m") == "1"
    assert quantity.subtract("1Gi", "1Mi") == "1023Mi"
    assert quantity.compare("1", "1000m") == 0
    assert parse("1") < parse("1001m")
    assert quantity.total([{"cpu": "1", "memory": "1Gi"}, {"cpu": "500m"}]) == {"cpu": "1500m", "memory": "1Gi"}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_decimals_keep_their_amount(number: Decimal) -> None:
    text = f"{number:f}"
    assert Decimal(parse(text).nanos) == number * quantity.NANO


@given(st.integers(-(10**24), 10**24), st.sampled_from(["DecimalSI", "BinarySI", "DecimalExponent"]))
def test_printing_and_parsing_round_trip(nanos: int, form: quantity.Format) -> None:
    amount = Quantity(nanos, form)
    again = parse(str(amount))
    assert again == amount
    assert canonical(canonical(str(amount))) == canonical(str(amount))


@given(st.integers(0, 2**62), st.sampled_from(["", "Ki", "Mi", "m", "k", "e3"]))
def test_canonical_never_changes_the_amount(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert parse(canonical(text)) == parse(text)
