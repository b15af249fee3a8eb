"""Text to tokens, and literals to values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sagong.api.cel.errors import Issue
from sagong.api.cel.values import INT_MAX, INT_MIN, UINT_MAX, UInt

_HEX = "[0-9a-fA-F]"
_ESCAPE = rf"\\(?:[abfnrtv\"'\\?`]|[0-3][0-7][0-7]|[xX]{_HEX}{{2}}|u{_HEX}{{4}}|U{_HEX}{{8}})"
_QUOTED = (
    rf'"""(?:{_ESCAPE}|[^\\])*?"""'
    rf"|'''(?:{_ESCAPE}|[^\\])*?'''"
    rf'|"(?:{_ESCAPE}|[^\\"\n\r])*"'
    rf"|'(?:{_ESCAPE}|[^\\'\n\r])*'"
    r'|[rR]"""(?:.|\n)*?"""'
    r"|[rR]'''(?:.|\n)*?'''"
    r'|[rR]"[^"\n\r]*"'
    r"|[rR]'[^'\n\r]*'"
)
_TOKEN = re.compile(
    r"(?P<SPACE>[\t \r\n\f]+|//[^\n]*)"
    rf"|(?P<BYTES>[bB](?:{_QUOTED}))"
    rf"|(?P<STRING>{_QUOTED})"
    r"|(?P<NUM_FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<NUM_UINT>0x{_HEX}+[uU]|[0-9]+[uU])"
    rf"|(?P<NUM_INT>0x{_HEX}+|[0-9]+)"
    r"|(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<ESC_IDENTIFIER>`[A-Za-z0-9_.\-/ ]+`)"
    r"|(?P<OPERATOR>==|!=|<=|>=|&&|\|\||[<>\[\]{}().,\-!?:+*/%])"
)
# What is no token: a string as far as it goes with the character that ended it, or one character.
_PREFIX = re.compile(rf'"(?:{_ESCAPE}|[^\\"\n\r])*(?:\\.?|[\n\r])?|\'(?:{_ESCAPE}|[^\\\'\n\r])*(?:\\.?|[\n\r])?|.', re.DOTALL)
_WORDS = frozenset({"in", "true", "false", "null"})
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "'": "'", "\\": "\\", "?": "?", "`": "`"}
_ESCAPES = re.compile(_ESCAPE)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is the text itself for operators and words, else the name of the lexer's rule."""

    kind: str
    text: str
    offset: int


class LiteralError(ValueError):
    """A literal that is no value."""


def tokens(source: str) -> tuple[list[Token], list[Issue]]:
    """Split the text; what is no token is reported and left out."""
    found: list[Token] = []
    issues: list[Issue] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            wrong = str(_PREFIX.match(source, position)[0])  # type: ignore[index] # it matches any character
            issues.append(Issue(position, f"Syntax error: token recognition error at: '{wrong}'"))
            position += len(wrong)
            continue
        rule, text = str(match.lastgroup), match[0]
        if rule != "SPACE":
            found.append(Token(text if rule == "OPERATOR" or text in _WORDS else rule, text, position))
        position = match.end()
    found.append(Token("<EOF>", "<EOF>", len(source)))
    return found, issues


def number(kind: str, text: str) -> Any:
    """Return the value of a number, with its sign. Raises LiteralError."""
    if kind == "NUM_FLOAT":
        return float(text)
    unsigned = kind == "NUM_UINT"
    digits = text[:-1] if unsigned else text
    value = int(digits, 16 if "0x" in digits else 10)
    if unsigned and value > UINT_MAX:
        raise LiteralError("invalid uint literal")
    if not unsigned and not INT_MIN <= value <= INT_MAX:
        raise LiteralError("invalid int literal")
    return UInt(value) if unsigned else value


def string(text: str) -> str:
    """Return the value of a quoted string. Raises LiteralError."""
    body, raw = _body(text)
    return body if raw else _ESCAPES.sub(lambda match: _character(match[0]), body)


def byte_string(text: str) -> bytes:
    """Return the value of `b"..."`: escapes are bytes, other characters UTF-8. Raises LiteralError."""
    body, raw = _body(text[1:])
    if raw:
        return body.encode()
    out, position = bytearray(), 0
    for match in _ESCAPES.finditer(body):
        out += body[position : match.start()].encode()
        escape = match[0]
        if escape[1] in "uU":
            raise LiteralError("unable to unescape string")
        out.append(ord(_character(escape)))
        position = match.end()
    return bytes(out + body[position:].encode())


def _body(text: str) -> tuple[str, bool]:
    raw = text[0] in "rR"
    quoted = text[1:] if raw else text
    width = 3 if quoted[:3] in ('"""', "'''") and len(quoted) >= 6 else 1  # noqa: PLR2004 - two triple quotes
    return quoted[width:-width].replace("\r\n", "\n").replace("\r", "\n"), raw


def _character(escape: str) -> str:
    letter = escape[1]
    if letter in _SIMPLE:
        return _SIMPLE[letter]
    code = int(escape[1:].lstrip("xXuU"), 8 if letter.isdigit() else 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the bounds of Unicode, its surrogates
        raise LiteralError("unable to unescape string")
    return chr(code)
