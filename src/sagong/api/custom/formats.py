"""Formats of strings in schemas of custom resources; a format that is not here is not checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date
from email.utils import parseaddr

from sagong.api import names
from sagong.api.scalars import normal_time

_UUID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?%s[0-9a-fA-F]{3}-?%s[0-9a-fA-F]{3}-?[0-9a-fA-F]{12}"
_DURATION = re.compile(
    r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)"
    r"|(?:\d+(?:\.\d+)?\s*(?:ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?"
    r"|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+"
)
_CREDIT_CARD = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11}"
)
_MAX_HOST, _MAX_HOST_LABEL = 255, 63
_RGB = 255


def _matches(pattern: str) -> Callable[[str], bool]:
    expression = re.compile(pattern, re.ASCII)
    return lambda text: expression.fullmatch(text) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _sloppy(text: str) -> str:
    """Leave out leading zeros of an address's parts, as Go's older parser did."""
    return re.sub(r"(?<![\d:a-fA-F])0+(?=\d)", "", text)


def _network(text: str) -> object:
    if "/" not in text or not text.rpartition("/")[2].isdecimal():
        raise ValueError(text)
    return ipaddress.ip_network(_sloppy(text), strict=False)


def _host(text: str) -> bool:
    labels = text.split(".")
    simple = all(re.fullmatch(r"[^\W_](?:[^\W_]|-(?=[^\W_]))*", label) for label in labels)
    top = len(labels) == 1 or re.fullmatch(r"[^\W\d_]{2,63}", labels[-1]) is not None
    return simple and top and len(text) <= _MAX_HOST and all(len(label) <= _MAX_HOST_LABEL for label in labels)


def _email(text: str) -> bool:
    _, address = parseaddr(text)
    name, at, domain = address.rpartition("@")
    return bool(at and name and domain) and " " not in address


def _uri(text: str) -> bool:
    return (
        bool(text)
        and " " not in text
        and text.isprintable()
        and (text.startswith("/") or re.match(r"[a-zA-Z][-+.a-zA-Z0-9]*:.", text) is not None)
    )


def _isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"\d{9}[\dX]", digits):
        return False
    return sum((index + 1) * (10 if digit == "X" else int(digit)) for index, digit in enumerate(digits)) % 11 == 0


def _isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"\d{13}", digits):
        return False
    return sum(int(digit) * (1, 3)[index % 2] for index, digit in enumerate(digits)) % 10 == 0


def _credit_card(text: str) -> bool:
    digits = re.sub(r"\D+", "", text)
    if not _CREDIT_CARD.fullmatch(digits):
        return False
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def _rgb(text: str) -> bool:
    match = re.fullmatch(r"rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)", text)
    return match is not None and all(int(part) <= _RGB and str(int(part)) == part for part in match.groups())


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "uri": _uri,
    "email": _email,
    "hostname": _host,
    "ipv4": lambda text: "." in text and _parses(ipaddress.ip_address)(_sloppy(text)),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(_network),
    "mac": _matches(
        "(?:[0-9a-fA-F]{2}([-:])[0-9a-fA-F]{2}(?:\\1[0-9a-fA-F]{2}){4}(?:(?:\\1[0-9a-fA-F]{2}){2})?)|(?:[0-9a-fA-F]{4}\\.){2,3}[0-9a-fA-F]{4}"
    ),
    "uuid": _matches(_UUID % ("[0-9a-fA-F]", "[0-9a-fA-F]")),
    "uuid3": _matches(_UUID % ("3", "[0-9a-fA-F]")),
    "uuid4": _matches(_UUID % ("4", "[89abAB]")),
    "uuid5": _matches(_UUID % ("5", "[89abAB]")),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "creditcard": _credit_card,
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _matches("#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _rgb,
    "byte": _matches(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
    "password": lambda _: True,
    "date": lambda text: _matches(r"\d{4}-\d\d-\d\d")(text) and _parses(date.fromisoformat)(text),
    "duration": lambda text: _DURATION.fullmatch(text.strip()) is not None,
    "datetime": _parses(normal_time),
    "k8sshortname": lambda text: not names.dns1123_label(text),
    "k8slongname": lambda text: not names.dns1123_subdomain(text),
}


def supported(name: str, kind: str) -> str:
    """Return the format if it is checked for that type, "" otherwise."""
    if kind in ("", "string"):
        return name if name.replace("-", "") in FORMATS else ""
    return name if name in {"integer": ("int32", "int64"), "number": ("float", "double")}.get(kind, ()) else ""


def conforms(text: str, name: str) -> bool:
    """Say whether a string is of a format."""
    return FORMATS[name.replace("-", "")](text)
