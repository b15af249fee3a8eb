"""Regular expressions: RE2, which takes time in proportion to the text whatever the pattern; loaded with the first of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sagong.api.cel.errors import EvaluationError

_GO_WORDS = {  # what RE2 in C++ says: what Go says
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "unexpected )": "unexpected )",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid character class range": "invalid character class range",
    "invalid escape sequence": "invalid escape sequence",
    "trailing \\": "trailing backslash at end of expression",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}


def fault(pattern: str) -> str | None:
    """Return why it is no pattern, in Go's words; None when it is one."""
    try:
        compiled(pattern)
    except EvaluationError as error:
        return str(error)
    return None


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    """Return the pattern ready for use. Raises EvaluationError."""
    import re2  # noqa: PLC0415 - loaded with the first pattern

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        what, _, where = text.partition(": ")
        raise EvaluationError(f"error parsing regexp: {_GO_WORDS.get(what, what)}: `{where or pattern}`") from None


def found(text: str, pattern: str) -> bool:
    """Say whether the pattern matches anywhere in the text."""
    return compiled(pattern).search(text) is not None
