"""What a client says of the answer: the media types that it accepts, and whether somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_AGENTS = ("curl", "Wget", "Mozilla/5.0")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


class Clause(NamedTuple):
    """One of the media types of an Accept header, with its parameters, `q` among them."""

    media: str
    parameters: dict[str, str]
    quality: float


def clauses(accept: str) -> Iterator[Clause]:
    """Yield what an Accept header has, in its order (RFC 9110, 12.5.1)."""
    for text in accept.split(","):
        media, *rest = (part.strip() for part in text.split(";"))
        parameters = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in rest)}
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            quality = 1.0
        yield Clause(media.lower(), parameters, quality)


def covers(accepted: str, media: str) -> bool:
    """Tell whether a media type is one of those that a clause is about."""
    return accepted in (media, "*/*") or (accepted.endswith("/*") and media.startswith(accepted[:-1]))


def wants_pretty(agent: str, said: str) -> bool:
    """Tell whether somebody reads the answer: `?pretty=` says so, or where it says nothing the client is one of those that people use."""
    return said in _TRUE if said else agent.startswith(_AGENTS)
