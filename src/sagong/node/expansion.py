"""`$(NAME)` in commands, arguments, environment values and subPathExpr; `$$(NAME)` stays as `$(NAME)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# `$$` is one dollar, whatever follows; `$(` without `)` and a lone `$` stay as they are
_TOKEN = re.compile(r"\$\$|\$\(([^)]*)\)", re.DOTALL)


def expand(text: str, *variables: Mapping[str, str]) -> str:
    """Replace references by the value of the first mapping that has the name; unknown ones stay as written."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return next((known[match[1]] for known in variables if match[1] in known), match[0])

    return _TOKEN.sub(value, text)


def references(text: str) -> Sequence[str]:
    """Return the names that `text` refers to, in order."""
    return [match[1] for match in _TOKEN.finditer(text) if match[0] != "$$"]
