"""Files of variables that pods write for themselves (fileKeyRef, KEP-3721): lines NAME='value', a strict part of the shell's syntax."""

from __future__ import annotations

from collections.abc import Iterator

LIMIT = 1 << 20
_BLANK = " \t"


class EnvFileError(Exception):
    """A line that is none."""


def value_of(text: str, key: str) -> str:
    """Return the value of the first assignment to `key`, "" when there is none. Raises EnvFileError for a bad line before it.

    A value stands between single quotes, with line breaks and all; after a blank there is none: NAME= 'x' assigns nothing.
    """
    return next((value for name, value in _assignments(text) if name == key), "")


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        bare = line.rstrip("\r").lstrip(_BLANK)
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        if not equals:
            raise EnvFileError(f"line {number}: missing '='")
        if not name.rstrip(_BLANK):
            raise EnvFileError(f"line {number}: empty variable name")
        if name != name.rstrip(_BLANK):
            raise EnvFileError(f"line {number}: whitespace before '=' is not allowed")
        if value.startswith((" ", "\t")):
            yield name, ""
        elif value.startswith("'"):
            yield name, _quoted(value[1:], number, lines)
        else:
            raise EnvFileError(f"line {number}: value must be enclosed in single quotes")


def _quoted(rest: str, number: int, lines: Iterator[tuple[int, str]]) -> str:
    parts = []
    while "'" not in rest:
        parts.append(rest)
        following = next(lines, None)
        if following is None:
            raise EnvFileError(f"starting at line {number}: unclosed single quote")
        rest = following[1].rstrip("\r")
    inside, _, after = rest.partition("'")
    if after.lstrip(_BLANK) and not after.lstrip(_BLANK).startswith("#"):
        raise EnvFileError(f"line {number}: unexpected content after closing quote")
    return "\n".join([*parts, inside])
