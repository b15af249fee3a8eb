"""JSON to YAML as upstream's server writes it: go-yaml's quotes, blocks and order of keys, over libyaml's emitter."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml
from yaml import events

from sagong.api.short_cache import cached_when_short
from sagong.api.yaml_decode import plain_scalar

_WIDTH = 80
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d?-\d\d?([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[-+]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d+)?)?", re.ASCII)
_PLAIN, _NOT_PLAIN = (True, True), (False, True)
_NUMBER = re.compile(r"[0-9]*")
_IN_NUMBER = re.compile(r"[1-9][0-9]*$")


def to_yaml(body: bytes) -> bytes:
    """Return JSON as YAML."""
    text: str = yaml.emit(_document(msgspec.json.decode(body)), Dumper=yaml.CSafeDumper, allow_unicode=True, width=_WIDTH)
    return text.encode()


def _document(value: Any) -> Iterator[events.Event]:
    yield events.StreamStartEvent()
    yield events.DocumentStartEvent(explicit=False)
    yield from _node(value)
    yield events.DocumentEndEvent(explicit=False)
    yield events.StreamEndEvent()


def _node(value: Any) -> Iterator[events.Event]:
    if isinstance(value, dict):
        yield events.MappingStartEvent(None, None, implicit=True, flow_style=False)
        for key in _ordered(value):
            yield _string(key)
            yield from _node(value[key])
        yield events.MappingEndEvent()
    elif isinstance(value, list):
        yield events.SequenceStartEvent(None, None, implicit=True, flow_style=False)
        for item in value:
            yield from _node(item)
        yield events.SequenceEndEvent()
    elif isinstance(value, str):
        yield _string(value)
    else:
        yield events.ScalarEvent(None, None, _PLAIN, "null" if value is None else msgspec.json.encode(value).decode())


def _string(text: str) -> events.ScalarEvent:
    if "\n" in text:
        return events.ScalarEvent(None, None, _PLAIN, text, style="|")
    if _reads_otherwise(text):
        return events.ScalarEvent(None, None, _NOT_PLAIN, text, style='"')
    return events.ScalarEvent(None, None, _PLAIN, text)


@cached_when_short(4096)
def _reads_otherwise(text: str) -> bool:
    """Say whether unquoted text would be a boolean, a number, a moment or null to a reader of YAML 1.1."""
    return not isinstance(plain_scalar(text), str) or bool(_MOMENT.fullmatch(text)) or bool(_BASE_60.fullmatch(text))


def _ordered(found: Mapping[str, Any]) -> list[str]:
    """Return the keys in go-yaml's order: letters after all else, runs of digits by their value."""
    keys = sorted(found)
    return keys if all(map(str.isalpha, keys)) else sorted(keys, key=_BY_PARTS)


def _compared(a: str, b: str) -> int:
    at = next((i for i, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), -1)
    if at < 0:
        return len(a) - len(b)
    left, right = a[at], b[at]
    if left.isalpha() or right.isalpha():
        return ord(left) - ord(right) if left.isalpha() and right.isalpha() else 1 if left.isalpha() else -1
    one, other = _digits(a, at), _digits(b, at)
    grown = "1" if "0" in (left, right) and _IN_NUMBER.search(a, 0, at) else "0"
    return int(grown + one) - int(grown + other) or len(one) - len(other) or ord(left) - ord(right)


def _digits(text: str, at: int) -> str:
    found = _NUMBER.match(text, at)
    return found[0] if found else ""


_BY_PARTS = functools.cmp_to_key(_compared)
