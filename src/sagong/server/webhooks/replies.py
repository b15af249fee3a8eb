"""Answers that are not success, in the words that Go's REST client has for them."""

from __future__ import annotations

import msgspec

from sagong.api.errors import ApiError, Cause, from_status
from sagong.api.field_errors import quote
from sagong.api.types.meta import Status
from sagong.server.webhooks.connection import Reply

_MOST_TEXT = 2048
_OWN_WORDS = ""
"""Where the server's own text is the message."""
_WORDS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    403: ("Forbidden", _OWN_WORDS),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    406: ("NotAcceptable", _OWN_WORDS),
    409: ("AlreadyExists", "the server reported a conflict"),
    415: ("UnsupportedMediaType", _OWN_WORDS),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted, but may still be processing the request"),
}


def status_error(reply: Reply) -> ApiError:
    """Return the error: the Status in the body if there is one, else what the code says."""
    found = _status(reply.body)
    if found is not None:
        return found
    media = reply.headers.get("content-type", "")
    said = reply.body[:_MOST_TEXT].decode(errors="replace").strip() if not media or media.startswith("text/") else "unknown"
    code = reply.status
    default = f"the server responded with the status code {code} but did not return more information"
    if code >= 500:  # noqa: PLR2004 - the server's failures
        default = f"an error on the server ({quote(said)}) has prevented the request from succeeding"
    reason, words = _WORDS.get(code, ("InternalError" if code >= 500 else "", default))  # noqa: PLR2004
    delay = reply.headers.get("retry-after", "")
    return ApiError(
        words or said,
        reason=reason,
        code=code,
        causes=[Cause("UnexpectedServerResponse", said)],
        retry_after=int(delay) if delay.isdecimal() else 0,
    )


def _status(body: bytes) -> ApiError | None:
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        return None
    return from_status(status) if status.kind == "Status" and status.status != "Success" else None
