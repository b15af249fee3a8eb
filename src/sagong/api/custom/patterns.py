"""Regular expressions as Go reads them (RE2), for Python's engine: matching anywhere, ASCII classes, `$` only at the very end."""

from __future__ import annotations

import functools
import re
import unicodedata

_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ", "upper": "A-Z",
    "word": r"0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_TOKENS = re.compile(
    r"\\Q(?P<literal>.*?)(?:\\E|\Z)|\\[pP](?:\{(?P<class>\^?\w+)\}|(?P<letter>\w))|(?P<escape>\\(?:x\{[0-9A-Fa-f]+\}|.))"
    r"|\[:(?P<posix>\^?\w+):\]|(?P<flags>\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?\))|(?P<named>\(\?<(?![=!]))|(?P<other>.)",
    re.DOTALL,
)
_MOST = 0x10FFFF


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern, to be used with `search`. Raises re.error."""
    return re.compile(translated(pattern), re.ASCII)


def translated(pattern: str) -> str:
    """Return a pattern of RE2 in Python's syntax."""
    out: list[str] = []
    depth, opened, inside, multiline = 0, list[int](), False, False
    first = False
    for match in _TOKENS.finditer(pattern):
        kind, text = match.lastgroup or "other", match[0]
        if kind in ("class", "letter"):
            piece = _unicode_class(match["class"] or match["letter"], negated=text[1] == "P")
            out.append(piece if inside else f"[{piece}]")
        elif kind == "literal":
            out.append(re.escape(match["literal"]))
        elif kind == "escape":
            out.append({r"\z": r"\Z", r"\C": "[^\n]"}.get(text) or (_point(text) if text.startswith(r"\x{") else text))
        elif kind == "posix" and inside:
            name = match["posix"]
            out.append(_complement(_POSIX[name[1:]]) if name.startswith("^") else _POSIX.get(name, text))
        elif kind == "flags" and not inside:
            multiline = multiline or "m" in text.partition("-")[0]
            out.append(f"{text[:-1].replace('U', '')}:" if text.strip("(?)") else "")
            opened.append(depth)
        elif kind == "named" and not inside:
            depth += 1
            out.append("(?P<")
        else:
            inside, first, depth = _plain(text, inside=inside, first=first, depth=depth)
            while text == ")" and opened and opened[-1] > depth:
                opened.pop()
                out.append(")")
            out.append(r"\Z" if text == "$" and not inside and not multiline else r"\[" if text == "[" and inside and not first else text)
            first = text == "[" or (first and text == "^")
            continue
        first = False
    return "".join(out) + ")" * len(opened)


def _plain(text: str, *, inside: bool, first: bool, depth: int) -> tuple[bool, bool, int]:
    if inside:
        return (text != "]" or first), first, depth
    return text == "[", text == "[", depth + (text == "(") - (text == ")")


def _point(text: str) -> str:
    return f"\\U{int(text[3:-1], 16):08x}"


@functools.cache
def _unicode_class(name: str, *, negated: bool) -> str:
    """Return the members of a Unicode category as ranges. Raises re.error for one that is not known here."""
    if name.startswith("^"):
        name, negated = name[1:], not negated
    script = {"Latin": "LATIN", "Greek": "GREEK", "Cyrillic": "CYRILLIC", "Han": "CJK UNIFIED"}.get(name, "")
    if not script and (len(name) > 2 or name[0] not in "LMNPSZC"):  # noqa: PLR2004 - categories have one letter or two
        raise re.error(f"invalid character class range: `\\p{{{name}}}`")
    ranges: list[str] = []
    start = -1
    for point in range(_MOST + 2):
        character = chr(min(point, _MOST))
        found = unicodedata.name(character, "").startswith(script) if script else unicodedata.category(character).startswith(name)
        if point <= _MOST and found != negated:
            start = point if start < 0 else start
        elif start >= 0:
            ranges.append(f"\\U{start:08x}-\\U{point - 1:08x}")
            start = -1
    return "".join(ranges)


def _complement(members: str) -> str:
    return "".join(f"\\x{point:02x}" for point in range(128) if not re.match(f"[{members}]", chr(point))) + "\\x80-\\U0010ffff"
