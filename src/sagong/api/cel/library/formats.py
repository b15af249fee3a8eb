"""Formats of names and values: `format.dns1123Label().validate("a-b")` is optional.none(), or the complaints."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sagong.api import names
from sagong.api.cel import times, types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.library import urls
from sagong.api.cel.values import NONE, Host, Optional

FORMATS = Functions()
_FORMAT = FORMATS.type("Format", types.struct("kubernetes.NamedFormat"))
_UUID = re.compile("(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
Validate = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Format(Host):
    """A named format. `pattern` is how long its pattern is, for the cost."""

    cel_type: ClassVar = _FORMAT
    flat_equality: ClassVar = True
    name: str
    validate: Validate
    pattern: int


def _uri(text: str) -> list[str]:
    fault = urls.fault(text)
    return [fault] if fault else []


def _base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _or(complaint: str, fits: Callable[[str], object]) -> Validate:
    return lambda text: [] if fits(text) else [complaint]


_ALL = {
    "dns1123Label": Format("DNS1123Label", names.dns1123_label, 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", names.dns1123_subdomain, 60),
    "dns1035Label": Format("DNS1035Label", names.dns1035_label, 30),
    "qualifiedName": Format("QualifiedName", names.qualified_name, 60),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", names.generated(names.dns1123_label), 30),
    "dns1123SubdomainPrefix": Format("DNS1123SubdomainPrefix", names.generated(names.dns1123_subdomain), 60),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", names.generated(names.dns1035_label), 30),
    "labelValue": Format("LabelValue", names.label_value, 40),
    "uri": Format("URI", _uri, 1000),
    "uuid": Format("uuid", _or("does not match the UUID format", _UUID.fullmatch), 90),
    "byte": Format("byte", _or("invalid base64", _base64), 1000),
    "date": Format("date", _or("invalid date", lambda text: times.parse_timestamp(f"{text}T00:00:00Z")), 60),
    "datetime": Format("datetime", _or("invalid datetime", times.parse_timestamp), 60),
}


def _validate(chosen: Format, text: str) -> Optional:
    complaints = list(chosen.validate(text))
    return Optional(complaints, present=True) if complaints else NONE


def _named(name: str) -> Optional:
    found = _ALL.get(name)
    return Optional(found, present=True) if found else NONE


def _declare() -> None:
    FORMATS.add("validate", "format-validate Format.(string) -> optional(list(string))", _validate)
    FORMATS.add("format.named", "format-named (string) -> optional(Format)", _named)
    for name, chosen in _ALL.items():
        FORMATS.add(f"format.{name}", f"format.{name} () -> Format", lambda chosen=chosen: chosen)


_declare()
