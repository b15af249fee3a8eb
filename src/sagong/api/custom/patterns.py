"""Regular expressions of schemas: RE2's, which no value can keep busy for long; loaded with the first of them."""

from __future__ import annotations

import functools
from typing import Any


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    import re2  # noqa: PLC0415 - loaded with the first pattern

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def complaint(pattern: str, text: str) -> str:
    """Return the pattern as messages show it when the text does not match it anywhere, "" when it does."""
    found = _compiled(pattern)
    if isinstance(found, str):
        return f"{pattern}, but pattern is invalid: error parsing regexp: {found}"
    return "" if found.search(text) is not None else pattern
