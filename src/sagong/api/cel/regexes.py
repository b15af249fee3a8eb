"""Regular expressions in expressions."""

from __future__ import annotations

from typing import Any

from sagong.api import regexes
from sagong.api.cel.errors import EvaluationError
from sagong.api.regexes import fault

__all__ = ["compiled", "fault", "found"]


def compiled(pattern: str) -> Any:
    """Return the pattern ready for use. Raises EvaluationError."""
    try:
        return regexes.compiled(pattern)
    except regexes.PatternError as error:
        raise EvaluationError(str(error)) from None


def found(text: str, pattern: str) -> bool:
    """Say whether the pattern matches anywhere in the text."""
    return compiled(pattern).search(text) is not None
