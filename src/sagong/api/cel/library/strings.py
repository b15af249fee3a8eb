"""Strings: cutting, joining, searching by pattern, formatting; `jsonpatch.escapeKey`."""

from __future__ import annotations

from typing import Any

from sagong.api.cel import regexes
from sagong.api.cel.costs import ROOM
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import CostExceeded, EvaluationError
from sagong.api.cel.library.format_strings import formatted

STRINGS = Functions()
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_QUOTES = str.maketrans(
    {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}
)
_SPACES = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def _out_of_range(index: int) -> EvaluationError:
    return EvaluationError(f"index out of range: {index}")


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if not part:
        return start
    if start < 0:
        raise _out_of_range(start)
    return text.find(part, start)


def _last_index_of(text: str, part: str, start: int | None = None) -> int:
    if not part:
        return len(text) if start is None else start
    if start is None:
        return text.rfind(part)
    if start < 0:
        raise _out_of_range(start)
    return -1 if start >= len(text) else text.rfind(part, 0, start + len(part))


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    times = text.count(old) if count < 0 else min(count, text.count(old))
    if len(text) + times * (len(new) - len(old)) > ROOM:
        raise CostExceeded
    return text.replace(old, new, count if count >= 0 else -1)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if 0 < limit < len(text):
        return [*text[: limit - 1], text[limit - 1 :]]
    return list(text)


def _substring(text: str, start: int, end: int | None = None) -> str:
    if end is not None and start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    for index in (start, end):
        if index is not None and not 0 <= index <= len(text):
            raise _out_of_range(index)
    return text[start:end]


def _join(parts: list[Any], separator: str = "") -> str:
    for part in parts:
        if not isinstance(part, str):
            raise EvaluationError(f"join: invalid input: {part}")
    return separator.join(parts)


def _pattern(text: str) -> Any:
    try:
        return regexes.compiled(text)
    except EvaluationError as error:
        raise EvaluationError(f"Illegal regex: {error}") from None


def _find(text: str, pattern: str) -> str:
    found = _pattern(pattern).search(text)
    return found.group() if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match.group() for match in _pattern(pattern).finditer(text)]
    return found if limit < 0 else found[:limit]


def _declare() -> None:
    add = STRINGS.add
    add("charAt", "string_char_at_int string.(int) -> string", _char_at)
    add("indexOf", "string_index_of_string string.(string) -> int", _index_of)
    add("indexOf", "string_index_of_string_int string.(string, int) -> int", _index_of)
    add("lastIndexOf", "string_last_index_of_string string.(string) -> int", _last_index_of)
    add("lastIndexOf", "string_last_index_of_string_int string.(string, int) -> int", _last_index_of)
    add("lowerAscii", "string_lower_ascii string.() -> string", lambda text: text.translate(_LOWER))
    add("upperAscii", "string_upper_ascii string.() -> string", lambda text: text.translate(_UPPER))
    add("replace", "string_replace_string_string string.(string, string) -> string", _replace)
    add("replace", "string_replace_string_string_int string.(string, string, int) -> string", _replace)
    add("split", "string_split_string string.(string) -> list(string)", _split)
    add("split", "string_split_string_int string.(string, int) -> list(string)", _split)
    add("substring", "string_substring_int string.(int) -> string", _substring)
    add("substring", "string_substring_int_int string.(int, int) -> string", _substring)
    add("trim", "string_trim string.() -> string", lambda text: text.strip(_SPACES))
    add("format", "string_format string.(list(dyn)) -> string", formatted)
    add("strings.quote", "strings_quote (string) -> string", lambda text: f'"{text.translate(_QUOTES)}"')
    add("join", "list_join list(string).() -> string", _join)
    add("join", "list_join_string list(string).(string) -> string", _join)
    add("find", "string_find_string string.(string) -> string", _find)
    add("findAll", "string_find_all_string string.(string) -> list(string)", _find_all)
    add("findAll", "string_find_all_string_int string.(string, int) -> list(string)", _find_all)
    escape = str.maketrans({"/": "~1", "~": "~0"})
    add("jsonpatch.escapeKey", "string_jsonpatch_escapeKey_string (string) -> string", lambda text: text.translate(escape))


_declare()
