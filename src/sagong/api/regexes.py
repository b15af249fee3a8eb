"""Regular expressions of users: RE2's, which take time in proportion to the text whatever the pattern; loaded with the first of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_GO_WORDS = {  # what RE2 in C++ says: what Go says
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "trailing \\": "trailing backslash at end of expression",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}


class PatternError(ValueError):
    """A text is no regular expression; the message is Go's."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the pattern ready for use. Raises PatternError."""
    import re2  # noqa: PLC0415 - loaded with the first pattern

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        what, _, where = text.partition(": ")
        shown = pattern if what == "unexpected )" else where
        raise PatternError(f"error parsing regexp: {_GO_WORDS.get(what, what)}: `{shown}`") from None


def fault(pattern: str) -> str | None:
    """Return why it is no pattern, in Go's words; None when it is one."""
    try:
        compiled(pattern)
    except PatternError as error:
        return str(error)
    return None
