"""Regular expressions of schemas."""

from __future__ import annotations

from sagong.api import regexes


def complaint(pattern: str, text: str) -> str:
    """Return the pattern as messages show it when the text does not match it anywhere, "" when it does."""
    try:
        found = regexes.compiled(pattern).search(text)
    except regexes.PatternError as error:
        return f"{pattern}, but pattern is invalid: {error}"
    return "" if found is not None else pattern
