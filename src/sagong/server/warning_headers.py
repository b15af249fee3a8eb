"""The Warning headers of an answer (RFC 7234, 5.5): each text once, and no more of them than clients take."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MOST, _LONGEST_OF_MANY = 4096, 256  # characters of all texts together, and of each where that is exceeded
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def warning_headers(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return a header for each text; one that no header can carry is left out, many long ones are cut."""
    fit = [text for text in dict.fromkeys(texts) if text and not _UNFIT.search(text)]
    if sum(map(len, fit)) > _MOST:
        fit = _cut(fit)
    return [("Warning", f'299 - "{_quoted(text)}"') for text in fit]


def _cut(texts: list[str]) -> list[str]:
    cut, written = [], 0
    for text in texts:
        if written >= _MOST:
            break
        cut.append(text[:_LONGEST_OF_MANY])
        written += len(cut[-1])
    return cut


def _quoted(text: str) -> str:
    """Escape what would end the text; headers go out as Latin-1, whose bytes here are those of UTF-8."""
    return text.replace("\\", "\\\\").replace('"', '\\"').encode().decode("latin-1")
