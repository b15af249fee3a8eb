"""The fieldPath of a rule, normalized: `.spec['a-b'].c` is `spec.a-b.c`, and a key of a map stands in brackets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PART = re.compile(r"\.([^.\[\]]+)|\['((?:[^'\\]|\\.)*)'\]")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def rule_path(said: str, source: Mapping[str, Any]) -> str:
    """Return the path as errors show it, "" for one that does not lead to a field of the schema."""
    shown, position = "", 0
    while position < len(said):
        match = _PART.match(said, position)
        if match is None:
            return ""
        name = match[1] if match[1] is not None else _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), match[2])
        properties, others = source.get("properties"), source.get("additionalProperties")
        if properties:
            below, shown = properties.get(name), f"{shown}.{name}" if shown else name
        else:
            below, shown = others, f"{shown}[{name}]"
        if not isinstance(below, Mapping):
            return ""
        source, position = below, match.end()
    return shown
