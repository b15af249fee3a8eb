"""What one client may cost the HTTP layer, and how it is told that it is too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from sagong.api.errors import RequestTooLargeError
from sagong.server.messages import TEXT, Response
from sagong.server.status import error_response

TOO_LARGE = 413


class Limits(Struct, frozen=True):
    """Bounds on what one client may cost; sizes in bytes, times in seconds. Defaults are upstream's where it has them."""

    head: int = 1 << 20
    body: int = 3 * 1024 * 1024
    head_seconds: float = 32
    body_seconds: float = 60
    idle_seconds: float = 90
    write_seconds: float = 60
    handshake_seconds: float = 10
    linger_seconds: float = 1
    linger_bytes: int = 64 << 20
    connections: int = 20_000


class RefusedError(Exception):
    """The message is refused at the HTTP level; the connection closes behind the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = Response(text.encode(), status, TEXT)


def too_large(limit: int) -> RefusedError:
    """Return the refusal of a body, as a Status: API clients look for its reason."""
    error = RefusedError(TOO_LARGE, "")
    error.response = error_response(RequestTooLargeError(f"Request entity too large: limit is {limit}"))
    return error


class Framing(NamedTuple):
    """What the parser says of a head: the version of HTTP, and whether an upgrade is asked for."""

    version: str
    upgrade: bool


def refusal(headers: Mapping[str, Sequence[str]], framing: Framing, limits: Limits) -> RefusedError | None:
    """Return why a request is refused whose framing is doubtful, or whose body is too large; None when all is well."""
    if framing.version == "1.1" and len(headers.get("host", ())) != 1:
        return RefusedError(400, "400 Bad Request: missing or repeated Host header")
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and (length is not None or len(coding) > 1 or coding[0].lower() != "chunked"):
        return RefusedError(400, "400 Bad Request: unsupported transfer encoding")
    if length is not None and (len(length) > 1 or not length[0].isdecimal()):
        return RefusedError(400, "400 Bad Request: bad Content-Length")
    size = int(length[0]) if length is not None else 0
    if framing.upgrade and (coding is not None or size):
        # The parser takes what follows for another protocol: the body would be read as the next request.
        return RefusedError(400, "400 Bad Request: an upgrade with a body")
    return too_large(limits.body) if size > limits.body else None
