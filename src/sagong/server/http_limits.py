"""What one client may cost the HTTP layer, and how it is told that it is too much."""

from __future__ import annotations

from dataclasses import dataclass

from sagong.api.errors import RequestTooLargeError
from sagong.server.messages import TEXT, Response
from sagong.server.status import error_response

TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Limits:
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
