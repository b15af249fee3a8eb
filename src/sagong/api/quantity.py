"""Quantities: `100m`, `1.5Gi`, `2e3` (API conventions, resource.Quantity). Exact integers of 10^-9, no floats.

A quantity remembers how it was written: binary (`Ki`), decimal (`k`, `m`) or exponent (`e3`); arithmetic keeps the left
operand's way unless that is zero. Parsing rounds away from zero to 10^-9 and caps binary amounts at 2^63-1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sagong.api.short_cache import cached_when_short

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

_SCALE = -9
NANO = 10**-_SCALE
_MICRO_PER_MILLI = NANO // 1000
_MAX_BINARY = (2**63 - 1) * NANO
_MOST_DIGITS = 300
_MAX_EXPONENT = 400  # upstream has no limit here and would hang on arithmetic; nobody asks for 10^400 of anything
_FAST_DIGITS = 18

_SHAPE = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)  # as the scanner, looser than its message
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_NAMES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_NAMES = {0: "", **{exponent: suffix for suffix, exponent in _BINARY.items()}}


class QuantityError(ValueError):
    """The text is not a quantity; the message is upstream's."""


_FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SUFFIX_WRONG = "unable to parse quantity's suffix"


class Quantity(NamedTuple):
    """An amount in units of 10^-9, and the format it prints in. `text` is the form it was written in when that is kept."""

    nanos: int
    format: Format = "DecimalSI"
    text: str = ""

    def value(self) -> int:
        """Return the amount as an integer, rounded away from zero."""
        return _away(self.nanos, NANO)

    def milli_value(self) -> int:
        """Return a thousand times the amount as an integer, rounded away from zero."""
        return _away(self.nanos, _MICRO_PER_MILLI)

    def __str__(self) -> str:
        return self.text or _render(self.nanos, self.format)

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __add__(self, other: Quantity) -> Quantity:  # type: ignore[override] # a quantity is a number before it is a tuple
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __lt__(self, other: Quantity) -> bool:  # type: ignore[override] # see __add__
        return self.nanos < other.nanos

    def __le__(self, other: Quantity) -> bool:  # type: ignore[override] # see __add__
        return self.nanos <= other.nanos

    def __gt__(self, other: Quantity) -> bool:  # type: ignore[override] # see __add__
        return self.nanos > other.nanos

    def __ge__(self, other: Quantity) -> bool:  # type: ignore[override] # see __add__
        return self.nanos >= other.nanos


ZERO = Quantity(0)


def of(value: int, form: Format = "DecimalSI") -> Quantity:
    """Return the quantity of a whole number."""
    return Quantity(value * NANO, form)


def of_milli(value: int, form: Format = "DecimalSI") -> Quantity:
    """Return the quantity of thousandths."""
    return Quantity(value * _MICRO_PER_MILLI, form)


@cached_when_short(8192)
def parse(text: str) -> Quantity:
    """Parse a quantity. Raises QuantityError with upstream's message."""
    match = _SHAPE.fullmatch(text)
    if not match or not text:
        raise QuantityError(_FORMAT_WRONG)
    sign, whole, fraction, suffix = match.group(1), match.group(2) or "0", match.group(3) or "", match.group(4)
    exponent, form = _suffix(suffix)
    binary = form == "BinarySI"
    digits = whole + fraction
    if len(digits) > _MOST_DIGITS:
        raise QuantityError(_FORMAT_WRONG)
    scale = (0 if binary else exponent) - len(fraction)
    unscaled = int(digits) << exponent if binary else int(digits)
    nanos = unscaled * 10 ** (scale - _SCALE) if scale >= _SCALE else _away(unscaled, 10 ** (_SCALE - scale))
    if binary:
        nanos = min(nanos, _MAX_BINARY)
        if 0 < nanos < NANO:
            form = "DecimalSI"
    kept = text if _is_kept(digits, scale, exponent, form) and len(digits) <= _FAST_DIGITS else ""
    return Quantity(-nanos if sign == "-" else nanos, form, kept)


@cached_when_short(8192)
def canonical(text: str) -> str:
    """Return the form in which the API stores and returns a quantity. Raises QuantityError."""
    return str(parse(text.strip()))


def add(left: str, right: str) -> str:
    """Add two quantities; an empty text counts as nothing."""
    return str(parse(left or "0") + parse(right or "0"))


def subtract(left: str, right: str) -> str:
    """Subtract the right quantity from the left; an empty text counts as nothing."""
    return str(parse(left or "0") - parse(right or "0"))


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1 as the left quantity is less than, equal to or greater than the right."""
    difference = parse(left).nanos - parse(right).nanos
    return (difference > 0) - (difference < 0)


def total(lists: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Add up resource lists, resource by resource."""
    sums: dict[str, Quantity] = {}
    for resources in lists:
        for name, text in resources.items():
            sums[name] = sums.get(name, ZERO) + parse(text)
    return {name: str(amount) for name, amount in sums.items()}


def _suffix(suffix: str) -> tuple[int, Format]:
    if (exponent := _DECIMAL.get(suffix)) is not None:
        return exponent, "DecimalSI"
    if (exponent := _BINARY.get(suffix)) is not None:
        return exponent, "BinarySI"
    if suffix[:1] in ("e", "E") and re.fullmatch(r"[+-]?[0-9]{1,18}", suffix[1:], re.ASCII):
        exponent = int(suffix[1:])
        if abs(exponent) <= _MAX_EXPONENT:
            return exponent, "DecimalExponent"
    raise QuantityError(_SUFFIX_WRONG)


def _is_kept(digits: str, scale: int, exponent: int, form: Format) -> bool:
    """Say whether upstream keeps the text as written instead of printing the amount anew (so `1.100` is not `1100m`)."""
    if form == "BinarySI":
        fits = scale == 0 and 15 - len(digits) - exponent * 3 // 10 - 1 >= 0
        return fits and int(digits) & 7 != 0
    return scale >= _SCALE and scale % 3 == 0 and digits[0] != "0" and not digits.endswith("000")


def _render(nanos: int, form: Format) -> str:
    if nanos == 0:
        return "0"
    if form == "BinarySI" and abs(nanos) >= 1024 * NANO and nanos % NANO == 0:
        amount, exponent = _without_factors(nanos // NANO, 1024, 0, 10, max(_BINARY_NAMES))
        return f"{amount}{_BINARY_NAMES[exponent]}"
    if form == "DecimalExponent":
        amount, exponent = _without_factors(nanos, 1000, _SCALE, 3, _MAX_EXPONENT)
        return f"{amount}e{exponent}" if exponent else str(amount)
    amount, exponent = _without_factors(nanos, 1000, _SCALE, 3, max(_DECIMAL_NAMES))
    return f"{amount}{_DECIMAL_NAMES[exponent]}"


def _without_factors(amount: int, factor: int, exponent: int, step: int, limit: int) -> tuple[int, int]:
    while amount % factor == 0 and exponent < limit:
        amount, exponent = amount // factor, exponent + step
    return amount, exponent


def _away(amount: int, divisor: int) -> int:
    return -(-amount // divisor) if amount >= 0 else amount // divisor
