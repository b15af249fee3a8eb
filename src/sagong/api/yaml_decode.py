"""YAML to JSON as upstream's clients and server do it: YAML 1.1 scalars, bounded aliases, one document, string keys.

Works on libyaml's events rather than on PyYAML's node tree, so that a deeply nested document cannot exhaust the C stack.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml
from yaml import events

from sagong.api.short_cache import cached_when_short

MAX_DEPTH = 500
_ALIASES_FREE, _DECODES_FREE = 100, 1000
_RATIO_LOW, _RATIO_HIGH = 400_000, 4_000_000

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES = (16, 2, 8, 10)
_INTEGRAL = 1e21  # Go writes floats below this without an exponent, so that they read back as integers


class YamlError(ValueError):
    """The document cannot be read; the text is the one upstream shows, with its `yaml: ` prefix."""


@dataclass(slots=True)
class _Open:
    """A collection under construction; `key` waits for its value when it is a mapping."""

    value: Any
    anchor: str | None
    line: int
    key: Any = None
    expects_value: bool = False
    merges: list[Any] = field(default_factory=list)


def yaml_to_json(data: bytes) -> tuple[bytes, list[str]]:
    """Return the first document as JSON with sorted keys, and `line 3: key "a" already set in map` for each duplicate.

    Raises YamlError.
    """
    builder = _Builder()
    try:
        value = builder.build(data)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_syntax(error)) from error
    except yaml.YAMLError as error:
        raise YamlError(f"yaml: {_problem(error)}") from error
    return msgspec.json.encode(value, order="deterministic"), builder.duplicates


class _Builder:
    """Builds one value from the event stream; counts what aliases expand to."""

    def __init__(self) -> None:
        self.duplicates: list[str] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._stack: list[_Open] = []
        self._decoded = self._aliased = 0

    def build(self, data: bytes) -> Any:
        result: Any = None
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            if isinstance(event, events.DocumentEndEvent):
                break
            done, value = self._take(event)
            if not done:
                continue
            if not self._stack:
                result = value
            else:
                self._put(self._stack[-1], value, event)
        return result

    def _take(self, event: events.Event) -> tuple[bool, Any]:
        """Return (True, value) when the event completes a value."""
        if isinstance(event, events.ScalarEvent):
            self._count(1, aliased=False)
            value = _resolve(event)
            if event.anchor:
                self._anchors[event.anchor] = value, 1
            return True, value
        if isinstance(event, events.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"yaml: unknown anchor '{event.anchor}' referenced")
            value, size = self._anchors[event.anchor]
            self._count(size, aliased=True)
            return True, value
        if isinstance(event, events.CollectionStartEvent):
            self._count(1, aliased=False)
            self._open({} if isinstance(event, events.MappingStartEvent) else [], event)
        elif isinstance(event, events.CollectionEndEvent):
            return True, self._close()
        return False, None

    def _open(self, value: Any, event: events.CollectionStartEvent) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise YamlError(f"yaml: line {_line(event)}: exceeded max depth of {MAX_DEPTH}")
        self._stack.append(_Open(value, event.anchor, self._decoded))

    def _close(self) -> Any:
        top = self._stack.pop()
        for source in top.merges:
            for key, value in source.items():
                top.value.setdefault(key, value)
        if top.anchor:
            self._anchors[top.anchor] = top.value, self._decoded - top.line + 1
        return top.value

    def _put(self, top: _Open, value: Any, event: events.Event) -> None:
        if isinstance(top.value, list):
            top.value.append(value)
        elif not top.expects_value:
            plain_merge = value == "<<" and isinstance(event, events.ScalarEvent) and event.style is None
            top.key, top.expects_value = (_MERGE if plain_merge else _key(value)), True
        else:
            top.expects_value = False
            if top.key is _MERGE:
                top.merges.extend(_merge_sources(value))
                return
            if top.key in top.value:
                self.duplicates.append(f'line {_line(event)}: key "{top.key}" already set in map')
            top.value[top.key] = value

    def _count(self, size: int, *, aliased: bool) -> None:
        self._decoded += size
        self._aliased += size if aliased else 0
        if self._aliased > _ALIASES_FREE and self._decoded > _DECODES_FREE and self._aliased > self._decoded * _allowed(self._decoded):
            raise YamlError("yaml: document contains excessive aliasing")


_MERGE = object()


def _line(event: events.Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _allowed(decoded: int) -> float:
    """Return the share of a document of this size that may come from aliases, as go-yaml has it."""
    if decoded <= _RATIO_LOW:
        return 0.99
    if decoded >= _RATIO_HIGH:
        return 0.10
    return 0.99 - 0.89 * (decoded - _RATIO_LOW) / (_RATIO_HIGH - _RATIO_LOW)


def _merge_sources(value: Any) -> list[Any]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise YamlError("yaml: map merge requires map or sequence of maps as the value")
    return sources


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        raise YamlError("unsupported map key of type: %!s(<nil>), key: <nil>")
    raise YamlError("yaml: invalid map key")


def _resolve(event: events.ScalarEvent) -> Any:
    tag = (event.tag or "").removeprefix("tag:yaml.org,2002:")
    if tag == "str" or (not event.implicit[0] and tag in ("", "!")):
        return event.value
    if tag == "binary":
        return msgspec.convert(event.value, bytes).decode("latin-1")
    value = plain_scalar(event.value)
    if isinstance(value, float) and not abs(value) < _INTEGRAL:
        if not math.isfinite(value):
            raise YamlError(f"json: unsupported value: {'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'}")
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if tag == "float" and isinstance(value, int) else value


_DIGITS = 200


@cached_when_short(4096)
def plain_scalar(text: str) -> Any:
    """Return what an unquoted YAML 1.1 scalar means; timestamps stay text, base 60 is not read."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        for digits, base in zip(match.groups()[1:], _BASES, strict=True):
            if digits is not None and len(digits) > _DIGITS:
                return float(f"{match[1]}inf")
            if digits is not None:
                number = int(match[1] + digits, base)
                return number if -(2**63) <= number < 2**64 else float(number)
    return float(plain) if _FLOAT.fullmatch(plain) else text


def _syntax(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    line = 0 if mark is None else mark.line
    if line and type(error).__name__ == "ScannerError":
        line += 1
    return f"yaml: line {line}: {error.problem}" if line else f"yaml: {error.problem}"


def _problem(error: yaml.YAMLError) -> str:
    reason = str(getattr(error, "reason", error)).splitlines()
    return reason[0] if reason else "unknown problem parsing YAML content"
