"""Answers that are no stored object: reviews, scales, a plain success."""

from __future__ import annotations

from typing import Any

from sagong.api import codec
from sagong.api.types.base import ApiStruct
from sagong.server import status
from sagong.server.exchange import Exchange
from sagong.server.messages import JSON, Response
from sagong.server.negotiation import YAML, body_media, representation
from sagong.server.registry.render import to_yaml


def typed(exchange: Exchange, obj: ApiStruct, code: int = 200) -> Response:
    """Answer with a typed object, its kind filled in."""
    target = codec.target_of(type(obj))
    whole: Any = obj
    whole.apiVersion, whole.kind = target.api_version, target.kind
    body = codec.encode(whole)
    if representation(exchange.request, targets=False).media == YAML:
        return Response(to_yaml(body), code, YAML)
    return Response(body, code, JSON)


def succeeded(code: int = 201) -> Response:
    """Answer with a Status that says only Success."""
    return Response(status.encode(status.success(code=code)), code)


def read(exchange: Exchange, kind: type[ApiStruct]) -> Any:
    """Decode a body of a kind that is no resource of its own. Raises BadRequestError."""
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"
    decoded = codec.decode(request.body, body_media(request), kind, strict=strict)
    exchange.warnings += decoded.warnings
    return decoded.obj
