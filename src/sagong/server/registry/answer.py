"""Answers that are no stored object: reviews, scales, a plain success."""

from __future__ import annotations

from typing import Any

from sagong.api import codec
from sagong.api.types.base import ApiStruct
from sagong.server import status
from sagong.server.exchange import Exchange
from sagong.server.messages import Response
from sagong.server.negotiation import body_media, of_status, representation
from sagong.server.shown import shown


def typed(exchange: Exchange, obj: ApiStruct, code: int = 200) -> Response:
    """Answer with a typed object, its kind filled in."""
    target = codec.target_of(type(obj))
    whole: Any = obj
    whole.apiVersion, whole.kind = target.api_version, target.kind
    return shown(whole, representation(exchange.request, targets=False), code)


def succeeded(exchange: Exchange, code: int = 201) -> Response:
    """Answer with a Status that says only Success."""
    return shown(status.success(code=code), of_status(exchange.request), code)


def read(exchange: Exchange, kind: type[ApiStruct]) -> Any:
    """Decode a body of a kind that is no resource of its own. Raises BadRequestError."""
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"
    decoded = codec.decode(request.body, body_media(request), kind, strict=strict)
    exchange.warnings += decoded.warnings
    return decoded.obj
