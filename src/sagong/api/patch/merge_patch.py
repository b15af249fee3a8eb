"""JSON merge patch (RFC 7386) on plain dicts. The original is not changed; what the patch leaves alone is shared with it."""

from __future__ import annotations

from typing import Any


def merge(original: Any, patch: Any) -> Any:
    """Return the original with the patch merged in: null removes, objects merge, anything else replaces."""
    if not isinstance(patch, dict):
        return _without_nulls(patch)
    result = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merge(result.get(key), value)
        else:
            result[key] = _without_nulls(value)
    return result


def _without_nulls(value: Any) -> Any:
    """Drop the null members of objects inside lists, as upstream's library does (RFC 7386 would keep them)."""
    if not isinstance(value, list):
        return value
    return [merge({}, item) if isinstance(item, dict) else _without_nulls(item) for item in value]
