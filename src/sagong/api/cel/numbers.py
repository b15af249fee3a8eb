"""How Go prints numbers."""

from __future__ import annotations

import math
from decimal import Decimal

_PLAIN_FROM, _PLAIN_TO = -5, 6  # decimal exponents between which no exponent is printed


def format_double(value: float) -> str:
    """Print the shortest text that reads back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    number = Decimal(repr(value))
    exponent = number.adjusted()
    if _PLAIN_FROM < exponent < _PLAIN_TO:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits = "".join(map(str, number.normalize().as_tuple().digits))
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{'+' if exponent >= 0 else '-'}{abs(exponent):02}"
