"""Amounts of resources: `quantity("1Gi").isGreaterThan(quantity("500Mi"))`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sagong.api import quantity
from sagong.api.cel import types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import INT_MAX, INT_MIN, Host

QUANTITIES = Functions()
_QUANTITY = QUANTITIES.type("Quantity", types.struct("kubernetes.Quantity"))


@dataclass(frozen=True, slots=True)
class Amount(Host):
    """A quantity."""

    cel_type: ClassVar = _QUANTITY
    flat_equality: ClassVar = True
    amount: quantity.Quantity

    def __str__(self) -> str:
        return str(self.amount)


def _parse(text: str) -> Amount:
    try:
        return Amount(quantity.parse(text))
    except quantity.QuantityError as error:
        raise EvaluationError(str(error)) from None


def _is_one(text: str) -> bool:
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return False
    return True


def _integer(amount: Amount) -> int:
    if not _is_integer(amount):
        raise EvaluationError("cannot convert value to integer")
    return int(amount.amount.nanos // quantity.NANO)


def _is_integer(amount: Amount) -> bool:
    whole, rest = divmod(amount.amount.nanos, quantity.NANO)
    return bool(rest == 0 and INT_MIN <= whole <= INT_MAX)


def _compare(left: Amount, right: Amount) -> int:
    difference = left.amount.nanos - right.amount.nanos
    return int(difference > 0) - int(difference < 0)


def _plus(left: Amount, right: Any) -> Amount:
    return Amount(left.amount + _amount(right))


def _minus(left: Amount, right: Any) -> Amount:
    return Amount(left.amount - _amount(right))


def _amount(value: Any) -> quantity.Quantity:
    return value.amount if isinstance(value, Amount) else quantity.of(value, "DecimalExponent")


def _declare() -> None:
    add = QUANTITIES.add
    add("quantity", "string_to_quantity (string) -> Quantity", _parse)
    add("isQuantity", "is_quantity_string (string) -> bool", _is_one)
    for style in ("quantity_sign (Quantity) -> int", "quantity_sign Quantity.() -> int"):
        add("sign", style, lambda a: _compare(a, Amount(quantity.ZERO)))
    add("isGreaterThan", "quantity_is_greater_than Quantity.(Quantity) -> bool", lambda a, b: _compare(a, b) > 0)
    add("isLessThan", "quantity_is_less_than Quantity.(Quantity) -> bool", lambda a, b: _compare(a, b) < 0)
    add("compareTo", "quantity_compare_to Quantity.(Quantity) -> int", _compare)
    add("asApproximateFloat", "quantity_get_float Quantity.() -> double", lambda a: a.amount.nanos / quantity.NANO)
    add("asInteger", "quantity_get_int Quantity.() -> int", _integer)
    add("isInteger", "quantity_is_integer Quantity.() -> bool", _is_integer)
    add("add", "quantity_add Quantity.(Quantity) -> Quantity", _plus)
    add("add", "quantity_add_int Quantity.(int) -> Quantity", _plus)
    add("sub", "quantity_sub Quantity.(Quantity) -> Quantity", _minus)
    add("sub", "quantity_sub_int Quantity.(int) -> Quantity", _minus)


_declare()
