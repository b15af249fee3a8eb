"""JSON text to a tree that forgets nothing (order, duplicates, how numbers were written), with Go's words for what is wrong."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn


class JsonError(ValueError):
    """The text is not JSON, or does not fit the kind; the text is Go's."""


class Pairs(list[tuple[str, Any]]):
    """An object with its members in order, duplicates included."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def parse(data: bytes) -> Any:
    """Parse JSON into Pairs, lists, Numbers, str, bool and None. Raises JsonError with Go's text."""
    text = data.decode("utf-8", "replace")
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(_go_syntax_error(text, error)) from error
    except RecursionError:
        raise JsonError("exceeded max depth") from None
    return value


def member(pairs: Any, name: str) -> Any:
    """Return the last member of that name, None when absent or when this is no object."""
    return next((value for key, value in reversed(pairs) if key == name), None) if isinstance(pairs, Pairs) else None


def _no_constant(text: str) -> NoReturn:
    raise JsonError(f"invalid character '{text[0]}' looking for beginning of value")


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
_BAD_NUMBER = re.compile(r"-(?![0-9])|-?(?:0|[1-9][0-9]*)(?:\.(?![0-9])|(?:\.[0-9]+)?[eE][-+]?(?![0-9]))")
_NUMBER_ENDS = {".": "after decimal point in numeric literal", "-": "in numeric literal"}
_EXPECTED = {"property name": "looking for beginning of object key string", "':'": "after object key", "','": ""}
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F]..)|.)")  # group 1: a lone surrogate
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]')


def _go_syntax_error(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    number = _BAD_NUMBER.search(text, max(text.rfind(c, 0, position) for c in " ,:[\n\t\r") + 1)
    if number and number.start() <= position <= number.end():
        where = _NUMBER_ENDS.get(number[0][-1], "in exponent of numeric literal")
        found = text[number.end() : number.end() + 1]
    elif error.msg.startswith(("Unterminated string", "Invalid")):
        found, where = _in_string(text, position, error.msg)
    elif error.msg.startswith("Extra"):
        found, where = text[position], "after top-level value"
    else:
        found, where = _expectation(text, position, error.msg)
    return f"invalid character {_quoted(found)} {where}" if found else "unexpected end of JSON input"


def _in_string(text: str, position: int, message: str) -> tuple[str, str]:
    if message.startswith("Invalid \\u"):
        wrong = next((c for c in text[position + 1 : position + 5] if c not in "0123456789abcdefABCDEF"), "")
        return wrong, "in \\u hexadecimal character escape"
    if message.startswith("Invalid \\"):
        return text[position + 1 : position + 2], "in string escape code"
    return (text[position] if message.startswith("Invalid") else ""), "in string literal"


def _expectation(text: str, position: int, message: str) -> tuple[str, str]:
    found = text[position : position + 1] if text[position:].strip() else ""
    for expected, where in _EXPECTED.items():
        if expected in message:
            return found, where or f"after {'object key:value pair' if _enclosing(text[:position]) == '{' else 'array element'}"
    for word in ("true", "false", "null"):
        if found == word[0]:
            wrong = next((i for i, c in enumerate(word) if text[position + i : position + i + 1] != c), 0)
            return text[position + wrong : position + wrong + 1] or " ", f"in literal {word} (expecting {_quoted(word[wrong])})"
    return found, "looking for beginning of value"


def _enclosing(prefix: str) -> str:
    stack: list[str] = []
    for part in _PARTS.findall(prefix):
        if part in "[{":
            stack.append(part)
        elif part in "]}" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def _quoted(character: str) -> str:
    special = {"'": r"'\''", '"': "'\"'", "\n": r"'\n'", "\t": r"'\t'", "\r": r"'\r'"}
    return special.get(character, f"'{character}'")


def go_quote(text: str) -> str:
    """Quote as Go's %q does, near enough for field names."""
    return json.dumps(text, ensure_ascii=False)


def json_type(value: Any) -> str:
    """Name the JSON type of a parsed value as Go does."""
    if isinstance(value, Pairs):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, Number) else "string"
