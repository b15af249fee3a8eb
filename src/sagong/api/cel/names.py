"""Property names as CEL identifiers: `x-y` is `x__dash__y`, `namespace` is `__namespace__`."""

from __future__ import annotations

import re

_RESERVED = frozenset(
    ["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"]
) | {"package", "namespace", "return", "var", "void", "while"}
_SPECIAL = re.compile(r"__|[-./]")
_ALLOWED = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_WORDS = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def escaped(name: str) -> str | None:
    """Return the identifier by which expressions reach the property; None when they cannot."""
    if not _ALLOWED.fullmatch(name):
        return None
    return f"__{name}__" if name in _RESERVED else _SPECIAL.sub(lambda match: _WORDS[match[0]], name)
